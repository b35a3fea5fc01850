#include "shim/departure.h"

#include <unistd.h>

#include "codec/protocol.h"
#include "shim/arena.h"
#include "shim/chores.h"
#include "shim/driver.h"
#include "shim/heritage.h"
#include "shim/listeners.h"
#include "shim/process.h"
#include "shim/references.h"

namespace wswrap {
namespace {

// Of several descriptors of this process for the same connection.
bool has_survivor(std::uint32_t record) {
  bool found = false;
  if (references::count_for(record) < 2) return false;
  fds::for_each(fds::Kind::connection, [&](int fd, std::uint32_t index) {
    found = found || (index == record && is_inherited(fd));
  });
  return found;
}

void forget(int fd, std::uint32_t record) {
  if (references::drop(fd, record)) arena::release(record);
}

// A directory counts "." and ".."; this one, a link per thread as well.
bool has_other_threads() {
  kernel::Status status;
  return kernel::status_of("/proc/self/task", status) == 0 && status.links > 3;
}

}  // namespace

Departure::Departure(bool carries) : borrowed_(process::is_borrowed()) {
  {
    const driver::Guard guard;
    for_each_ours(borrowed_, [&](int fd, bool is_listener, std::uint32_t record) {
      if (!is_inherited(fd)) {
        if (is_listener || borrowed_ || has_survivor(record)) return;
        if (!arena::is_last(record, process::id())) return;
        end_before_exec(fd, record, codec::close_code::going_away);
        forget(fd, record);
      } else if (carries) {
        keep(is_listener, record);
      } else {
        withhold(fd, is_listener, record);
      }
    });
  }
  if (!borrowed_) chores::finish();
  if (!carries) return;
  holds_ = holds_ || any_channel(is_inherited);
  if (!borrowed_ && has_other_threads()) halt();
}

// Not from within a critical section, which a signal handler has interrupted.
void Departure::halt() {
  if (shared_locks_held != 0) return;
  halted_ = true;
  fds::for_each(fds::Kind::connection, [](int fd, std::uint32_t record) {
    if (!is_inherited(fd)) return;
    (void)arena::at(record).receive_lock.take();
    (void)arena::at(record).transmit_lock.take();
  });
}

void Departure::resume() {
  halted_ = false;
  fds::for_each(fds::Kind::connection, [](int, std::uint32_t record) {
    arena::Record& it = arena::at(record);
    if (it.transmit_lock.is_mine()) it.transmit_lock.release();
    if (it.receive_lock.is_mine()) it.receive_lock.release();
  });
}

void Departure::keep(bool is_listener, unsigned record) {
  holds_ = true;
  if (is_listener) listeners::bequeath(record, true, !borrowed_);
  // Its parent may close its copy before the program has come up and joined by itself.
  if (borrowed_) arena::join(record, static_cast<std::uint32_t>(kernel::call(SYS_getpid)));
}

void Departure::withhold(int fd, bool is_listener, unsigned record) {
  // Elsewhere it was left open by chance, as servers do that know nothing of close-on-exec. (The
  // parent of a vfork child has it, too.)
  const bool alone = !borrowed_ && arena::is_last(record, process::id());
  if (is_listener || (fd > STDERR_FILENO && !alone)) {
    kernel::invoke(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
    return;
  }
  refuse_program(fd, record);
  if (alone) forget(fd, record);
}

void Departure::leave() {
  if (borrowed_) return;
  left_ = true;
  for_each_record([](std::uint32_t record) { arena::leave(record, process::id()); });
}

void Departure::undo() {
  if (halted_) resume();
  for_each_ours(borrowed_, [](int, bool is_listener, std::uint32_t record) {
    if (is_listener) listeners::bequeath(record, false, false);
  });
  if (left_) for_each_record([](std::uint32_t record) { arena::join(record, process::id()); });
  if (!borrowed_ || !holds_) return;
  const auto self = static_cast<std::uint32_t>(kernel::call(SYS_getpid));
  for_each_ours(true, [&](int, bool, std::uint32_t record) { arena::leave(record, self); });
}

}  // namespace wswrap
