// Extended attributes of files, which Node cannot read. File capabilities are kept in one.
#include <sys/xattr.h>

#include <array>
#include <cerrno>

#include "addon/addon.h"
#include "addon/system_error.h"

namespace wswrap::addon {

namespace {

// getxattr(path, name); see Addon in src/native.ts.
Napi::Value getxattr(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString() || !info[1].IsString()) {
    Napi::TypeError::New(env, "getxattr: (string, string) expected").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const std::string path = info[0].As<Napi::String>();
  const std::string name = info[1].As<Napi::String>();
  std::array<char, 4096> value;
  const ssize_t size = ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
  if (size >= 0) return Napi::Buffer<char>::Copy(env, value.data(), static_cast<size_t>(size));
  if (errno != ENODATA && errno != ENOTSUP) throw_system_error(env, errno, "getxattr", path);
  return env.Undefined();
}

}  // namespace

Napi::Object init_xattr(Napi::Env env, Napi::Object exports) {
  exports.Set("getxattr", Napi::Function::New(env, getxattr, "getxattr"));
  return exports;
}

}  // namespace wswrap::addon
