// syscall(2): event loops and language runtimes make some of their calls that way, and a raw call
// on a descriptor of ours must do what the function of that name does.
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

#include "shim/config.h"
#include "shim/hooks.h"
#include "shim/libc.h"
#include "shim/process.h"

namespace wswrap {

namespace {

template <typename T>
T pointer(long word) {
  return reinterpret_cast<T>(word);
}

// Such a child of clone(2) is a thread, or a child of vfork(2).
bool shares_anything(unsigned long flags) { return (flags & (CLONE_VM | CLONE_FILES)) != 0; }

// Whether a raw system call concerns a descriptor of ours.
bool concerns_us(long number, const long (&a)[6]) {
  const auto ours = [](long fd) { return !fds::get(static_cast<int>(fd)).plain(); };
  switch (number) {
    case SYS_epoll_ctl:
      return ours(a[0]) || ours(a[2]);
    case SYS_dup3:
      return ours(a[0]) || ours(a[1]);
#if __SIZEOF_POINTER__ == 4
    case SYS_ppoll_time64:
#endif
    case SYS_ppoll:
      return any_of_ours(pointer<const pollfd*>(a[0]), static_cast<nfds_t>(a[1]));
    default:
      return ours(a[0]);
  }
}

}  // namespace

long hook_syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& value : a) value = va_arg(list, long);
  va_end(list);
  const int fd = static_cast<int>(a[0]);
  switch (number) {
    case SYS_io_uring_setup:
      // Its operations would bypass us: event loops fall back to epoll.
      if (config.port_count == 0) break;
      errno = ENOSYS;
      return -1;
    case SYS_read:
      if (concerns_us(number, a))
        return hook_read(fd, pointer<void*>(a[1]), static_cast<size_t>(a[2]));
      break;
    case SYS_write:
      if (concerns_us(number, a))
        return hook_write(fd, pointer<void*>(a[1]), static_cast<size_t>(a[2]));
      break;
    case SYS_readv:
      if (concerns_us(number, a))
        return hook_readv(fd, pointer<iovec*>(a[1]), static_cast<int>(a[2]));
      break;
    case SYS_writev:
      if (concerns_us(number, a))
        return hook_writev(fd, pointer<iovec*>(a[1]), static_cast<int>(a[2]));
      break;
    case SYS_recvfrom:
      if (concerns_us(number, a)) {
        return hook_recvfrom(fd, pointer<void*>(a[1]), static_cast<size_t>(a[2]),
                             static_cast<int>(a[3]), pointer<sockaddr*>(a[4]),
                             pointer<socklen_t*>(a[5]));
      }
      break;
    case SYS_sendto:
      if (concerns_us(number, a)) {
        return hook_send(fd, pointer<void*>(a[1]), static_cast<size_t>(a[2]),
                         static_cast<int>(a[3]));
      }
      break;
    case SYS_recvmsg:
      return hook_recvmsg(fd, pointer<msghdr*>(a[1]), static_cast<int>(a[2]));
    case SYS_recvmmsg:
      return hook_recvmmsg(fd, pointer<mmsghdr*>(a[1]), static_cast<unsigned>(a[2]),
                           static_cast<MessageFlags>(a[3]), pointer<timespec*>(a[4]));
    case SYS_sendmsg:
      return hook_sendmsg(fd, pointer<msghdr*>(a[1]), static_cast<int>(a[2]));
    case SYS_sendmmsg:
      return hook_sendmmsg(fd, pointer<mmsghdr*>(a[1]), static_cast<unsigned>(a[2]),
                           static_cast<MessageFlags>(a[3]));
    case SYS_pidfd_getfd:
      return hook_pidfd_getfd(fd, static_cast<int>(a[1]), static_cast<unsigned>(a[2]));
#ifdef SYS_accept
    case SYS_accept:
      if (concerns_us(number, a)) {
        return hook_accept(fd, pointer<sockaddr*>(a[1]), pointer<socklen_t*>(a[2]));
      }
      break;
#endif
    case SYS_accept4:
      if (concerns_us(number, a)) {
        return hook_accept4(fd, pointer<sockaddr*>(a[1]), pointer<socklen_t*>(a[2]),
                            static_cast<int>(a[3]));
      }
      break;
    case SYS_listen:
      return hook_listen(fd, static_cast<int>(a[1]));
    case SYS_close:
      if (concerns_us(number, a)) return hook_close(fd);
      break;
    case SYS_close_range:
      return hook_close_range(static_cast<unsigned>(a[0]), static_cast<unsigned>(a[1]),
                              static_cast<int>(a[2]));
    case SYS_shutdown:
      if (concerns_us(number, a)) return hook_shutdown(fd, static_cast<int>(a[1]));
      break;
    case SYS_dup:
      if (concerns_us(number, a)) return hook_dup(fd);
      break;
    case SYS_dup3:
      if (concerns_us(number, a))
        return hook_dup3(fd, static_cast<int>(a[1]), static_cast<int>(a[2]));
      break;
    case SYS_clone:
      // With a stack of its own the child does not come back here.
      if (a[1] != 0 || shares_anything(static_cast<unsigned long>(a[0]))) break;
      return process::fork_by([&] { return libc.syscall(number, a[0], a[1], a[2], a[3], a[4]); });
#if defined(SYS_fork)
    case SYS_fork:
      return process::fork_by([&] { return libc.syscall(number); });
#endif
    case SYS_execve:
      return hook_execve(pointer<const char*>(a[0]), pointer<char* const*>(a[1]),
                         pointer<char* const*>(a[2]));
    case SYS_execveat:
      return hook_execveat(fd, pointer<const char*>(a[1]), pointer<char* const*>(a[2]),
                           pointer<char* const*>(a[3]), static_cast<int>(a[4]));
    case SYS_fcntl:
      if (concerns_us(number, a)) return hook_fcntl(fd, static_cast<int>(a[1]), a[2]);
      break;
#if __SIZEOF_POINTER__ == 4
    case SYS_fcntl64:
      if (concerns_us(number, a)) return hook_fcntl64(fd, static_cast<int>(a[1]), a[2]);
      break;
    case SYS_ppoll_time64:
      if (concerns_us(number, a)) {
        return hook___ppoll64(pointer<pollfd*>(a[0]), static_cast<nfds_t>(a[1]),
                              pointer<WideTimespec*>(a[2]), pointer<sigset_t*>(a[3]));
      }
      break;
#endif
    case SYS_ppoll:
      if (concerns_us(number, a)) {
        return hook_ppoll(pointer<pollfd*>(a[0]), static_cast<nfds_t>(a[1]),
                          pointer<timespec*>(a[2]), pointer<sigset_t*>(a[3]));
      }
      break;
    case SYS_epoll_ctl:
      if (concerns_us(number, a)) {
        return hook_epoll_ctl(fd, static_cast<int>(a[1]), static_cast<int>(a[2]),
                              pointer<epoll_event*>(a[3]));
      }
      break;
    case SYS_epoll_pwait:
      if (concerns_us(number, a)) {
        return hook_epoll_pwait(fd, pointer<epoll_event*>(a[1]), static_cast<int>(a[2]),
                                static_cast<int>(a[3]), pointer<sigset_t*>(a[4]));
      }
      break;
    default:
      break;
  }
  return libc.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

}  // namespace wswrap
