// Included before everything else, this makes a server go through syscall(2) for every call that
// there is a system call for, as some event loops and language runtimes do for some.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { KERNEL_MASK_SIZE = 8 };

// The kernel writes into the timeouts of these, and takes the mask with its size.
static inline long raw_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                             const sigset_t *mask) {
  struct timespec left = timeout != NULL ? *timeout : (struct timespec){0};
  return syscall(SYS_ppoll, fds, count, timeout != NULL ? &left : NULL, mask, KERNEL_MASK_SIZE);
}

static inline long raw_pselect(int count, fd_set *in, fd_set *out, fd_set *except,
                               const struct timespec *timeout, const sigset_t *mask) {
  struct timespec left = timeout != NULL ? *timeout : (struct timespec){0};
  const struct {
    const sigset_t *mask;
    size_t size;
  } sixth = {mask, KERNEL_MASK_SIZE};
  return syscall(SYS_pselect6, count, in, out, except, timeout != NULL ? &left : NULL, &sixth);
}

static inline long raw_select(int count, fd_set *in, fd_set *out, fd_set *except,
                              struct timeval *timeout) {
  struct timespec left = {0};
  if (timeout != NULL) left = (struct timespec){timeout->tv_sec, timeout->tv_usec * 1000};
  const long result =
      syscall(SYS_pselect6, count, in, out, except, timeout != NULL ? &left : NULL, NULL);
  if (timeout != NULL) *timeout = (struct timeval){left.tv_sec, left.tv_nsec / 1000};
  return result;
}

static inline long raw_poll(struct pollfd *fds, nfds_t count, int timeout) {
  const struct timespec limit = {timeout / 1000, timeout % 1000 * 1000000L};
  return raw_ppoll(fds, count, timeout < 0 ? NULL : &limit, NULL);
}

#define accept(fd, address, size) syscall(SYS_accept, fd, address, size)
#define accept4(fd, address, size, flags) syscall(SYS_accept4, fd, address, size, flags)
#define bind(fd, address, size) syscall(SYS_bind, fd, address, size)
#define listen(fd, backlog) syscall(SYS_listen, fd, backlog)
#define socket(domain, type, protocol) syscall(SYS_socket, domain, type, protocol)
#define read(fd, buffer, size) syscall(SYS_read, fd, buffer, size)
#define readv(fd, iov, count) syscall(SYS_readv, fd, iov, count)
#define preadv2(fd, iov, count, offset, flags) \
  syscall(SYS_preadv2, fd, iov, count, (long)(offset), 0L, flags)
#define recv(fd, buffer, size, flags) syscall(SYS_recvfrom, fd, buffer, size, flags, NULL, NULL)
#define recvfrom(fd, buffer, size, flags, address, length) \
  syscall(SYS_recvfrom, fd, buffer, size, flags, address, length)
#define recvmsg(fd, message, flags) syscall(SYS_recvmsg, fd, message, flags)
#define recvmmsg(fd, messages, count, flags, timeout) \
  syscall(SYS_recvmmsg, fd, messages, count, flags, timeout)
#define write(fd, buffer, size) syscall(SYS_write, fd, buffer, size)
#define writev(fd, iov, count) syscall(SYS_writev, fd, iov, count)
#define pwritev2(fd, iov, count, offset, flags) \
  syscall(SYS_pwritev2, fd, iov, count, (long)(offset), 0L, flags)
#define send(fd, buffer, size, flags) syscall(SYS_sendto, fd, buffer, size, flags, NULL, 0)
#define sendto(fd, buffer, size, flags, address, length) \
  syscall(SYS_sendto, fd, buffer, size, flags, address, length)
#define sendmsg(fd, message, flags) syscall(SYS_sendmsg, fd, message, flags)
#define sendmmsg(fd, messages, count, flags) syscall(SYS_sendmmsg, fd, messages, count, flags)
#define sendfile(out, in, offset, count) syscall(SYS_sendfile, out, in, offset, count)
#define splice(in, in_offset, out, out_offset, size, flags) \
  syscall(SYS_splice, in, in_offset, out, out_offset, size, flags)
#define poll(fds, count, timeout) raw_poll(fds, count, timeout)
#define ppoll(fds, count, timeout, mask) raw_ppoll(fds, count, timeout, mask)
#define select(count, in, out, except, timeout) raw_select(count, in, out, except, timeout)
#define pselect(count, in, out, except, timeout, mask) \
  raw_pselect(count, in, out, except, timeout, mask)
#define epoll_create1(flags) syscall(SYS_epoll_create1, flags)
#define epoll_ctl(epfd, operation, fd, event) syscall(SYS_epoll_ctl, epfd, operation, fd, event)
#define epoll_wait(epfd, events, room, timeout) \
  syscall(SYS_epoll_pwait, epfd, events, room, timeout, NULL, KERNEL_MASK_SIZE)
#define epoll_pwait(epfd, events, room, timeout, mask) \
  syscall(SYS_epoll_pwait, epfd, events, room, timeout, mask, KERNEL_MASK_SIZE)
#define epoll_pwait2(epfd, events, room, timeout, mask) \
  syscall(SYS_epoll_pwait2, epfd, events, room, timeout, mask, KERNEL_MASK_SIZE)
#define close(fd) syscall(SYS_close, fd)
#define close_range(first, last, flags) syscall(SYS_close_range, first, last, flags)
#define dup(fd) syscall(SYS_dup, fd)
#define dup2(fd, target) \
  ((fd) == (target) ? fcntl(fd, F_GETFD) < 0 ? -1 : (fd) : syscall(SYS_dup3, fd, target, 0))
#define dup3(fd, target, flags) syscall(SYS_dup3, fd, target, flags)
#define fcntl(fd, command, ...) syscall(SYS_fcntl, fd, command, ##__VA_ARGS__)
#define ioctl(fd, request, argument) syscall(SYS_ioctl, fd, request, argument)
#define shutdown(fd, how) syscall(SYS_shutdown, fd, how)
#define getsockopt(fd, level, option, value, size) \
  syscall(SYS_getsockopt, fd, level, option, value, size)
#define setsockopt(fd, level, option, value, size) \
  syscall(SYS_setsockopt, fd, level, option, value, size)
