#include "shim/unwatched.h"

#include <atomic>

#include "shim/arena.h"
#include "shim/clock.h"
#include "shim/connection.h"
#include "shim/driver.h"
#include "shim/fds.h"

namespace wswrap::unwatched {
namespace {

constexpr Nanoseconds period = milliseconds(1000);

constinit std::atomic<bool> any{false};

}  // namespace

void note(std::uint32_t index, bool asks_for_input) {
  arena::Record& record = arena::at(index);
  if (asks_for_input) {
    arena::clear_state(record, arena::unwatched);
    return;
  }
  arena::set_state(record, arena::unwatched);
  any.store(true);
  driver::wake_at(monotonic_now() + period);
}

void on_timer() {
  if (!any.exchange(false)) return;
  const int end = fds::high_water();
  for (int fd = 0; fd < end; ++fd) {
    const fds::Entry entry = fds::get(fd);
    if (!entry.is(fds::Kind::connection)) continue;
    if ((arena::state_of(arena::at(entry.index())) & arena::unwatched) == 0) continue;
    connection::readiness(fd, entry.index(), false);
    any.store(true);
  }
  if (any.load()) driver::wake_at(monotonic_now() + period);
}

}  // namespace wswrap::unwatched
