// What the C library does with memory that Node has freed. A buffer for each read of a connection
// comes and goes; when each time the top of the heap goes back to the kernel, its pages have to be
// cleared and mapped again for the next, and that is a third of the kernel's work for a relay.
#include <malloc.h>

#include "addon/addon.h"
#include "addon/arguments.h"

namespace wswrap::addon {
namespace {

// keepFreedMemory(bytes); see Addon in src/native.ts.
Napi::Value keep_freed_memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsNumber()) return throw_type_error(env, "keepFreedMemory: (number) expected");
  [[maybe_unused]] const int bytes = info[0].As<Napi::Number>().Int32Value();
#if defined(__GLIBC__)
  ::mallopt(M_TRIM_THRESHOLD, bytes);
#endif
  return env.Undefined();
}

}  // namespace

Napi::Object init_memory(Napi::Env env, Napi::Object exports) {
  exports.Set("keepFreedMemory", Napi::Function::New(env, keep_freed_memory, "keepFreedMemory"));
  return exports;
}

}  // namespace wswrap::addon
