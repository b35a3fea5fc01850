// Where the holders of records are noted, and what stands there besides pids.
#pragma once

#include <array>
#include <cstdint>

namespace wswrap::arena {

// In place of a pid, which has 22 bits.
inline constexpr std::uint32_t reserved_mark = 1u << 31;  // a child to come
inline constexpr std::uint32_t leaving_mark = 1u << 30;   // a holder that is about to leave
inline constexpr std::uint32_t mark_bits = reserved_mark | leaving_mark;

// A place for a holder of any record that has more of them than places of its own. Records are
// used again, cookies are not: a place that was left behind is nobody else's.
struct SparePlace {
  std::uint64_t holder = 0;
  std::uint64_t cookie = 0;  // of the record; means nothing where there is no holder
};

struct SparePlaces {
  std::uint32_t peak = 0;  // those from here on were never used
  alignas(8) std::array<SparePlace, 4096> all;
};

// In the arena.
SparePlaces& spare_places();

// The cookie that the record has now.
std::uint64_t cookie_at(std::uint32_t index);

// Nobody holds what had that cookie.
void vacate(std::uint32_t index, std::uint64_t cookie);

}  // namespace wswrap::arena
