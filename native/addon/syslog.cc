// The system's log, by libc: it knows the way to the daemon, and finds it again after a restart.
#include <syslog.h>

#include <string>

#include "addon/addon.h"
#include "addon/arguments.h"

namespace wswrap::addon {

namespace {

// syslog(priority, ident, message); see Addon in src/native.ts.
Napi::Value syslog(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsNumber() || !info[1].IsString() || !info[2].IsString()) {
    return throw_type_error(env, "syslog: (number, string, string) expected");
  }
  const int priority = info[0].As<Napi::Number>().Int32Value();
  const std::string next = info[1].As<Napi::String>();
  const std::string message = info[2].As<Napi::String>();
  // libc keeps the pointer.
  static std::string ident;
  if (ident != next) {
    ident = next;
    ::openlog(ident.c_str(), 0, LOG_DAEMON);
  }
  ::syslog(priority, "%s", message.c_str());
  return env.Undefined();
}

}  // namespace

Napi::Object init_syslog(Napi::Env env, Napi::Object exports) {
  exports.Set("syslog", Napi::Function::New(env, syslog, "syslog"));
  return exports;
}

}  // namespace wswrap::addon
