// System calls without libc in between.
//
// The shim's own non-blocking work goes straight to the kernel: it must not touch errno, must not
// be a cancellation point while a lock is held, and must not come back into our own hooks. Calls
// that may block for the server's sake go through libc (libc.h), so that cancellation and other
// preloaded libraries behave as they do without us.
#pragma once

#include <sys/syscall.h>

namespace wswrap::kernel {

// Performs system call `number`. Returns its result, or -errno.
inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                 long f = 0) {
#if defined(__x86_64__) && !defined(__ILP32__)
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
#else
#error "wswrap runs on Linux x86-64 and arm64"
#endif
}

// call() for arguments of any scalar type.
template <typename... Args>
inline long invoke(long number, Args... args) {
  return call(number, (long)args...);
}

}  // namespace wswrap::kernel
