// scribble PID SECONDS SEED: writes what it likes into the arena of a server.
//
// Numbers of every size, at places of every kind: the extremes of each type, the pids and thread
// ids that mean most to the server, and noise. So every field of a record comes to hold every
// extreme, alone and along with others.
#include <chrono>
#include <cstring>
#include <random>
#include <span>
#include <thread>
#include <vector>

#include "map.h"

namespace {

using namespace wswrap;
using Clock = std::chrono::steady_clock;

// The first so many records of each kind: more than are in use.
constexpr std::size_t records = 96;

std::vector<std::span<std::byte>> places(const arena::Layout& layout) {
  const auto bytes = [](auto* first, std::size_t count) {
    return std::as_writable_bytes(std::span(first, count));
  };
  const std::uint32_t listeners = layout.connections;
  std::vector<std::span<std::byte>> all{
      bytes(layout.header, 1), bytes(layout.used, layout.count / arena::Layout::bits),
      bytes(layout.cookies, records), bytes(layout.cookies + listeners, records),
      bytes(&layout.header->spare_places, 1).first(records * sizeof(arena::SparePlace))};
  for (std::size_t i = 0; i < records; ++i) {
    all.push_back(bytes(layout.records + i, 1));
    if (i % 16 == 0) all.push_back(bytes(layout.records + listeners + i, 1));
  }
  return all;
}

std::vector<std::uint64_t> favourites(std::uint32_t server) {
  std::vector<std::uint64_t> numbers{0, 1, 2, 3, 4, 7, 8, 125, 126, 127, 128, 129, 200, 255};
  for (const std::uint32_t pid : {1U, server, static_cast<std::uint32_t>(getpid()), 4'000'000U}) {
    for (const std::uint32_t mark : {0U, 1U << 30, 1U << 31}) {
      numbers.push_back(pid | mark);
      numbers.push_back(std::uint64_t{UINT32_MAX} << 32 | pid | mark);
    }
  }
  for (const int bit : {15, 16, 31, 32, 62, 63, 64}) {
    const std::uint64_t power = bit == 64 ? 0 : std::uint64_t{1} << bit;
    numbers.insert(numbers.end(), {power - 1, power, power + 1});
  }
  return numbers;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const arena::Layout layout = test::map_arena(argv[1]);
  const auto where = places(layout);
  const auto what = favourites(static_cast<std::uint32_t>(std::atoi(argv[1])));
  std::mt19937_64 random(std::strtoull(argv[3], nullptr, 10));
  const auto any_of = [&](const auto& list) { return list[random() % list.size()]; };
  const auto end = Clock::now() + std::chrono::seconds(std::atoi(argv[2]));
  std::uint64_t written = 0;
  while (Clock::now() < end) {
    for (int i = 0; i < 500; ++i, ++written) {
      const std::span<std::byte> place = any_of(where);
      const std::size_t size = std::size_t{1} << random() % 4;
      const std::size_t at = random() % (place.size() / size) * size;
      const std::uint64_t number = random() % 4 == 0 ? random() : any_of(what);
      std::memcpy(place.data() + at, &number, size);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  std::printf("written %llu\n", static_cast<unsigned long long>(written));
}
