// What a seccomp filter says to a system call: the same classic BPF program that the kernel runs,
// run by us beforehand (seccomp(2), linux/filter.h).
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <span>

namespace wswrap::filter {

// The action (SECCOMP_RET_…, with its data) of a program that the kernel has accepted. A program
// that does what the kernel would not have let it do ends with SECCOMP_RET_KILL_PROCESS.
std::uint32_t evaluate(std::span<const sock_filter> program, const seccomp_data& call);

// True if the action lets the call happen.
bool permits(std::uint32_t action);

}  // namespace wswrap::filter
