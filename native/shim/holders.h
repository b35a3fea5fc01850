// What stands in place of a pid among the holders of a record, besides pids (which have 22 bits).
#pragma once

#include <cstdint>

namespace wswrap::arena {

inline constexpr std::uint32_t reserved_mark = 1u << 31;  // a child to come
inline constexpr std::uint32_t leaving_mark = 1u << 30;   // a holder that is about to leave
inline constexpr std::uint32_t mark_bits = reserved_mark | leaving_mark;

}  // namespace wswrap::arena
