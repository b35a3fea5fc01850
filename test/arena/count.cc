// count PID: how many records of the arena are in use, and spare places but for the listeners', as
// "connections N listeners N spare N".
#include <algorithm>
#include <span>

#include "map.h"

int main(int argc, char** argv) {
  using namespace wswrap;
  if (argc != 2) return 2;
  const arena::Layout layout = test::map_arena(argv[1]);
  const std::span cookies(layout.cookies, layout.count);
  const auto used = [](std::span<std::uint64_t> some) {
    return std::ranges::count_if(some, [](std::uint64_t cookie) { return cookie != 0; });
  };
  const auto listeners = cookies.subspan(layout.connections);
  const auto spare = std::ranges::count_if(layout.header->spare_places.all, [&](auto& place) {
    return place.holder != 0 && std::ranges::find(listeners, place.cookie) == listeners.end();
  });
  std::printf("connections %ld listeners %ld spare %ld\n", used(cookies.first(layout.connections)),
              used(listeners), spare);
}
