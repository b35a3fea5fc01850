// The user and group databases, by libc: they need not be files, and only libc knows what they are.
#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <string>

#include "addon/addon.h"
#include "addon/arguments.h"
#include "addon/system_error.h"

namespace wswrap::addon {

namespace {

// Not found is not an error, but systems differ in how they say it (getpwnam(3)).
bool is_failure(int number) {
  return number == EIO || number == EMFILE || number == ENFILE || number == ENOMEM;
}

// getpw(name or uid); see Addon in src/native.ts.
Napi::Value getpw(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString() && !info[0].IsNumber()) {
    return throw_type_error(env, "getpw: (string or number) expected");
  }
  errno = 0;
  const passwd* entry = info[0].IsNumber()
                            ? ::getpwuid(info[0].As<Napi::Number>().Uint32Value())
                            : ::getpwnam(info[0].As<Napi::String>().Utf8Value().c_str());
  if (entry == nullptr) {
    if (is_failure(errno)) throw_system_error(env, errno, "getpw", info[0].ToString());
    return env.Undefined();
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("name", entry->pw_name);
  result.Set("uid", entry->pw_uid);
  result.Set("gid", entry->pw_gid);
  return result;
}

// getgrnam(name); see Addon in src/native.ts.
Napi::Value getgrnam(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString()) return throw_type_error(env, "getgrnam: (string) expected");
  const std::string name = info[0].As<Napi::String>();
  errno = 0;
  const group* entry = ::getgrnam(name.c_str());
  if (entry != nullptr) return Napi::Number::New(env, entry->gr_gid);
  if (is_failure(errno)) throw_system_error(env, errno, "getgrnam", name);
  return env.Undefined();
}

}  // namespace

Napi::Object init_accounts(Napi::Env env, Napi::Object exports) {
  exports.Set("getpw", Napi::Function::New(env, getpw, "getpw"));
  exports.Set("getgrnam", Napi::Function::New(env, getgrnam, "getgrnam"));
  return exports;
}

}  // namespace wswrap::addon
