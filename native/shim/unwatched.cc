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
  fds::for_each(fds::Kind::connection, [](int fd, std::uint32_t index) {
    if ((arena::state_of(arena::at(index)) & arena::unwatched) == 0) return;
    connection::readiness(fd, index, false);
    any.store(true);
  });
  if (any.load()) driver::wake_at(monotonic_now() + period);
}

}  // namespace wswrap::unwatched
