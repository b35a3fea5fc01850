// Where things lie in the arena: the header, a map of the records that may be in use (a bit each),
// the cookies, and the records. A cookie decides: 0 is a free record. Its bit only helps to find
// it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/arena.h"
#include "shim/config.h"
#include "shim/holders.h"

namespace wswrap::arena {

// The name of the memory, which tells an inherited arena from other memory: it changes with the
// layout. And what /proc/self/fd shows of it.
inline constexpr const char* memory_name = "wswrap-arena-8";
inline constexpr std::string_view memory_link = "/memfd:wswrap-arena-8 (deleted)";

struct alignas(64) Header {
  std::uint32_t numbers = 0;
  std::uint32_t reservations = 0;
  std::uint32_t company = 0;  // not 0 once any record had two holders at a time
  std::array<std::uint32_t, Config::max_ports> listeners;  // the latest listener's record + 1
  alignas(8) std::array<Ends, most_listeners> ends;
  SparePlaces spare_places;
};

// Where the parts are. A process knows this by itself; nobody else can change it.
struct Layout {
  static constexpr std::uint32_t bits = 64;  // in a word of the map
  // Every part is aligned as a Record is when the records are so many, or a multiple.
  static constexpr std::uint32_t granule = 8 * alignof(Record);
  static_assert(granule % bits == 0);
  static_assert(most_listeners % granule == 0 && Config::most_connections % granule == 0);

  Header* header = nullptr;
  std::uint64_t* used = nullptr;
  std::uint64_t* cookies = nullptr;
  Record* records = nullptr;
  std::uint32_t count = 0;
  std::uint32_t connections = 0;  // the first so many are for connections, the rest for listeners

  // How many records it takes for that many connections.
  static constexpr std::uint32_t records_for(std::uint32_t connections) {
    return (connections + granule - 1) / granule * granule + most_listeners;
  }

  // The size of an arena with that many records, in bytes.
  static constexpr std::size_t size_of(std::uint32_t records) {
    return sizeof(Header) + records / granule * granule_size;
  }

  // How many records are in an arena of that size; 0 if it cannot be one.
  static constexpr std::uint32_t records_in(std::int64_t size) {
    constexpr auto header = static_cast<std::int64_t>(sizeof(Header));
    if (size <= header || size > static_cast<std::int64_t>(size_of(most_records))) return 0;
    const auto rest = static_cast<std::size_t>(size - header);
    const auto records = static_cast<std::uint32_t>(rest / granule_size * granule);
    return rest % granule_size == 0 && records > most_listeners ? records : 0;
  }

  static Layout of(void* memory, std::uint32_t records) {
    Layout layout;
    layout.header = static_cast<Header*>(memory);
    layout.used = reinterpret_cast<std::uint64_t*>(layout.header + 1);
    layout.cookies = layout.used + records / bits;
    layout.records = reinterpret_cast<Record*>(layout.cookies + records);
    layout.count = records;
    layout.connections = records - most_listeners;
    return layout;
  }

 private:
  static constexpr std::size_t granule_size =
      granule / 8 + granule * (sizeof(std::uint64_t) + sizeof(Record));
};

}  // namespace wswrap::arena
