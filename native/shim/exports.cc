// The hooks: each asks whether the descriptor is ours and hands over to an engine, or to libc.
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

#include "codec/segments.h"
#include "shim/border.h"
#include "shim/config.h"
#include "shim/connection.h"
#include "shim/descriptors.h"
#include "shim/driver.h"
#include "shim/epoll.h"
#include "shim/fds.h"
#include "shim/hooks.h"
#include "shim/kernel.h"
#include "shim/libc.h"
#include "shim/listeners.h"
#include "shim/moving.h"
#include "shim/passing.h"
#include "shim/process.h"
#include "shim/relocation.h"
#include "shim/standard_streams.h"
#include "shim/wait.h"

namespace wswrap {
namespace {

using fds::Kind;

// Timeouts in nanoseconds, negative for none. `valid` is false where Linux says EINVAL.
Nanoseconds from_timespec(const timespec* span, bool& valid) {
  valid = true;
  if (span == nullptr) return -1;
  valid = span->tv_sec >= 0 && span->tv_nsec >= 0 && span->tv_nsec < 1'000'000'000;
  if (span->tv_sec > 1'000'000'000) return -1;
  return to_nanoseconds(*span);
}

int receive_one(int fd, std::uint32_t index, msghdr& message, int flags, Result& result) {
  result = connection::receive(fd, index, parts_of(message), flags);
  if (result.error != 0) return -1;
  message.msg_namelen = 0;
  message.msg_controllen = 0;
  message.msg_flags = flags & MSG_CMSG_CLOEXEC;
  return 0;
}

}  // namespace

bool any_of_ours(const pollfd* fds, nfds_t count) {
  if (!fds::any() || fds == nullptr) return false;
  if (driver::is_busy()) return true;
  for (nfds_t i = 0; i < count; ++i) {
    if (!fds::get(fds[i].fd).plain()) return true;
  }
  return false;
}

// ---- birth

static int accept_ours(int fd, const Ours& ours, sockaddr* address, socklen_t* size, int flags) {
  const Result result = listeners::accept(fd, ours.index(), address, size, flags);
  if (result.error == 0) standard_streams::follow(static_cast<int>(result.value));
  return answer(result);
}

int hook_accept(int fd, sockaddr* address, socklen_t* size) {
  if (const Ours ours(fd, Kind::listener); ours) return accept_ours(fd, ours, address, size, 0);
  const int born = libc.accept(fd, address, size);
  descriptors::on_birth(born);
  return born;
}

int hook_accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  if (const Ours ours(fd, Kind::listener); ours) return accept_ours(fd, ours, address, size, flags);
  const int born = libc.accept4(fd, address, size, flags);
  descriptors::on_birth(born);
  return born;
}

int hook_bind(int fd, const sockaddr* address, socklen_t size) {
  if (!relocation::is_wanted()) return libc.bind(fd, address, size);
  return relocation::bind(fd, address, size);
}

int hook_listen(int fd, int backlog) {
  const int failed = libc.listen(fd, backlog);
  if (failed != 0) return failed;
  int error = listeners::adopt(fd);
  if (Ours(fd, Kind::listener)) epoll::adopt(fd);
  if (error == 0 && relocation::is_wanted()) error = relocation::report(fd);
  if (error == 0) return 0;
  // Not wrapped must not mean open to everybody; and a server that nobody finds is none.
  libc.shutdown(fd, SHUT_RDWR);
  errno = error;
  return -1;
}

int hook_socket(int domain, int type, int protocol) {
  const int born = libc.socket(domain, type, protocol);
  descriptors::on_birth(born);
  return born;
}

int hook_socketpair(int domain, int type, int protocol, int pair[2]) {
  const int failed = libc.socketpair(domain, type, protocol, pair);
  if (failed == 0) {
    descriptors::on_birth(pair[0]);
    descriptors::on_birth(pair[1]);
  }
  return failed;
}

// ---- receive

// Not inlined into the hook: what is not ours would pay for the registers that this needs.
[[gnu::noinline]] static ssize_t read_ours(int fd, const Ours& ours, void* buffer, size_t size) {
  if (size == 0) return 0;
  const iovec iov{buffer, size};
  const Result result = connection::receive(fd, ours.index(), span_of(iov), 0);
  return is_foreign(fd, result) ? libc.read(fd, buffer, size) : answer<ssize_t>(result);
}

ssize_t hook_read(int fd, void* buffer, size_t size) {
  if (const Ours ours(fd); ours) return read_ours(fd, ours, buffer, size);
  return libc.read(fd, buffer, size);
}

ssize_t hook_readv(int fd, const iovec* iov, int count) {
  if (const Ours ours(fd); ours && is_sane(iov, count)) {
    const std::span parts(iov, static_cast<std::size_t>(count));
    if (codec::total_size(parts) == 0) return 0;
    const Result result = connection::receive(fd, ours.index(), parts, 0);
    if (!is_foreign(fd, result)) return answer<ssize_t>(result);
  }
  return libc.readv(fd, iov, count);
}

ssize_t hook_preadv2(int fd, const iovec* iov, int count, off_t offset, int flags) {
  if (offset == -1) {
    if (const Ours ours(fd); ours && is_sane(iov, count)) {
      const std::span parts(iov, static_cast<std::size_t>(count));
      const int mode = (flags & kernel::rwf_nowait) != 0 ? MSG_DONTWAIT : 0;
      if (codec::total_size(parts) == 0) return 0;
      const Result result = connection::receive(fd, ours.index(), parts, mode);
      if (!is_foreign(fd, result)) return answer<ssize_t>(result);
    }
  }
  return libc.preadv2(fd, iov, count, offset, flags);
}

[[gnu::noinline]] static ssize_t recv_ours(int fd, const Ours& ours, void* buffer, size_t size,
                                           int flags) {
  const iovec iov{buffer, size};
  const Result result = connection::receive(fd, ours.index(), span_of(iov), flags);
  return is_foreign(fd, result) ? libc.recv(fd, buffer, size, flags) : answer<ssize_t>(result);
}

ssize_t hook_recv(int fd, void* buffer, size_t size, int flags) {
  if (const Ours ours(fd); ours) return recv_ours(fd, ours, buffer, size, flags);
  return libc.recv(fd, buffer, size, flags);
}

ssize_t hook_recvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* address,
                      socklen_t* length) {
  if (const Ours ours(fd); ours) {
    const iovec iov{buffer, size};
    const Result result = connection::receive(fd, ours.index(), span_of(iov), flags);
    if (!is_foreign(fd, result)) {
      if (result.error == 0 && address != nullptr && length != nullptr) *length = 0;
      return answer<ssize_t>(result);
    }
  }
  return libc.recvfrom(fd, buffer, size, flags, address, length);
}

ssize_t hook_recvmsg(int fd, msghdr* message, int flags) {
  if (const Ours ours(fd); ours && is_sane(message)) {
    Result result;
    receive_one(fd, ours.index(), *message, flags, result);
    if (!is_foreign(fd, result)) return answer<ssize_t>(result);
  }
  const ssize_t got = libc.recvmsg(fd, message, flags);
  if (got >= 0 && message->msg_controllen != 0) passing::on_message(*message, flags);
  return got;
}

static int receive_plain(int fd, mmsghdr* messages, unsigned count, MessageFlags flags,
                         timespec* timeout) {
  const int got = libc.recvmmsg(fd, messages, count, flags, timeout);
  for (int i = 0; i < got; ++i) {
    msghdr& message = messages[i].msg_hdr;
    if (message.msg_controllen != 0) passing::on_message(message, static_cast<int>(flags));
  }
  return got;
}

int hook_recvmmsg(int fd, mmsghdr* messages, unsigned count, MessageFlags flags,
                  timespec* timeout) {
  const Ours ours(fd);
  if (messages == nullptr) return libc.recvmmsg(fd, messages, count, flags, timeout);
  if (!ours) return receive_plain(fd, messages, count, flags, timeout);
  bool valid = true;
  const Deadline deadline(from_timespec(timeout, valid));
  if (!valid) return answer(Result::fail(EINVAL));
  int mode = static_cast<int>(flags) & ~MSG_WAITFORONE;
  unsigned done = 0;
  while (done < count) {
    Result result = Result::fail(EMSGSIZE);
    msghdr& message = messages[done].msg_hdr;
    if (!is_sane(&message) || receive_one(fd, ours.index(), message, mode, result) < 0) {
      if (is_foreign(fd, result)) return receive_plain(fd, messages, count, flags, timeout);
      if (done == 0) return answer(result);
      if (result.error != EAGAIN) connection::keep_error(arena::at(ours.index()), result.error);
      break;
    }
    messages[done++].msg_len = static_cast<unsigned>(result.value);
    if ((flags & MSG_WAITFORONE) != 0) mode |= MSG_DONTWAIT;
    // Only looked at between two messages (recvmmsg(2), BUGS).
    if (deadline.left() == 0) break;
  }
  if (timeout != nullptr && !deadline.never()) *timeout = to_timespec(deadline.left());
  return static_cast<int>(done);
}

ssize_t hook___read_chk(int fd, void* buffer, size_t size, size_t room) {
  if (size > room) return libc.__read_chk(fd, buffer, size, room);
  return hook_read(fd, buffer, size);
}

ssize_t hook___recv_chk(int fd, void* buffer, size_t size, size_t room, int flags) {
  if (size > room) return libc.__recv_chk(fd, buffer, size, room, flags);
  return hook_recv(fd, buffer, size, flags);
}

ssize_t hook___recvfrom_chk(int fd, void* buffer, size_t size, size_t room, int flags,
                            sockaddr* address, socklen_t* length) {
  if (size > room) return libc.__recvfrom_chk(fd, buffer, size, room, flags, address, length);
  return hook_recvfrom(fd, buffer, size, flags, address, length);
}

// ---- send

[[gnu::noinline]] static ssize_t write_ours(int fd, const Ours& ours, const void* buffer,
                                            size_t size) {
  const iovec iov{const_cast<void*>(buffer), size};
  const Result result = connection::transmit(fd, ours.index(), span_of(iov), 0);
  return is_foreign(fd, result) ? libc.write(fd, buffer, size) : answer<ssize_t>(result);
}

ssize_t hook_write(int fd, const void* buffer, size_t size) {
  if (const Ours ours(fd); ours) return write_ours(fd, ours, buffer, size);
  return libc.write(fd, buffer, size);
}

ssize_t hook_writev(int fd, const iovec* iov, int count) {
  if (const Ours ours(fd); ours && is_sane(iov, count)) {
    const std::span parts(iov, static_cast<std::size_t>(count));
    const Result result = connection::transmit(fd, ours.index(), parts, 0);
    if (!is_foreign(fd, result)) return answer<ssize_t>(result);
  }
  return libc.writev(fd, iov, count);
}

ssize_t hook_pwritev2(int fd, const iovec* iov, int count, off_t offset, int flags) {
  if (offset == -1) {
    if (const Ours ours(fd); ours && is_sane(iov, count)) {
      const std::span parts(iov, static_cast<std::size_t>(count));
      const int mode = (flags & kernel::rwf_nowait) != 0 ? MSG_DONTWAIT : 0;
      const Result result = connection::transmit(fd, ours.index(), parts, mode);
      if (!is_foreign(fd, result)) return answer<ssize_t>(result);
    }
  }
  return libc.pwritev2(fd, iov, count, offset, flags);
}

[[gnu::noinline]] static ssize_t send_ours(int fd, const Ours& ours, const void* buffer,
                                           size_t size, int flags) {
  const iovec iov{const_cast<void*>(buffer), size};
  const Result result = connection::transmit(fd, ours.index(), span_of(iov), flags);
  return is_foreign(fd, result) ? libc.send(fd, buffer, size, flags) : answer<ssize_t>(result);
}

ssize_t hook_send(int fd, const void* buffer, size_t size, int flags) {
  if (const Ours ours(fd); ours) return send_ours(fd, ours, buffer, size, flags);
  return libc.send(fd, buffer, size, flags);
}

ssize_t hook_sendto(int fd, const void* buffer, size_t size, int flags, const sockaddr* address,
                    socklen_t length) {
  if (const Ours ours(fd); ours) return hook_send(fd, buffer, size, flags);
  return libc.sendto(fd, buffer, size, flags, address, length);
}

ssize_t hook_sendmsg(int fd, const msghdr* message, int flags) {
  if (const Ours ours(fd); ours && is_sane(message)) {
    const Result result = connection::transmit(fd, ours.index(), parts_of(*message), flags);
    if (!is_foreign(fd, result)) return answer<ssize_t>(result);
  }
  if (message == nullptr || message->msg_controllen == 0) return libc.sendmsg(fd, message, flags);
  return passing::send(fd, message, flags);
}

int hook_sendmmsg(int fd, mmsghdr* messages, unsigned count, MessageFlags flags) {
  const Ours ours(fd);
  if (messages == nullptr) return libc.sendmmsg(fd, messages, count, flags);
  if (!ours) return passing::send_many(fd, messages, count, flags);
  for (unsigned done = 0; done < count; ++done) {
    const msghdr& message = messages[done].msg_hdr;
    if (!is_sane(&message)) {
      return done > 0 ? static_cast<int>(done) : answer(Result::fail(EMSGSIZE));
    }
    const Result result = connection::transmit(fd, ours.index(), parts_of(message), flags);
    if (is_foreign(fd, result)) return passing::send_many(fd, messages, count, flags);
    if (result.error != 0) return done > 0 ? static_cast<int>(done) : answer(result);
    messages[done].msg_len = static_cast<unsigned>(result.value);
  }
  return static_cast<int>(count);
}

ssize_t hook_sendfile(int out, int in, off_t* offset, size_t count) {
  if (const Ours ours(out); ours) {
    std::int64_t position = offset != nullptr ? *offset : 0;
    std::int64_t* const wide = offset != nullptr ? &position : nullptr;
    const Result result = moving::send_file(out, ours.index(), in, wide, count);
    if (offset != nullptr) *offset = static_cast<off_t>(position);
    if (!is_foreign(out, result)) return answer<ssize_t>(result);
  }
  return libc.sendfile(out, in, offset, count);
}

// What makes no sense is refused by the kernel, in its own words.
ssize_t hook_splice(int in, std::int64_t* in_offset, int out, std::int64_t* out_offset, size_t size,
                    unsigned flags) {
  constexpr unsigned known = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;
  const bool sensible =
      in_offset == nullptr && out_offset == nullptr && size > 0 && (flags & ~known) == 0;
  if (const Ours ours(in); ours && sensible && moving::is_pipe(out)) {
    const Result result = moving::splice_in(in, ours.index(), out, size, flags);
    if (!is_foreign(in, result)) return answer<ssize_t>(result);
  }
  if (const Ours ours(out); ours && sensible && moving::is_pipe(in)) {
    const Result result = moving::splice_out(in, out, ours.index(), size, flags);
    if (!is_foreign(out, result)) return answer<ssize_t>(result);
  }
  return libc.splice(in, in_offset, out, out_offset, size, flags);
}

// ---- wait

int hook_poll(pollfd* fds, nfds_t count, int timeout) {
  if (!any_of_ours(fds, count)) {
    listeners::leave_to_others();
    return libc.poll(fds, count, timeout);
  }
  return answer(wait::poll(fds, count, timeout < 0 ? -1 : milliseconds(timeout), nullptr));
}

int hook_ppoll(pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  bool valid = true;
  const Nanoseconds span = from_timespec(timeout, valid);
  if (!valid || !any_of_ours(fds, count)) {
    listeners::leave_to_others();
    return libc.ppoll(fds, count, timeout, mask);
  }
  return answer(wait::poll(fds, count, span, mask));
}

int hook___poll_chk(pollfd* fds, nfds_t count, int timeout, size_t room) {
  if (room / sizeof *fds < count) return libc.__poll_chk(fds, count, timeout, room);
  return hook_poll(fds, count, timeout);
}

int hook___ppoll_chk(pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask,
                     size_t room) {
  if (room / sizeof *fds < count) return libc.__ppoll_chk(fds, count, timeout, mask, room);
  return hook_ppoll(fds, count, timeout, mask);
}

int hook_select(int count, fd_set* reads, fd_set* writes, fd_set* excepts, timeval* timeout) {
  if (!fds::any() || (timeout != nullptr && (timeout->tv_sec < 0 || timeout->tv_usec < 0))) {
    return libc.select(count, reads, writes, excepts, timeout);
  }
  Nanoseconds span = -1;
  if (timeout != nullptr && timeout->tv_sec < 1'000'000'000) span = to_nanoseconds(*timeout);
  Nanoseconds left = 0;
  const Result result = wait::select(count, reads, writes, excepts, span, nullptr, left);
  if (span >= 0) *timeout = to_timeval(left);
  return answer(result);
}

int hook_pselect(int count, fd_set* reads, fd_set* writes, fd_set* excepts, const timespec* timeout,
                 const sigset_t* mask) {
  bool valid = true;
  const Nanoseconds span = from_timespec(timeout, valid);
  if (!valid || !fds::any()) return libc.pselect(count, reads, writes, excepts, timeout, mask);
  Nanoseconds left = 0;
  return answer(wait::select(count, reads, writes, excepts, span, mask, left));
}

int hook_epoll_create(int size) {
  const int born = libc.epoll_create(size);
  descriptors::on_birth(born);
  epoll::on_birth();
  return born;
}

int hook_epoll_create1(int flags) {
  const int born = libc.epoll_create1(flags);
  descriptors::on_birth(born);
  epoll::on_birth();
  return born;
}

int hook_epoll_ctl(int epfd, int operation, int fd, epoll_event* event) {
  if (!epoll::concerns_us(epfd, operation, fd, event)) {
    return libc.epoll_ctl(epfd, operation, fd, event);
  }
  return answer(epoll::control(epfd, operation, fd, event));
}

// Every epoll of a process that wraps goes through the engine, because another thread may put one
// of ours into it while this one waits.
int hook_epoll_wait(int epfd, epoll_event* events, int room, int timeout) {
  if (config.port_count == 0 || room <= 0) return libc.epoll_wait(epfd, events, room, timeout);
  int reported = 0;
  // What has a deadline must know when it began.
  if (fds::get(epfd).plain() && timeout <= 0) {
    reported = libc.epoll_wait(epfd, events, room, timeout);
    if (reported <= 0 || !epoll::reports_ours(events, reported)) return reported;
  }
  const Nanoseconds span = timeout < 0 ? -1 : milliseconds(timeout);
  return answer(epoll::wait(epfd, events, room, span, nullptr, epoll::Call::wait, reported));
}

int hook_epoll_pwait(int epfd, epoll_event* events, int room, int timeout, const sigset_t* mask) {
  if (config.port_count == 0 || room <= 0)
    return libc.epoll_pwait(epfd, events, room, timeout, mask);
  const Nanoseconds span = timeout < 0 ? -1 : milliseconds(timeout);
  return answer(epoll::wait(epfd, events, room, span, mask, epoll::Call::pwait));
}

int hook_epoll_pwait2(int epfd, epoll_event* events, int room, const timespec* timeout,
                      const sigset_t* mask) {
  bool valid = true;
  const Nanoseconds span = from_timespec(timeout, valid);
  if (config.port_count == 0 || !valid || room <= 0)
    return libc.epoll_pwait2(epfd, events, room, timeout, mask);
  return answer(epoll::wait(epfd, events, room, span, mask, epoll::Call::pwait2));
}

// ---- descriptor life

int hook_close(int fd) {
  if (fds::get(fd).plain()) return libc.close(fd);
  const Result result = descriptors::close(fd);
  standard_streams::follow(fd);
  return answer(result);
}

int hook_close_range(unsigned first, unsigned last, int flags) {
  if (fds::high_water() == 0) return libc.close_range(first, last, flags);
  const Result result = descriptors::close_range(first, last, static_cast<unsigned>(flags));
  standard_streams::follow_all();
  return answer(result);
}

void hook_closefrom(int lowest) {
  if (fds::high_water() == 0) return libc.closefrom(lowest);
  const KeepErrno keep;
  descriptors::close_range(lowest < 0 ? 0 : static_cast<unsigned>(lowest), ~0u, 0);
  standard_streams::follow_all();
}

int hook_dup(int fd) {
  const int copy = libc.dup(fd);
  if (copy >= 0 && fds::any()) descriptors::on_duplicate(fd, copy);
  standard_streams::follow(copy);
  return copy;
}

int hook_dup2(int fd, int target) {
  if (fd == target || (fds::get(fd).plain() && fds::get(target).plain())) {
    return libc.dup2(fd, target);
  }
  return hook_dup3(fd, target, 0);
}

int hook_dup3(int fd, int target, int flags) {
  const bool plain = fds::get(fd).plain() && fds::get(target).plain();
  if (fd == target || plain || (flags & ~O_CLOEXEC) != 0) return libc.dup3(fd, target, flags);
  const Result result = descriptors::duplicate_over(fd, target, flags);
  standard_streams::follow(target);
  return answer(result);
}

int hook_pidfd_getfd(int pidfd, int fd, unsigned flags) {
  const int copy = libc.pidfd_getfd(pidfd, fd, flags);
  if (copy < 0) return copy;
  const int error = passing::on_copy(copy);
  if (error == 0) return copy;
  errno = error;
  return -1;
}

// F_GETFL and F_SETFL on a listener, whose O_NONBLOCK is not what the kernel's says.
static int listener_flags(int fd, std::uint32_t index, int command, int flags) {
  if (command == F_SETFL) {
    listeners::set_nonblocking(index, (flags & O_NONBLOCK) != 0);
    return libc.fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  }
  const int known = libc.fcntl(fd, F_GETFL);
  if (known < 0) return known;
  return listeners::is_nonblocking(index) ? known | O_NONBLOCK : known & ~O_NONBLOCK;
}

int hook_fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  void* argument = va_arg(list, void*);
  va_end(list);
  // Servers mark all numbers that they find close-on-exec.
  if (fds::is_internal(fd)) {
    errno = EBADF;
    return -1;
  }
  if (command == F_GETFL || command == F_SETFL) {
    if (const Ours ours(fd, Kind::listener); ours) {
      return listener_flags(fd, ours.index(), command,
                            static_cast<int>(reinterpret_cast<long>(argument)));
    }
  }
  const int result = libc.fcntl(fd, command, argument);
  if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && result >= 0 && fds::any()) {
    descriptors::on_duplicate(fd, result);
    standard_streams::follow(result);
  }
  return result;
}

// ---- control

int hook_ioctl(int fd, IoctlRequest request, ...) {
  va_list list;
  va_start(list, request);
  void* argument = va_arg(list, void*);
  va_end(list);
  if (request == FIOCLEX && fds::is_internal(fd)) {
    errno = EBADF;
    return -1;
  }
  if (request == FIONREAD) {
    if (const Ours ours(fd); ours && argument != nullptr) {
      bool all = true;
      const Result result = connection::available(fd, ours.index(), all);
      // Edge-triggered servers (nginx) wait for a new edge once they have read more than was
      // counted.
      if (!all) epoll::renew_edge(fd);
      if (!is_foreign(fd, result)) {
        *static_cast<int*>(argument) = static_cast<int>(result.value);
        return 0;
      }
    }
  }
  if (request == FIONBIO) {
    if (const Ours ours(fd, Kind::listener); ours && argument != nullptr) {
      listeners::set_nonblocking(ours.index(), *static_cast<const int*>(argument) != 0);
      return 0;
    }
  }
  return libc.ioctl(fd, request, argument);
}

int hook_getsockopt(int fd, int level, int option, void* value, socklen_t* size) {
  const int failed = libc.getsockopt(fd, level, option, value, size);
  if (failed == 0 && level == SOL_SOCKET && option == SO_RCVLOWAT && *size == sizeof(int)) {
    if (const Ours ours(fd); ours) *static_cast<int*>(value) = connection::low_water(ours.index());
  }
  return failed;
}

int hook_setsockopt(int fd, int level, int option, const void* value, socklen_t size) {
  if (level == SOL_SOCKET && size >= sizeof(int) && value != nullptr) {
    if (const Ours ours(fd); ours && option == SO_RCVLOWAT) {
      return answer(connection::set_low_water(fd, ours.index(), *static_cast<const int*>(value)));
    }
    // The kernel would keep reading our headers after the call that made them has returned, and
    // would show us the stream from an offset that counts headers.
    if (const Ours ours(fd); ours && (option == SO_ZEROCOPY || option == SO_PEEK_OFF)) {
      errno = EOPNOTSUPP;
      return -1;
    }
  }
  return libc.setsockopt(fd, level, option, value, size);
}

int hook_shutdown(int fd, int how) {
  if (const Ours ours(fd); ours) {
    const Result result = connection::shut(fd, ours.index(), how);
    if (!is_foreign(fd, result)) return answer(result);
  }
  return libc.shutdown(fd, how);
}

// ---- process

pid_t hook_fork() {
  if (fds::any()) standard_streams::prepare();
  const pid_t child = libc.fork();
  if (child != 0) process::settle_fork(child);
  return child;
}

void hook__exit(int status) {
  process::at_exit();
  libc._exit(status);
}

// ---- other names of the same functions

#define HOOK(result, name, parameters, number)
#define HOOK_SAME(alias_name, name)        \
  extern "C" [[gnu::visibility("default"), \
               gnu::alias(#name)]] decltype(hook_##name) hook_##alias_name __asm__(#alias_name);
#include "shim/hooks.def"

}  // namespace wswrap
