// Decoding in Node's own buffers: the payload of a chunk ends up at the chunk's start, so that the
// steady state allocates and copies nothing.
#include "addon/receiver.h"

#include <functional>

#include "addon/arguments.h"
#include "codec/receiver.h"

namespace wswrap::addon {
namespace {

using Phase = codec::Receiver::Phase;

const char* name(Phase phase) {
  switch (phase) {
    case Phase::header:
      return "header";
    case Phase::payload:
      return "payload";
    case Phase::control:
      return "control";
    case Phase::closed:
      return "closed";
    case Phase::failed:
      break;
  }
  return "failed";
}

class Receiver : public Napi::ObjectWrap<Receiver> {
 public:
  explicit Receiver(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Receiver>(info) {
    const auto dialect = addon::dialect(info[0]);
    const auto encoding = addon::encoding(info[1]);
    if (!dialect || !encoding) {
      throw_type_error(info.Env(), "Receiver: (Dialect, Encoding) expected");
      return;
    }
    receiver_.dialect = *dialect;
    receiver_.encoding = *encoding;
  }

  Napi::Value decode(const Napi::CallbackInfo& info) {
    const auto in = bytes(info[0]);
    const auto out = info.Length() < 2 ? in : bytes(info[1]);
    if (!in || !out) {
      return throw_type_error(info.Env(), "decode: (Uint8Array, Uint8Array?) expected");
    }
    const std::less<const std::byte*> before;
    if (before(in->data(), out->data()) && before(out->data(), in->data() + in->size())) {
      return throw_range_error(info.Env(), "decode: the output must not start inside of the input");
    }
    const auto [consumed, produced] = codec::decode(receiver_, *in, *out);
    consumed_ = consumed;
    return Napi::Number::New(info.Env(), static_cast<double>(produced));
  }

  Napi::Value consumed(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(consumed_));
  }

  Napi::Value phase(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), name(receiver_.phase));
  }

  Napi::Value close_code(const Napi::CallbackInfo& info) {
    if (!is_over()) return info.Env().Undefined();
    return Napi::Number::New(info.Env(), receiver_.close_code);
  }

  Napi::Value close_reason(const Napi::CallbackInfo& info) {
    if (receiver_.phase != Phase::closed || receiver_.control_size < 2) {
      return Napi::String::New(info.Env(), "");
    }
    const auto* const text = reinterpret_cast<const char*>(receiver_.control.data());
    return Napi::String::New(info.Env(), text + 2, receiver_.control_size - 2U);
  }

  Napi::Value failure(const Napi::CallbackInfo& info) {
    if (receiver_.phase != Phase::failed) return info.Env().Undefined();
    return Napi::String::New(info.Env(), codec::failure_text(receiver_));
  }

  Napi::Value take_ping(const Napi::CallbackInfo& info) {
    if (!receiver_.ping_waiting) return info.Env().Undefined();
    receiver_.ping_waiting = false;
    return copy(info.Env(),
                std::as_bytes(std::span{receiver_.control}.first(receiver_.control_size)));
  }

 private:
  bool is_over() const {
    return receiver_.phase == Phase::closed || receiver_.phase == Phase::failed;
  }

  codec::Receiver receiver_;
  std::size_t consumed_ = 0;
};

}  // namespace

Napi::Function receiver_class(Napi::Env env) {
  return Receiver::DefineClass(
      env, "Receiver",
      {
          Receiver::InstanceMethod<&Receiver::decode>("decode"),
          Receiver::InstanceMethod<&Receiver::take_ping>("takePing"),
          Receiver::InstanceAccessor<&Receiver::consumed>("consumed"),
          Receiver::InstanceAccessor<&Receiver::phase>("phase"),
          Receiver::InstanceAccessor<&Receiver::close_code>("closeCode"),
          Receiver::InstanceAccessor<&Receiver::close_reason>("closeReason"),
          Receiver::InstanceAccessor<&Receiver::failure>("failure"),
      });
}

}  // namespace wswrap::addon
