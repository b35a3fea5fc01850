#include "shim/libc.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <type_traits>

#include "shim/kernel.h"

// The table must agree with libc's own declarations, as far as it has them: a C function cannot be
// declared with two types.
using wswrap::IoctlRequest;
using wswrap::MessageFlags;
using wswrap::WideTimespec;
using wswrap::WideTimeval;
extern "C" {
#define HOOK(result, name, parameters, number) result name parameters;
#define HOOK_SAME(alias, name)
#include "shim/hooks.def"
}

namespace wswrap {
namespace {

constexpr long without_kernel = -1;

template <typename Result>
Result from_kernel(long result) {
  if constexpr (std::is_pointer_v<Result>) {
    errno = static_cast<int>(-result);
    return nullptr;
  } else if constexpr (!std::is_void_v<Result>) {
    if (result < 0) {
      errno = static_cast<int>(-result);
      return -1;
    }
    return static_cast<Result>(result);
  }
}

// Serves one function before resolution. Without a system call of its own the function waits for
// resolution: none of those is used by allocators.
template <auto Libc::*entry, long number, typename Function>
struct Early;

template <auto Libc::*entry, long number, typename Result, typename... Args>
struct Early<entry, number, Result(Args...)> {
  static Result call(Args... args) {
    if constexpr (number == without_kernel) {
      resolve_libc();
      if (libc.*entry != &call) return (libc.*entry)(args...);
      return from_kernel<Result>(-ENOSYS);
    } else {
      return from_kernel<Result>(kernel::invoke(number, args...));
    }
  }
};

template <long number>
int early_control(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  const long argument = va_arg(list, long);
  va_end(list);
  return from_kernel<int>(kernel::invoke(number, fd, command, argument));
}

constexpr auto early_fcntl = &early_control<SYS_fcntl>;
#ifdef SYS_fcntl64
constexpr auto early_fcntl64 = &early_control<SYS_fcntl64>;
constexpr auto early___fcntl_time64 = early_fcntl64;
#endif

int early_ioctl(int fd, IoctlRequest request, ...) {
  va_list list;
  va_start(list, request);
  const long argument = va_arg(list, long);
  va_end(list);
  return from_kernel<int>(kernel::invoke(SYS_ioctl, fd, request, argument));
}

int early_clone(int (*)(void*), void*, int, void*, ...) { return from_kernel<int>(-ENOSYS); }

int early_prctl(int option, ...) {
  va_list list;
  va_start(list, option);
  long a[4];
  for (long& value : a) value = va_arg(list, long);
  va_end(list);
  return from_kernel<int>(kernel::invoke(SYS_prctl, option, a[0], a[1], a[2], a[3]));
}

long early_syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& value : a) value = va_arg(list, long);
  va_end(list);
  return from_kernel<long>(kernel::call(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

}  // namespace

constinit Libc libc = {
#define HOOK(result, name, parameters, number) \
  .name = &Early<&Libc::name, number, result parameters>::call,
#define HOOK_VARIADIC(result, name, parameters) .name = early_##name,
#define HOOK_OWN(result, name, parameters)
#define HOOK_SAME(alias, name)
#include "shim/hooks.def"
};

void resolve_libc() {
  static constinit std::atomic<bool> begun{false};
  if (begun.exchange(true)) return;
#define HOOK(result, name, parameters, number)                  \
  if (void* symbol = dlsym(RTLD_NEXT, #name)) {                 \
    libc.name = reinterpret_cast<result(*) parameters>(symbol); \
  }
#define HOOK_OWN(result, name, parameters)
#define HOOK_SAME(alias, name)
#include "shim/hooks.def"
}

}  // namespace wswrap
