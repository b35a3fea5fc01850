#include "shim/descriptors.h"

#include <fcntl.h>

#include <cerrno>

#include "shim/arena.h"
#include "shim/chores.h"
#include "shim/connection.h"
#include "shim/driver.h"
#include "shim/epoll.h"
#include "shim/fds.h"
#include "shim/heartbeat.h"
#include "shim/libc.h"
#include "shim/listeners.h"
#include "shim/process.h"
#include "shim/references.h"
#include "shim/socket.h"
#include "shim/trace.h"

namespace wswrap::descriptors {
namespace {

using fds::Entry;
using fds::Kind;

Result close_in_kernel(int fd) {
  const long failed = sock::close(fd);
  return failed < 0 ? Result::fail(static_cast<int>(-failed)) : Result::ok(0);
}

// SO_LINGER with a time of 0: the server asks for a reset.
bool wants_reset(int fd) {
  linger value{};
  socklen_t size = sizeof value;
  const long failed = kernel::invoke(SYS_getsockopt, fd, SOL_SOCKET, SO_LINGER, &value, &size);
  return failed == 0 && value.l_onoff != 0 && value.l_linger == 0;
}

// Other threads may be in the middle of something on this connection: they look whether it is still
// theirs whenever they have taken one of its locks, so it changes hands under both.
bool drop_reference(int fd, std::uint32_t index) {
  arena::Record& record = arena::at(index);
  const Hold receiving(record.receive_lock);
  const Hold sending(record.transmit_lock);
  const bool last = references::drop(fd, index);
  if (last) fds::set(fd, Entry::lingering(index));
  return last;
}

// True if it was the last descriptor of the connection, which has to be ended then.
bool leave_connection(int fd, std::uint32_t index) {
  chores::forget(fd);
  const bool last = drop_reference(fd, index);
  epoll::forget(fd, last);
  return last;
}

void close_connection(int fd, std::uint32_t index) {
  if (leave_connection(fd, index)) {
    end_connection(fd, index, 0);
  } else {
    sock::close(fd);
  }
}

void close_listener(int fd, std::uint32_t index) {
  epoll::forget(fd, true);
  fds::reset(fd);
  listeners::drop_reference(index);
}

void close_epoll(int fd, std::uint32_t set) {
  epoll::forget(fd, true);
  fds::reset(fd);
  epoll::drop_reference(set);
}

// Ends what the number stands for, but leaves it taken: no other thread may be given it before the
// kernel puts something else there.
void vacate(int fd) {
  const Entry entry = fds::get(fd);
  if (entry.is(Kind::listener)) close_listener(fd, entry.index());
  if (entry.is(Kind::epoll)) close_epoll(fd, entry.index());
  if (!entry.is(Kind::connection) || !leave_connection(fd, entry.index())) return;
  const long spare = kernel::invoke(SYS_fcntl, fd, F_DUPFD_CLOEXEC, fds::parking_base());
  // With all numbers in use the client comes first.
  if (spare < 0) return end_connection(fd, entry.index(), 0);
  const auto moved = static_cast<int>(spare);
  fds::set(moved, Entry::lingering(entry.index()));
  fds::reset(fd);
  end_connection(moved, entry.index(), 0);
}

}  // namespace

void end_connection(int fd, unsigned index, unsigned short code) {
  arena::Record& record = arena::at(index);
  if (logs(LogLevel::info)) LogLine(record.number, record.peer) << "closed by the server";
  if (wants_reset(fd)) {
    fds::close_internal(fd);
    arena::release(index);
    return;
  }
  connection::say_close(connection::handle_of(fd, index), code);
  // Inside of an open frame a pong would wait for ever.
  arena::clear_state(record, arena::pong_owed);
  chores::linger(fd, index);
}

Result close(int fd) {
  if (fds::is_internal(fd)) return Result::fail(EBADF);
  // A vfork child's close must not end what its parent still has.
  if (process::is_borrowed()) return close_in_kernel(fd);
  // No fork may happen in the middle, and of two threads that close the same number one is first.
  const driver::Guard guard;
  const Entry entry = fds::get(fd);
  switch (entry.kind()) {
    case Kind::internal:
      return Result::fail(EBADF);
    case Kind::connection:
      close_connection(fd, entry.index());
      return Result::ok(0);
    case Kind::listener:
      close_listener(fd, entry.index());
      break;
    case Kind::epoll:
      close_epoll(fd, entry.index());
      break;
    case Kind::plain:
      break;
  }
  return close_in_kernel(fd);
}

Result close_range(unsigned first, unsigned last, unsigned flags) {
  if (first > last || (flags & ~(kernel::close_range_unshare | kernel::close_range_cloexec)) != 0) {
    return Result::fail(EINVAL);
  }
  const bool closes = (flags & kernel::close_range_cloexec) == 0;
  const auto end = static_cast<unsigned>(fds::high_water());
  unsigned next = first;  // the kernel has dealt with everything below
  const auto up_to = [&](unsigned bound) -> long {
    return next < bound ? kernel::invoke(SYS_close_range, next, bound - 1, flags) : 0;
  };
  for (unsigned fd = first; fd < end && fd <= last; ++fd) {
    const Entry entry = fds::get(static_cast<int>(fd));
    if (entry.plain()) continue;
    const bool mine = entry.is(Kind::internal);
    if (!mine && (!closes || process::is_borrowed())) continue;
    if (const long failed = up_to(fd); failed < 0) return Result::fail(static_cast<int>(-failed));
    if (!mine) close(static_cast<int>(fd));
    next = fd + 1;
  }
  if (next > last) return Result::ok(0);
  const long failed = kernel::invoke(SYS_close_range, next, last, flags);
  return failed < 0 ? Result::fail(static_cast<int>(-failed)) : Result::ok(0);
}

void on_duplicate(int fd, int copy) {
  if (process::is_borrowed() || copy < 0 || fd == copy) return;
  const driver::Guard guard;
  const Entry entry = fds::get(fd);
  switch (entry.kind()) {
    case Kind::connection:
      references::add(copy, entry.index());
      break;
    case Kind::listener:
      listeners::add_reference(entry.index());
      fds::set(copy, entry);
      break;
    case Kind::epoll:
      epoll::add_reference(entry.index());
      fds::set(copy, entry);
      break;
    case Kind::internal:
    case Kind::plain:
      fds::reset(copy);
      break;
  }
}

Result duplicate_over(int fd, int target, int flags) {
  if (fds::is_internal(target)) return Result::fail(EBUSY);
  const auto replace = [&] {
    const int copy = libc.dup3(fd, target, flags);
    return copy < 0 ? Result::fail(errno) : Result::ok(copy);
  };
  if (process::is_borrowed()) return replace();
  const KeepErrno keep;
  const driver::Guard guard;
  if (libc.fcntl(fd, F_GETFD) < 0) return Result::fail(EBADF);
  vacate(target);
  const Result result = replace();
  if (result.error == 0) on_duplicate(fd, target);
  return result;
}

void on_birth(int fd) {
  if (fd >= 0 && !fds::get(fd).plain() && !process::is_borrowed()) demote(fd);
}

int adopt(int fd) {
  on_birth(fd);
  if (sock::is_listening(fd)) return listeners::adopt(fd);
  const std::uint32_t index = arena::find(arena::cookie_of(fd));
  if (index == arena::none) return 0;
  references::add(fd, index);
  heartbeat::start();
  return 0;
}

void demote(int fd) {
  const driver::Guard guard;
  const Entry entry = fds::get(fd);
  epoll::forget(fd, false);
  if (entry.is(Kind::connection)) {
    if (references::drop(fd, entry.index())) arena::release(entry.index());
  } else if (entry.is(Kind::listener)) {
    close_listener(fd, entry.index());
  } else if (entry.is(Kind::epoll)) {
    close_epoll(fd, entry.index());
  } else {
    fds::reset(fd);
  }
}

}  // namespace wswrap::descriptors
