#include "shim/confined.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "codec/segments.h"
#include "shim/clock.h"
#include "shim/driver.h"
#include "shim/fds.h"
#include "shim/kernel.h"
#include "shim/libc.h"
#include "shim/lock.h"
#include "shim/seccomp.h"
#include "shim/socket.h"
#include "shim/trace.h"

namespace wswrap::confined {
namespace {

// A bit for each descriptor.
constinit std::array<std::atomic<std::uint64_t>, fds::limit / 64> nonblocking{};

// A blocking socket is given no more at once than it is sure to take when poll(2) calls it
// writable. Headers and what follows them leave together up to that size.
constexpr std::size_t piece = 4096;

// The system call that libc's ppoll() makes.
#ifdef SYS_ppoll_time64
constexpr long ppoll_of_libc = SYS_ppoll_time64;
#else
constexpr long ppoll_of_libc = SYS_ppoll;
#endif

// poll(2) of one descriptor, without waiting: what is ready, or -errno.
long ready(int fd, short events) {
  pollfd set{.fd = fd, .events = events, .revents = 0};
  constexpr std::array<std::int64_t, 2> no_time{};  // a timespec of any width
  long count = kernel::invoke(ppoll_of_libc, &set, 1, no_time.data(), nullptr, 0);
#ifdef SYS_poll
  if (count == -ENOSYS) count = kernel::invoke(SYS_poll, &set, 1, 0);
#endif
  return count > 0 ? set.revents : count;
}

// 0 if a write may be tried, else -errno. A write that would only raise SIGPIPE is not.
long check_writable(int fd) {
  const long events = ready(fd, POLLOUT);
  if (events == 0) return -EAGAIN;
  return events > 0 && (events & (POLLHUP | POLLERR)) == POLLHUP ? -EPIPE : 0;
}

}  // namespace

void prepare() {
  thread_id();
  note_log_limit();
  fds::for_each(fds::Kind::connection, [](int fd, std::uint32_t) {
    const std::uint64_t bit = std::uint64_t{1} << (fd % 64);
    auto& word = nonblocking[static_cast<std::size_t>(fd) / 64];
    if (sock::is_nonblocking(fd)) {
      word.fetch_or(bit);
    } else {
      word.fetch_and(~bit);
    }
  });
}

void enter(unsigned operation, unsigned long flags, const void* program) {
  if (operation == filter::set_mode_strict) {
    seccomp::add_strict();
  } else if (operation == filter::set_mode_filter) {
    const auto* given = static_cast<const filter::Program*>(program);
    seccomp::add({given->instructions, given->size}, (flags & filter::all_threads) != 0);
  } else {
    return;
  }
  if (driver::is_usable() || !logs(LogLevel::info)) return;
  fds::for_each(fds::Kind::listener, [](int fd, std::uint32_t) {
    LogLine() << "no clients for descriptor " << fd << " in this process: its seccomp filter "
              << "forbids epoll";
  });
}

bool can_scatter() { return !seccomp::forbids(SYS_recvmsg, 0, 0, MSG_DONTWAIT); }

bool can_peek() { return !seccomp::forbids(SYS_recvfrom, 0, 0, 0, MSG_PEEK | MSG_DONTWAIT, 0, 0); }

bool can_poll() {
#ifdef SYS_poll
  if (!seccomp::forbids(SYS_poll, 0, 0, 0)) return true;
#endif
  return !seccomp::forbids(ppoll_of_libc, 0, 0, 0, 0, 0);
}

long receive(int fd, const iovec& part, int flags) {
  const long got = kernel::invoke(SYS_recvfrom, fd, part.iov_base, part.iov_len,
                                  flags | MSG_DONTWAIT, nullptr, nullptr);
  if (got != -ENOSYS) return got;
  if ((flags & MSG_PEEK) != 0) return -EOPNOTSUPP;
  return ready(fd, POLLIN) <= 0 ? -EAGAIN : receive_blocking(fd, part);
}

long receive_blocking(int fd, const iovec& part) {
  return kernel::invoke(SYS_read, fd, part.iov_base, part.iov_len);
}

long send(int fd, const iovec* iov, std::size_t count) {
  codec::Segments rest({iov, count});
  long sent = 0;
  while (!rest.done()) {
    if (const long failed = check_writable(fd); failed < 0) return sent > 0 ? sent : failed;
    std::array<std::byte, piece> room;
    std::span<const std::byte> bytes = rest.front();
    if (bytes.size() < room.size()) {
      bytes = std::span(room).first(codec::gather(rest, room));
    } else if (!was_nonblocking(fd)) {
      bytes = bytes.first(room.size());
    }
    const long written = kernel::invoke(SYS_write, fd, bytes.data(), bytes.size());
    if (written < 0) return sent > 0 ? sent : written;
    sent += written;
    rest.advance(static_cast<std::size_t>(written));
    if (static_cast<std::size_t>(written) < bytes.size()) break;
  }
  return sent;
}

bool has_input(int fd) { return ready(fd, POLLIN) > 0; }

bool was_nonblocking(int fd) {
  if (static_cast<unsigned>(fd) >= fds::limit) return false;
  const std::uint64_t word = nonblocking[static_cast<std::size_t>(fd) / 64].load();
  return (word >> (fd % 64) & 1) != 0;
}

int ppoll(pollfd* fds, nfds_t count, Nanoseconds timeout, const sigset_t* mask) {
  const timespec span = to_timespec(timeout);
  const timespec* limit = timeout == forever ? nullptr : &span;
  if (!seccomp::forbids(ppoll_of_libc, fds, count, limit, mask, sizeof(std::uint64_t))) [[likely]] {
    return libc.ppoll(fds, count, limit, mask);
  }
#ifdef SYS_poll
  if (!seccomp::forbids(SYS_poll, fds, count, to_milliseconds(timeout))) {
    return libc.poll(fds, count, to_milliseconds(timeout));
  }
#endif
  errno = ENOSYS;
  return -1;
}

}  // namespace wswrap::confined
