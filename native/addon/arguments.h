// Arguments from JavaScript, checked. What is wrong throws a TypeError or RangeError and leaves an
// empty optional: the caller returns at once.
#pragma once

#include <napi.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "codec/protocol.h"

namespace wswrap::addon {

// Throws and returns what a callback returns then.
inline Napi::Value throw_type_error(Napi::Env env, const char* message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

inline Napi::Value throw_range_error(Napi::Env env, const char* message) {
  Napi::RangeError::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

// The memory of a Uint8Array (a Buffer is one). It stays valid until the callback returns.
inline std::optional<std::span<std::byte>> bytes(const Napi::Value& value) {
  if (!value.IsTypedArray()) return std::nullopt;
  napi_typedarray_type type;
  std::size_t size = 0;
  void* data = nullptr;
  const napi_status status =
      napi_get_typedarray_info(value.Env(), value, &type, &size, &data, nullptr, nullptr);
  if (status != napi_ok || type != napi_uint8_array) return std::nullopt;
  return std::span{static_cast<std::byte*>(data), data == nullptr ? 0 : size};
}

inline Napi::Value copy(Napi::Env env, std::span<const std::byte> data) {
  return Napi::Buffer<char>::Copy(env, reinterpret_cast<const char*>(data.data()), data.size());
}

inline std::optional<codec::Dialect> dialect(const Napi::Value& value) {
  if (!value.IsString()) return std::nullopt;
  const std::string name = value.As<Napi::String>();
  if (name == "rfc6455") return codec::Dialect::rfc6455;
  if (name == "hixie") return codec::Dialect::hixie;
  return std::nullopt;
}

inline std::optional<codec::Encoding> encoding(const Napi::Value& value) {
  if (!value.IsString()) return std::nullopt;
  const std::string name = value.As<Napi::String>();
  if (name == "binary") return codec::Encoding::binary;
  if (name == "base64") return codec::Encoding::base64;
  return std::nullopt;
}

inline const char* name(codec::Dialect dialect) {
  return dialect == codec::Dialect::hixie ? "hixie" : "rfc6455";
}

inline const char* name(codec::Encoding encoding) {
  return encoding == codec::Encoding::base64 ? "base64" : "binary";
}

}  // namespace wswrap::addon
