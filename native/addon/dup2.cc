// Replacing a descriptor in one step, which Node cannot: between a close and an open, another
// thread could be given the number.
#include <unistd.h>

#include <cerrno>
#include <string>

#include "addon/addon.h"
#include "addon/arguments.h"
#include "addon/system_error.h"

namespace wswrap::addon {

namespace {

// dup2(from, to); see Addon in src/native.ts.
Napi::Value dup2(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsNumber() || !info[1].IsNumber()) {
    return throw_type_error(env, "dup2: (number, number) expected");
  }
  const int from = info[0].As<Napi::Number>().Int32Value();
  const int to = info[1].As<Napi::Number>().Int32Value();
  while (::dup2(from, to) < 0) {
    if (errno == EINTR || errno == EBUSY) continue;
    throw_system_error(env, errno, "dup2", std::to_string(from));
    break;
  }
  return env.Undefined();
}

}  // namespace

Napi::Object init_dup2(Napi::Env env, Napi::Object exports) {
  exports.Set("dup2", Napi::Function::New(env, dup2, "dup2"));
  return exports;
}

}  // namespace wswrap::addon
