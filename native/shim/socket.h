// Small non-blocking operations on sockets, straight from the kernel. All return -errno on failure.
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <cstddef>

#include "shim/clock.h"
#include "shim/confined.h"
#include "shim/kernel.h"

namespace wswrap::sock {

// A message of several pieces costs the kernel a fifth of a microsecond more than one piece.
inline long receive(int fd, const iovec* iov, std::size_t count, int flags) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(iov);
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
  flags |= MSG_DONTWAIT;
  long result;
  do {
    result = count == 1 ? kernel::invoke(SYS_recvfrom, fd, iov->iov_base, iov->iov_len, flags,
                                         nullptr, nullptr)
                        : kernel::invoke(SYS_recvmsg, fd, &message, flags);
    if (result == -ENOSYS) result = confined::receive(fd, *iov, flags);
  } while (result == -EINTR);
  return result;
}

inline long peek(int fd, void* buffer, std::size_t size) {
  const iovec iov{buffer, size};
  return receive(fd, &iov, 1, MSG_PEEK);
}

// Takes bytes from the stream without copying them (tcp(7), MSG_TRUNC).
inline long discard(int fd, std::size_t size) {
  return kernel::invoke(SYS_recvfrom, fd, nullptr, size, MSG_TRUNC | MSG_DONTWAIT, nullptr,
                        nullptr);
}

inline long send(int fd, const iovec* iov, std::size_t count, int flags) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(iov);
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
  flags |= MSG_DONTWAIT | MSG_NOSIGNAL;
  long result;
  do {
    result = count == 1
                 ? kernel::invoke(SYS_sendto, fd, iov->iov_base, iov->iov_len, flags, nullptr, 0)
                 : kernel::invoke(SYS_sendmsg, fd, &message, flags);
    if (result == -ENOSYS) result = confined::send(fd, iov, count);
  } while (result == -EINTR);
  return result;
}

inline long shutdown(int fd, int how) { return kernel::invoke(SYS_shutdown, fd, how); }

inline long close(int fd) { return kernel::invoke(SYS_close, fd); }

inline bool is_nonblocking(int fd) {
  const long flags = kernel::invoke(SYS_fcntl, fd, F_GETFL);
  if (flags == -ENOSYS) return confined::was_nonblocking(fd);
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

inline bool has_option(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  return kernel::invoke(SYS_getsockopt, fd, SOL_SOCKET, option, &value, &size) == 0 && value != 0;
}

inline bool is_listening(int fd) { return has_option(fd, SO_ACCEPTCONN); }

// Other sockets may be bound to the same port at the same time (SO_REUSEPORT in socket(7)).
inline bool shares_port(int fd) { return has_option(fd, SO_REUSEPORT); }

// AF_UNIX and so on; -errno for what is no socket.
inline int domain(int fd) {
  int value = 0;
  socklen_t size = sizeof value;
  const long failed = kernel::invoke(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &value, &size);
  return failed < 0 ? static_cast<int>(failed) : value;
}

// SO_RCVTIMEO or SO_SNDTIMEO; `forever` when there is none.
inline Nanoseconds timeout_of(int fd, int option) {
  timeval value{};
  socklen_t size = sizeof value;
  if (kernel::invoke(SYS_getsockopt, fd, SOL_SOCKET, option, &value, &size) < 0) return forever;
  const Nanoseconds span = to_nanoseconds(value);
  return span == 0 ? forever : span;
}

inline long set_low_water(int fd, int bytes) {
  return kernel::invoke(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

inline long low_water(int fd) {
  int bytes = 0;
  socklen_t size = sizeof bytes;
  const long failed = kernel::invoke(SYS_getsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, &size);
  return failed < 0 ? failed : bytes;
}

// poll(2) without waiting. Returns how many are ready.
inline long poll_now(pollfd* fds, std::size_t count) {
  const timespec now{};
  return kernel::invoke(SYS_ppoll, fds, count, &now, nullptr, 0);
}

// Unread wire bytes.
inline long unread(int fd) {
  int count = 0;
  const long failed = kernel::invoke(SYS_ioctl, fd, FIONREAD, &count);
  return failed < 0 ? failed : count;
}

}  // namespace wswrap::sock
