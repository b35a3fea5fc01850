// What 32-bit glibc has twice: functions for offsets of 64 bits (_FILE_OFFSET_BITS=64) and for
// times of 64 bits (_TIME_BITS=64), beside the narrow ones. 64-bit systems have these names as
// aliases, or not at all.
//
// A wait longer than a narrow time can say (68 years) is cut to that; nobody will notice.
#if __SIZEOF_POINTER__ == 4

#include <fcntl.h>

#include <algorithm>
#include <cstdarg>
#include <limits>

#include "shim/border.h"
#include "shim/hooks.h"
#include "shim/libc.h"
#include "shim/moving.h"

namespace wswrap {
namespace {

template <typename Narrow, typename Wide>
Narrow narrow(Wide value) {
  constexpr Wide lowest = std::numeric_limits<Narrow>::min();
  constexpr Wide highest = std::numeric_limits<Narrow>::max();
  return static_cast<Narrow>(std::clamp(value, lowest, highest));
}

// A narrow copy of a time that may be absent. What makes no sense makes none afterwards.
class Narrowed {
 public:
  explicit Narrowed(const WideTimespec* time) : present_(time != nullptr) {
    if (present_) time_ = {.tv_sec = narrow<time_t>(time->tv_sec), .tv_nsec = time->tv_nsec};
  }
  timespec* get() { return present_ ? &time_ : nullptr; }

 private:
  bool present_;
  timespec time_{};
};

bool is_lock(int command) {
  switch (command) {
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_GETLK64:
    case F_SETLK64:
    case F_SETLKW64:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
      return true;
    default:
      return false;
  }
}

}  // namespace

// Locks are what the two functions differ in, and no lock concerns a socket.
int hook_fcntl64(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  void* argument = va_arg(list, void*);
  va_end(list);
  return is_lock(command) ? libc.fcntl64(fd, command, argument) : hook_fcntl(fd, command, argument);
}

int hook___fcntl_time64(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  void* argument = va_arg(list, void*);
  va_end(list);
  return hook_fcntl64(fd, command, argument);
}

ssize_t hook_sendfile64(int out, int in, std::int64_t* offset, size_t count) {
  if (const Ours ours(out); ours) {
    const Result result = moving::send_file(out, ours.index(), in, offset, count);
    if (!is_foreign(out, result)) return answer<ssize_t>(result);
  }
  return libc.sendfile64(out, in, offset, count);
}

ssize_t hook_preadv64v2(int fd, const iovec* iov, int count, std::int64_t offset, int flags) {
  if (offset == -1) return hook_preadv2(fd, iov, count, -1, flags);
  return libc.preadv64v2(fd, iov, count, offset, flags);
}

ssize_t hook_pwritev64v2(int fd, const iovec* iov, int count, std::int64_t offset, int flags) {
  if (offset == -1) return hook_pwritev2(fd, iov, count, -1, flags);
  return libc.pwritev64v2(fd, iov, count, offset, flags);
}

int hook___select64(int count, fd_set* reads, fd_set* writes, fd_set* excepts,
                    WideTimeval* timeout) {
  if (timeout == nullptr) return hook_select(count, reads, writes, excepts, nullptr);
  timeval left{.tv_sec = narrow<time_t>(timeout->tv_sec),
               .tv_usec = narrow<suseconds_t>(timeout->tv_usec)};
  const int ready = hook_select(count, reads, writes, excepts, &left);
  *timeout = {.tv_sec = left.tv_sec, .tv_usec = left.tv_usec};
  return ready;
}

int hook___pselect64(int count, fd_set* reads, fd_set* writes, fd_set* excepts,
                     const WideTimespec* timeout, const sigset_t* mask) {
  return hook_pselect(count, reads, writes, excepts, Narrowed(timeout).get(), mask);
}

int hook___ppoll64(pollfd* fds, nfds_t count, const WideTimespec* timeout, const sigset_t* mask) {
  return hook_ppoll(fds, count, Narrowed(timeout).get(), mask);
}

int hook___ppoll64_chk(pollfd* fds, nfds_t count, const WideTimespec* timeout, const sigset_t* mask,
                       size_t room) {
  return hook___ppoll_chk(fds, count, Narrowed(timeout).get(), mask, room);
}

int hook___epoll_pwait2_time64(int epfd, epoll_event* events, int room, const WideTimespec* timeout,
                               const sigset_t* mask) {
  return hook_epoll_pwait2(epfd, events, room, Narrowed(timeout).get(), mask);
}

int hook___recvmmsg64(int fd, mmsghdr* messages, unsigned count, MessageFlags flags,
                      WideTimespec* timeout) {
  Narrowed left(timeout);
  const int got = hook_recvmmsg(fd, messages, count, flags, left.get());
  if (timeout != nullptr) {
    *timeout = {.tv_sec = left.get()->tv_sec,
                .tv_nsec = static_cast<std::int32_t>(left.get()->tv_nsec),
                .padding = 0};
  }
  return got;
}

}  // namespace wswrap

#endif
