// The system calls that the server has forbidden itself.
//
// A process that confines itself by a seccomp filter keeps what it needs, and a call of ours that
// is not among that would be its death. So we see the filter being installed, keep a copy, and ask
// it before each call of our own (kernel.h): what it would not let pass is not made and fails with
// ENOSYS. What a connection cannot do without then has another way (confined.h). Filters that were
// installed before execve(2), or by a system call that bypasses libc, are not seen: those that
// container managers and systemd install let pass what we do.
//
// A filter belongs to a thread and to those that it starts. A thread that has not been met before a
// filter is installed may be one of these, and is taken for one.
#pragma once

#include <atomic>
#include <span>

#include "shim/filter.h"

namespace wswrap::seccomp {

// True once any thread of this process has confined itself.
extern constinit std::atomic<bool> active;

// The calling thread, met for the first time, has the filters that were installed so far.
void meet_thread();

// The calling thread, or all threads of the process, got a filter.
void add(std::span<const filter::Instruction> program, bool all_threads);
// The same for SECCOMP_MODE_STRICT.
void add_strict();

// forbids(), for when there is a filter.
bool is_stopped(long number, const long (&arguments)[6]);

// True if the calling thread must not make this system call. The arguments count, too.
template <typename... Args>
inline bool forbids(long number, Args... arguments) {
  if (!active.load(std::memory_order_relaxed)) [[likely]]
    return false;
  return is_stopped(number, {(long)arguments...});
}

// is_strict(), for when there is a filter.
bool is_thread_strict();

// True in a thread in SECCOMP_MODE_STRICT, where reading the processor's clock is a fault, too.
inline bool is_strict() { return active.load(std::memory_order_relaxed) && is_thread_strict(); }

}  // namespace wswrap::seccomp
