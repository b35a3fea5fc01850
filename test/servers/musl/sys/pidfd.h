// What musl has no functions for.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

static inline int pidfd_open(int pid, unsigned flags) {
  return (int)syscall(SYS_pidfd_open, pid, flags);
}

static inline int pidfd_getfd(int pidfd, int fd, unsigned flags) {
  return (int)syscall(SYS_pidfd_getfd, pidfd, fd, flags);
}
