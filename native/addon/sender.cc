// Framing for JavaScript: what goes before a chunk in the caller's own buffer, or, where the wire
// cannot carry the payload as it is (base64) or a frame must not end anywhere (text), a copy.
#include "addon/sender.h"

#include <vector>

#include "addon/arguments.h"
#include "codec/sender.h"

namespace wswrap::addon {
namespace {

class Sender : public Napi::ObjectWrap<Sender> {
 public:
  explicit Sender(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Sender>(info) {
    const auto dialect = addon::dialect(info[0]);
    const auto encoding = addon::encoding(info[1]);
    if (!dialect || !encoding || !info[2].IsBoolean()) {
      throw_type_error(info.Env(), "Sender: (Dialect, Encoding, boolean) expected");
      return;
    }
    sender_.dialect = *dialect;
    sender_.encoding = *encoding;
    sender_.text = info[2].As<Napi::Boolean>().Value() && *encoding == codec::Encoding::binary;
  }

  Napi::Value encode(const Napi::CallbackInfo& info) {
    const auto payload = bytes(info[0]);
    if (!payload) return throw_type_error(info.Env(), "encode: (Uint8Array) expected");
    if (payload->size() > max_payload) {
      return throw_range_error(info.Env(), "encode: at most 1 GiB at once");
    }
    if (payload->empty()) return copy(info.Env(), {});
    return sender_.encoding == codec::Encoding::base64 ? encode_base64(info.Env(), *payload)
                                                       : encode_frames(info.Env(), *payload);
  }

 private:
  static constexpr std::size_t max_payload = std::size_t{1} << 30;

  Napi::Value encode_base64(Napi::Env env, std::span<const std::byte> payload) {
    const std::size_t size = codec::encoded_frame_size(sender_.dialect, payload.size());
    auto wire = Napi::Buffer<std::byte>::New(env, size);
    codec::write_encoded_frame(sender_.dialect, payload, {wire.Data(), size});
    return wire;
  }

  // As if a kernel took all of each gather call.
  Napi::Value encode_frames(Napi::Env env, std::span<std::byte> payload) {
    std::vector<std::byte> wire;
    while (!payload.empty()) {
      const iovec rest{payload.data(), payload.size()};
      codec::plan(sender_, {&rest, 1}, plan_);
      for (const iovec& part : std::span(plan_.iov).first(plan_.count)) {
        const auto* const start = static_cast<const std::byte*>(part.iov_base);
        wire.insert(wire.end(), start, start + part.iov_len);
      }
      payload = payload.subspan(codec::commit(sender_, plan_, plan_.wire_size));
    }
    return copy(env, wire);
  }

  codec::Sender sender_;
  static thread_local codec::Plan plan_;
};

thread_local codec::Plan Sender::plan_;

}  // namespace

Napi::Function sender_class(Napi::Env env) {
  return Sender::DefineClass(env, "Sender", {Sender::InstanceMethod<&Sender::encode>("encode")});
}

}  // namespace wswrap::addon
