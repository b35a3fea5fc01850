// syscall(2): event loops and language runtimes make some of their calls that way, and a raw call
// on a descriptor of ours must do what the function of that name does.
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <type_traits>
#include <utility>

#include "shim/clock.h"
#include "shim/config.h"
#include "shim/confined.h"
#include "shim/hooks.h"
#include "shim/libc.h"
#include "shim/process.h"

namespace wswrap {

namespace {

using Words = long[6];

template <typename T>
T from_word(long word) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<T>(word);
  } else {
    return static_cast<T>(word);
  }
}

// Calls a hook with the words of a system call whose arguments are in the same order.
template <typename Result, typename... Args>
long call(Result (*hook)(Args...), const Words& a) {
  const auto with = [&]<std::size_t... i>(std::index_sequence<i...>) {
    return static_cast<long>(hook(from_word<Args>(a[i])...));
  };
  return with(std::index_sequence_for<Args...>{});
}

// Such a child of clone(2) is a thread, or a child of vfork(2).
bool shares_anything(long flags) { return (flags & (CLONE_VM | CLONE_FILES)) != 0; }

bool ours(long fd) { return !fds::get(static_cast<int>(fd)).plain(); }

bool any_polled(const Words& a) {
  return any_of_ours(from_word<const pollfd*>(a[0]), from_word<nfds_t>(a[1]));
}

template <typename Time>
Nanoseconds duration(const Time* time) {
  const bool valid = time != nullptr && time->tv_sec >= 0 && time->tv_sec <= 1'000'000'000 &&
                     time->tv_nsec >= 0 && time->tv_nsec < 1'000'000'000;
  return valid ? Nanoseconds{time->tv_sec} * 1'000'000'000 + time->tv_nsec : forever;
}

// The kernel leaves in the timeout what remained of it; libc's functions do not.
template <typename Time>
class LeaveTimeRemaining {
 public:
  explicit LeaveTimeRemaining(long word)
      : time_(from_word<Time*>(word)), deadline_(duration(time_)) {}
  ~LeaveTimeRemaining() {
    if (deadline_.never()) return;
    const timespec left = to_timespec(deadline_.left());
    time_->tv_sec = left.tv_sec;
    time_->tv_nsec = static_cast<decltype(time_->tv_nsec)>(left.tv_nsec);
  }
  LeaveTimeRemaining(const LeaveTimeRemaining&) = delete;
  LeaveTimeRemaining& operator=(const LeaveTimeRemaining&) = delete;

 private:
  Time* time_;
  Deadline deadline_;
};

template <typename Time, auto hook>
long raw_pselect(const Words& a) {
  struct Mask {
    const sigset_t* mask;
    std::size_t size;
  };
  const auto* sixth = from_word<const Mask*>(a[5]);
  const LeaveTimeRemaining<Time> leave(a[4]);
  return hook(from_word<int>(a[0]), from_word<fd_set*>(a[1]), from_word<fd_set*>(a[2]),
              from_word<fd_set*>(a[3]), from_word<const Time*>(a[4]),
              sixth != nullptr ? sixth->mask : nullptr);
}

template <typename Time, auto hook>
long raw_ppoll(const Words& a) {
  const LeaveTimeRemaining<Time> leave(a[2]);
  return call(hook, a);
}

// The offset takes two words, of which the second is unused where one is enough.
template <typename Hook>
long raw_vector(Hook* hook, const Words& a) {
  return hook(from_word<int>(a[0]), from_word<const iovec*>(a[1]), from_word<int>(a[2]), a[3],
              from_word<int>(a[5]));
}

// Linux AIO (io_submit(2)) would go around us. The descriptor of a request is its sixth word of 32
// bits (linux/aio_abi.h).
bool submits_ours(const Words& a) {
  const auto* const* submitted = from_word<const int* const*>(a[2]);
  for (long i = 0; submitted != nullptr && i < a[1]; ++i) {
    if (submitted[i] != nullptr && ours(submitted[i][5])) return true;
  }
  return false;
}

long refuse(int error) {
  errno = error;
  return -1;
}

}  // namespace

long hook_syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  Words a;
  for (long& value : a) value = va_arg(list, long);
  va_end(list);

// A call that a hook serves if its descriptors are ours.
#define SERVE(name, whose, served) \
  case SYS_##name:                 \
    if (whose) return served;      \
    break;
  switch (number) {
    // birth
#ifdef SYS_accept
    SERVE(accept, ours(a[0]), call(hook_accept, a))
#endif
    SERVE(accept4, ours(a[0]), call(hook_accept4, a))
    SERVE(bind, true, call(hook_bind, a))
    SERVE(listen, true, call(hook_listen, a))
    SERVE(socket, true, call(hook_socket, a))
    SERVE(socketpair, true, call(hook_socketpair, a))
    // receive
    SERVE(read, ours(a[0]), call(hook_read, a))
    SERVE(readv, ours(a[0]), call(hook_readv, a))
    SERVE(preadv2, ours(a[0]), raw_vector(hook_preadv2, a))
    SERVE(recvfrom, ours(a[0]), call(hook_recvfrom, a))
    SERVE(recvmsg, true, call(hook_recvmsg, a))
    SERVE(recvmmsg, true, call(hook_recvmmsg, a))
    // send
    SERVE(write, ours(a[0]), call(hook_write, a))
    SERVE(writev, ours(a[0]), call(hook_writev, a))
    SERVE(pwritev2, ours(a[0]), raw_vector(hook_pwritev2, a))
    SERVE(sendto, ours(a[0]), call(hook_sendto, a))
    SERVE(sendmsg, true, call(hook_sendmsg, a))
    SERVE(sendmmsg, true, call(hook_sendmmsg, a))
    SERVE(sendfile, ours(a[0]), call(hook_sendfile, a))
    SERVE(splice, ours(a[0]) || ours(a[2]), call(hook_splice, a))
    // wait
    SERVE(pselect6, fds::any(), (raw_pselect<timespec, hook_pselect>(a)))
    SERVE(ppoll, any_polled(a), (raw_ppoll<timespec, hook_ppoll>(a)))
    SERVE(epoll_ctl, true, call(hook_epoll_ctl, a))
    SERVE(epoll_pwait, true, call(hook_epoll_pwait, a))
    SERVE(epoll_pwait2, true, call(hook_epoll_pwait2, a))
    SERVE(epoll_create1, true, call(hook_epoll_create1, a))
#if __SIZEOF_POINTER__ == 4
    SERVE(pselect6_time64, fds::any(), (raw_pselect<WideTimespec, hook___pselect64>(a)))
    SERVE(ppoll_time64, any_polled(a), (raw_ppoll<WideTimespec, hook___ppoll64>(a)))
    SERVE(recvmmsg_time64, true, call(hook___recvmmsg64, a))
    SERVE(fcntl64, ours(a[0]), hook_fcntl64(from_word<int>(a[0]), from_word<int>(a[1]), a[2]))
    SERVE(sendfile64, ours(a[0]), call(hook_sendfile64, a))
#endif
#ifdef SYS_poll  // older architectures have these, too
#ifdef SYS__newselect
    SERVE(_newselect, fds::any(), call(hook_select, a))
#else
    SERVE(select, fds::any(), call(hook_select, a))
#endif
    SERVE(poll, any_polled(a), call(hook_poll, a))
    SERVE(epoll_wait, true, call(hook_epoll_wait, a))
    SERVE(epoll_create, true, call(hook_epoll_create, a))
    SERVE(dup2, true, call(hook_dup2, a))
#endif
    // descriptor life
    SERVE(close, ours(a[0]), call(hook_close, a))
    SERVE(close_range, true, call(hook_close_range, a))
    SERVE(dup, true, call(hook_dup, a))
    SERVE(dup3, true, call(hook_dup3, a))
    SERVE(pidfd_getfd, true, call(hook_pidfd_getfd, a))
    SERVE(fcntl, ours(a[0]), hook_fcntl(from_word<int>(a[0]), from_word<int>(a[1]), a[2]))
    // control
    SERVE(ioctl, ours(a[0]), hook_ioctl(from_word<int>(a[0]), from_word<IoctlRequest>(a[1]), a[2]))
    SERVE(shutdown, ours(a[0]), call(hook_shutdown, a))
    SERVE(getsockopt, ours(a[0]), call(hook_getsockopt, a))
    SERVE(setsockopt, ours(a[0]), call(hook_setsockopt, a))
    // process
    // With a stack of its own the child does not come back here.
    SERVE(clone, a[1] == 0 && !shares_anything(a[0]),
          process::fork_by([&] { return libc.syscall(number, a[0], a[1], a[2], a[3], a[4]); }))
#ifdef SYS_fork
    SERVE(fork, true, process::fork_by([&] { return libc.syscall(number); }))
#endif
    SERVE(execve, true, call(hook_execve, a))
    SERVE(execveat, true, call(hook_execveat, a))
    // What would bypass us. Event loops fall back to epoll.
    SERVE(io_uring_setup, config.port_count != 0, refuse(ENOSYS))
    SERVE(io_submit, submits_ours(a), refuse(EINVAL))
    case SYS_exit_group:
      hook__exit(from_word<int>(a[0]));
      break;
    case SYS_prctl:
      if (a[0] == PR_SET_SECCOMP) return hook_prctl(PR_SET_SECCOMP, a[1], a[2], a[3], a[4]);
      break;
    case SYS_seccomp:
      return confined::install(from_word<unsigned>(a[0]), from_word<unsigned long>(a[1]),
                               from_word<void*>(a[2]));
    default:
      break;
  }
#undef SERVE
  return libc.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

}  // namespace wswrap
