// Included before everything else when a test server is compiled with musl-gcc: what glibc has and
// musl has not. Such calls fail as on a kernel that does not know them.
#pragma once

#include <errno.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

enum { UNKNOWN_CALL = -1 };

static inline ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags) {
  return syscall(UNKNOWN_CALL, fd, iov, count, offset, flags);
}

static inline ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t offset,
                               int flags) {
  return syscall(UNKNOWN_CALL, fd, iov, count, offset, flags);
}

static inline int epoll_pwait2(int epfd, struct epoll_event *events, int room,
                               const struct timespec *timeout, const sigset_t *mask) {
  return (int)syscall(UNKNOWN_CALL, epfd, events, room, timeout, mask);
}

// strerrorname_np(3) for what calls on sockets fail with.
static inline const char *strerrorname_np(int error) {
  switch (error) {
#define NAME(name) \
  case name:       \
    return #name
    NAME(EACCES);
    NAME(EADDRINUSE);
    NAME(EAFNOSUPPORT);
    NAME(EAGAIN);
    NAME(EALREADY);
    NAME(EBADF);
    NAME(ECHILD);
    NAME(ECONNABORTED);
    NAME(ECONNREFUSED);
    NAME(ECONNRESET);
    NAME(EDESTADDRREQ);
    NAME(EEXIST);
    NAME(EFAULT);
    NAME(EINPROGRESS);
    NAME(EINTR);
    NAME(EINVAL);
    NAME(EIO);
    NAME(EISCONN);
    NAME(ELOOP);
    NAME(EMFILE);
    NAME(EMSGSIZE);
    NAME(ENFILE);
    NAME(ENOBUFS);
    NAME(ENODATA);
    NAME(ENODEV);
    NAME(ENOENT);
    NAME(ENOMEM);
    NAME(ENOPROTOOPT);
    NAME(ENOSYS);
    NAME(ENOTCONN);
    NAME(ENOTSOCK);
    NAME(ENOTTY);
    NAME(EOPNOTSUPP);
    NAME(EPERM);
    NAME(EPIPE);
    NAME(EPROTO);
    NAME(EPROTONOSUPPORT);
    NAME(ESPIPE);
    NAME(ESRCH);
    NAME(ETIMEDOUT);
#undef NAME
    default:
      return "EUNNAMED";
  }
}
