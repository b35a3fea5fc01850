// What each file of the addon offers: a function that adds its exports.
#pragma once

#include <napi.h>

namespace wswrap::addon {

Napi::Object init_accounts(Napi::Env env, Napi::Object exports);
Napi::Object init_codec(Napi::Env env, Napi::Object exports);
Napi::Object init_descriptors(Napi::Env env, Napi::Object exports);
Napi::Object init_execve(Napi::Env env, Napi::Object exports);
Napi::Object init_memory(Napi::Env env, Napi::Object exports);
Napi::Object init_syslog(Napi::Env env, Napi::Object exports);
Napi::Object init_xattr(Napi::Env env, Napi::Object exports);

}  // namespace wswrap::addon
