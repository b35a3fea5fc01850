// A failed system call as the Error that Node's own functions throw.
#pragma once

#include <napi.h>
#include <uv.h>

#include <string>

namespace wswrap::addon {

// Throws an Error with `code` (the errno name), `syscall` and `path`. `number` is errno's value.
inline void throw_system_error(Napi::Env env, int number, const char* syscall,
                               const std::string& path) {
  const int code = uv_translate_sys_error(number);
  const std::string name = uv_err_name(code);
  Napi::Error error =
      Napi::Error::New(env, name + ": " + uv_strerror(code) + ", " + syscall + " '" + path + "'");
  error.Set("code", Napi::String::New(env, name));
  error.Set("syscall", Napi::String::New(env, syscall));
  error.Set("path", Napi::String::New(env, path));
  error.ThrowAsJavaScriptException();
}

}  // namespace wswrap::addon
