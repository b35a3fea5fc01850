// What a program that is about to be started would get of ours.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>

#include "shim/arena.h"
#include "shim/fds.h"
#include "shim/kernel.h"
#include "shim/listeners.h"
#include "shim/open_fds.h"
#include "shim/socket.h"

namespace wswrap {

// True if execve(2) leaves the descriptor open.
inline bool is_inherited(int fd) {
  const long flags = kernel::invoke(SYS_fcntl, fd, F_GETFD);
  return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

// Calls visit(fd, is_listener, record) for each descriptor that this process has of ours.
template <typename Visit>
void for_each_held(Visit visit) {
  fds::for_each(fds::Kind::connection,
                [&](int fd, std::uint32_t index) { visit(fd, false, index); });
  fds::for_each(fds::Kind::listener,
                [&](int fd, std::uint32_t index) { visit(fd, true, listeners::at(index).record); });
}

// The same for their records alone; perhaps twice for one.
template <typename Visit>
void for_each_record(Visit visit) {
  for_each_held([&](int, bool, std::uint32_t record) { visit(record); });
}

// The same as for_each_held(), also where the process is `borrowed`: in a child of vfork(2), whose
// numbers the table (its parent's) does not know.
template <typename Visit>
void for_each_ours(bool borrowed, Visit visit) {
  if (!borrowed) return for_each_held(visit);
  fds::for_each_open([&](int fd) {
    if (fds::is_internal(fd)) return;
    const std::uint32_t record = arena::find(arena::cookie_of(fd));
    if (record != arena::none) visit(fd, sock::is_listening(fd), record);
  });
}

// True if `is_passed` holds for a Unix socket by which this process could send or be sent a
// descriptor (SCM_RIGHTS in unix(7)): whoever has one may get a connection later. The standard
// streams do not count: they are the ways of a supervisor to look after anybody.
template <typename Predicate>
bool any_channel(Predicate is_passed) {
  bool found = false;
  fds::for_each_open([&](int fd) {
    if (found || fd <= STDERR_FILENO || fds::is_internal(fd)) return;
    found = sock::domain(fd) == AF_UNIX && is_passed(fd);
  });
  return found;
}

// The program that gets this connection cannot be wrapped: says so to the client (Close 1011) and
// ends both directions.
void refuse_program(int fd, std::uint32_t record);

// Says Close and ends both directions, from any process that has the descriptor.
void end_before_exec(int fd, std::uint32_t record, std::uint16_t code);

}  // namespace wswrap
