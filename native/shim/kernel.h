// System calls without libc in between.
//
// The shim's own non-blocking work goes straight to the kernel: it must not touch errno, must not
// be a cancellation point while a lock is held, and must not come back into our own hooks. Calls
// that may block for the server's sake go through libc (libc.h), so that cancellation and other
// preloaded libraries behave as they do without us.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "shim/seccomp.h"

namespace wswrap::kernel {

// Performs system call `number`. Returns its result, or -errno; -ENOSYS, too, for one that the
// server has forbidden itself (seccomp.h).
inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                 long f = 0) {
  if (seccomp::forbids(number, a, b, c, d, e, f)) [[unlikely]]
    return -ENOSYS;
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
#elif defined(__i386__) && defined(__GLIBC__)
  // The sixth argument goes into the frame pointer, which an asm statement cannot name. Nothing may
  // be addressed by the stack pointer once something was pushed.
  long result;
  __asm__ volatile(
      "pushl %[f]\n\t"
      "pushl %%ebp\n\t"
      "movl 4(%%esp), %%ebp\n\t"
      "int $0x80\n\t"
      "popl %%ebp\n\t"
      "addl $4, %%esp"
      : "=a"(result)
      : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), [f] "g"(f)
      : "memory");
  return result;
#else
#error "wswrap runs on Linux x86-64 and arm64, and with glibc on i386"
#endif
}

// call() for arguments of any scalar type.
template <typename... Args>
inline long invoke(long number, Args... args) {
  return call(number, (long)args...);
}

// lseek(2), whatever the size of a long.
inline std::int64_t seek(int fd, std::int64_t offset, int whence) {
#ifdef SYS__llseek
  std::int64_t position = 0;
  const long failed = invoke(SYS__llseek, fd, offset >> 32, offset, &position, whence);
  return failed < 0 ? failed : position;
#else
  return invoke(SYS_lseek, fd, offset, whence);
#endif
}

// pread(2).
inline long read_at(int fd, void* buffer, std::size_t size, std::int64_t position) {
  if constexpr (sizeof(long) < sizeof position) {
    return invoke(SYS_pread64, fd, buffer, size, position, position >> 32);
  } else {
    return invoke(SYS_pread64, fd, buffer, size, position);
  }
}

// What statx(2) tells, as far as it is of use; the same on every machine, and not every libc
// declares it.
struct Status {
  std::uint32_t mask;
  std::uint32_t block_size;
  std::uint64_t attributes;
  std::uint32_t links;
  std::uint32_t user;
  std::uint32_t group;
  std::uint16_t mode;
  std::uint16_t padding;
  std::uint64_t inode;
  std::uint64_t size;
  std::array<std::uint64_t, 26> rest;
};
static_assert(sizeof(Status) == 256);

// The status of a file, by its path or open; -errno on failure.
inline constexpr unsigned basic_status = 0x7ff;
inline long status_of(const char* path, Status& status) {
  return invoke(SYS_statx, AT_FDCWD, path, 0, basic_status, &status);
}
inline long status_of(int fd, Status& status) {
  return invoke(SYS_statx, fd, "", AT_EMPTY_PATH, basic_status, &status);
}

// mmap(2) of memory to read and write. Null when there is none.
inline void* map(std::size_t size, int flags, int fd) {
#ifdef SYS_mmap2
  constexpr long number = SYS_mmap2;
#else
  constexpr long number = SYS_mmap;
#endif
  const long address = invoke(number, nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0);
  return address < 0 && address > -4096 ? nullptr : reinterpret_cast<void*>(address);
}

// getuid(2), geteuid(2), getgid(2), getegid(2).
struct Identity {
  std::uint32_t user;
  std::uint32_t effective_user;
  std::uint32_t group;
  std::uint32_t effective_group;
};
inline Identity identity() {
#ifdef SYS_getuid32
  // The calls without a number are from the days of 16 bits.
  constexpr long numbers[] = {SYS_getuid32, SYS_geteuid32, SYS_getgid32, SYS_getegid32};
#else
  constexpr long numbers[] = {SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid};
#endif
  const auto ask = [](long number) { return static_cast<std::uint32_t>(call(number)); };
  return {ask(numbers[0]), ask(numbers[1]), ask(numbers[2]), ask(numbers[3])};
}

// Flags that not every libc's headers have: close_range(2), preadv2(2).
inline constexpr unsigned close_range_unshare = 1u << 1;
inline constexpr unsigned close_range_cloexec = 1u << 2;
inline constexpr int rwf_nowait = 1 << 3;

// What SO_MEMINFO tells (linux/sock_diag.h): how many numbers, and the places of two of them.
inline constexpr std::size_t meminfo_size = 9;
inline constexpr std::size_t meminfo_sndbuf = 3;
inline constexpr std::size_t meminfo_queued = 5;

}  // namespace wswrap::kernel
