// Descriptors as a daemon handles them, which Node cannot.
#include "addon/descriptors.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "addon/addon.h"
#include "addon/arguments.h"
#include "addon/system_error.h"

namespace wswrap::addon {

// The system call itself, because not every libc has it. Without it (before Linux 5.11) the marks
// that Node itself sets have to do.
void close_others_on_exec() {
  constexpr unsigned close_on_exec = 1u << 2;  // CLOSE_RANGE_CLOEXEC
  ::syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, close_on_exec);
}

namespace {

// dup2(from, to); see Addon in src/native.ts. In one step: between a close and an open, another
// thread could be given the number.
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

// closeOthersOnExec(); see Addon in src/native.ts.
Napi::Value close_others(const Napi::CallbackInfo& info) {
  close_others_on_exec();
  return info.Env().Undefined();
}

}  // namespace

Napi::Object init_descriptors(Napi::Env env, Napi::Object exports) {
  exports.Set("dup2", Napi::Function::New(env, dup2, "dup2"));
  exports.Set("closeOthersOnExec", Napi::Function::New(env, close_others, "closeOthersOnExec"));
  return exports;
}

}  // namespace wswrap::addon
