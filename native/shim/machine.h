// The machine that the shim is built for, as an e_machine value (elf(5)).
#pragma once

#include <elf.h>

#include <cstdint>

namespace wswrap {

#if defined(__x86_64__)
inline constexpr std::uint16_t own_machine = EM_X86_64;
#elif defined(__aarch64__)
inline constexpr std::uint16_t own_machine = EM_AARCH64;
#elif defined(__i386__)
inline constexpr std::uint16_t own_machine = EM_386;
#endif

}  // namespace wswrap
