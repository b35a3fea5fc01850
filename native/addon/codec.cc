// The codec for JavaScript; see Codec in src/codec.ts for what each function takes and returns.
#include <array>
#include <string>

#include "addon/addon.h"
#include "addon/arguments.h"
#include "addon/receiver.h"
#include "addon/sender.h"
#include "codec/frame.h"
#include "codec/handshake.h"
#include "codec/sender.h"

namespace wswrap::addon {
namespace {

using codec::Handshake;
using Outcome = Handshake::Outcome;

// A policy together with the memory that its views point into.
struct OwnedPolicy {
  std::array<std::string, 4> texts;
  codec::Policy policy;
};

// Fills `owned` from an object whose properties are all optional. False if one has another type.
bool read_policy(const Napi::Value& value, OwnedPolicy& owned) {
  if (!value.IsObject()) return false;
  const auto object = value.As<Napi::Object>();
  const auto text = [&](const char* property, std::string& memory, std::string_view& view) {
    const Napi::Value member = object.Get(property);
    if (member.IsEmpty()) return false;  // a getter threw
    if (member.IsUndefined()) return true;
    if (!member.IsString()) return false;
    memory = member.As<Napi::String>().Utf8Value();
    view = memory;
    return true;
  };
  const auto flag = [&](const char* property, bool& target) {
    const Napi::Value member = object.Get(property);
    if (member.IsEmpty()) return false;
    if (member.IsUndefined()) return true;
    if (!member.IsBoolean()) return false;
    target = member.As<Napi::Boolean>();
    return true;
  };
  auto& [texts, policy] = owned;
  return text("origins", texts[0], policy.origins) && text("hosts", texts[1], policy.hosts) &&
         text("path", texts[2], policy.path) && text("subprotocol", texts[3], policy.subprotocol) &&
         flag("loopback", policy.loopback) && flag("secure", policy.secure);
}

Napi::String text(Napi::Env env, std::string_view view) {
  return Napi::String::New(env, view.data(), view.size());
}

Napi::Value negotiate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  OwnedPolicy owned;
  const bool has_policy = read_policy(info[1], owned);
  if (env.IsExceptionPending()) return env.Undefined();
  // After the properties were read: a getter could have detached the memory.
  const auto head = bytes(info[0]);
  if (!head || !has_policy) {
    return throw_type_error(env, "negotiate: (Uint8Array, Policy) expected");
  }
  std::array<char, codec::max_answer_size> answer;
  const Handshake handshake = codec::negotiate(
      {reinterpret_cast<const char*>(head->data()), head->size()}, owned.policy, answer);

  Napi::Object result = Napi::Object::New(env);
  if (handshake.outcome == Outcome::partial) {
    result.Set("outcome", "partial");
    return result;
  }
  result.Set("status", Napi::Number::New(env, handshake.status));
  result.Set("answer", Napi::Buffer<char>::Copy(env, answer.data(), handshake.answer_size));
  result.Set("target", text(env, handshake.target));
  result.Set("upgrade", Napi::Boolean::New(env, handshake.upgrade));
  if (handshake.outcome == Outcome::refused) {
    result.Set("outcome", "refused");
    result.Set("reason", text(env, handshake.reason));
    return result;
  }
  result.Set("outcome", "accepted");
  result.Set("dialect", name(handshake.dialect));
  result.Set("encoding", name(handshake.encoding));
  result.Set("subprotocol", text(env, handshake.subprotocol));
  result.Set("headSize", Napi::Number::New(env, static_cast<double>(handshake.head_size)));
  return result;
}

// Into the caller's memory: an ArrayBuffer for each frame costs more than all the rest.
Napi::Value frame_header(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto output = bytes(info[0]);
  if (!output || !info[1].IsNumber() || !info[2].IsBoolean() || !info[3].IsNumber()) {
    return throw_type_error(env, "frameHeader: (Uint8Array, number, boolean, number) expected");
  }
  const std::int64_t opcode = info[1].As<Napi::Number>().Int64Value();
  const double length = info[3].As<Napi::Number>().DoubleValue();
  // Opcodes are four bits, lengths are what JavaScript counts exactly; NaN fails both comparisons.
  if (opcode < 0 || opcode > 15 || !(length >= 0 && length <= 0x1f'ffff'ffff'ffff) ||
      output->size() < codec::max_server_header) {
    return throw_range_error(env, "frameHeader: output, opcode or length out of range");
  }
  const std::size_t size = codec::write_header(
      static_cast<codec::Opcode>(opcode), info[2].As<Napi::Boolean>(),
      static_cast<std::uint64_t>(length), output->first<codec::max_server_header>());
  return Napi::Number::New(env, static_cast<double>(size));
}

Napi::Value pending(Napi::Env env, const codec::Sender& sender) {
  return copy(env, std::span{sender.pending}.first(sender.pending_size));
}

Napi::Value close_frame(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto dialect = addon::dialect(info[0]);
  if (!dialect || !info[1].IsNumber() || !info[2].IsString()) {
    return throw_type_error(env, "closeFrame: (Dialect, number, string) expected");
  }
  const std::int64_t code = info[1].As<Napi::Number>().Int64Value();
  const std::string reason = info[2].As<Napi::String>();
  if (code < 1000 || code > 4999 || reason.size() > codec::max_control_payload - 2) {
    return throw_range_error(env, "closeFrame: code or reason out of range");
  }
  codec::Sender sender{.dialect = *dialect};
  codec::queue_close(sender, static_cast<std::uint16_t>(code), std::as_bytes(std::span{reason}));
  return pending(env, sender);
}

template <codec::Opcode opcode>
Napi::Value control_frame(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto payload = bytes(info[0]);
  if (!payload) return throw_type_error(env, "a control frame's payload is a Uint8Array");
  if (payload->size() > codec::max_control_payload) {
    return throw_range_error(env, "a control frame's payload has at most 125 bytes");
  }
  codec::Sender sender;
  codec::queue_control(sender, opcode, *payload);
  return pending(env, sender);
}

}  // namespace

Napi::Object init_codec(Napi::Env env, Napi::Object exports) {
  Napi::Object codec = Napi::Object::New(env);
  codec.Set("negotiate", Napi::Function::New(env, negotiate, "negotiate"));
  codec.Set("frameHeader", Napi::Function::New(env, frame_header, "frameHeader"));
  codec.Set("closeFrame", Napi::Function::New(env, close_frame, "closeFrame"));
  codec.Set("pingFrame", Napi::Function::New(env, control_frame<codec::Opcode::ping>, "pingFrame"));
  codec.Set("pongFrame", Napi::Function::New(env, control_frame<codec::Opcode::pong>, "pongFrame"));
  codec.Set("Receiver", receiver_class(env));
  codec.Set("Sender", sender_class(env));
  exports.Set("codec", codec);
  return exports;
}

}  // namespace wswrap::addon
