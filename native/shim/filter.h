// What a seccomp filter says to a system call: the same classic BPF program that the kernel runs,
// run by us beforehand (seccomp(2)).
//
// The kernel's linux/filter.h and linux/seccomp.h define all of this, but not every libc brings
// them along.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace wswrap::filter {

// struct sock_filter, struct sock_fprog and struct seccomp_data.
struct Instruction {
  std::uint16_t code;
  std::uint8_t jump_if_true;
  std::uint8_t jump_if_false;
  std::uint32_t constant;
};
struct Program {
  std::uint16_t size;
  const Instruction* instructions;
};
struct Call {
  std::int32_t number;
  std::uint32_t architecture;
  std::uint64_t instruction_pointer;
  std::array<std::uint64_t, 6> arguments;
};
static_assert(sizeof(Instruction) == 8 && sizeof(Call) == 64);

// Modes of prctl(PR_SET_SECCOMP), operations and flags of seccomp(2).
inline constexpr long mode_strict = 1;
inline constexpr unsigned set_mode_strict = 0;
inline constexpr unsigned set_mode_filter = 1;
inline constexpr unsigned long all_threads = 1;  // SECCOMP_FILTER_FLAG_TSYNC

// SECCOMP_RET_….
inline constexpr std::uint32_t kill_process = 0x80000000;
inline constexpr std::uint32_t return_errno = 0x00050000;
inline constexpr std::uint32_t action_part = 0xffff0000;  // the rest is data

// The action of a program that the kernel has accepted. A program that does what the kernel would
// not have let it do ends with kill_process.
std::uint32_t evaluate(std::span<const Instruction> program, const Call& call);

// True if the action lets the call happen.
bool permits(std::uint32_t action);

}  // namespace wswrap::filter
