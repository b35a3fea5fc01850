#include "shim/wait.h"

#include <sys/syscall.h>

#include <span>

#include "shim/confined.h"
#include "shim/connection.h"
#include "shim/driver.h"
#include "shim/epoll.h"
#include "shim/fds.h"
#include "shim/listeners.h"
#include "shim/scratch.h"
#include "shim/seccomp.h"
#include "shim/signals.h"

namespace wswrap::wait {
namespace {

constexpr std::size_t inline_entries = 512;

// A wait that may not block must end even if a client keeps sending frames without payload.
constexpr int rounds_without_blocking = 8;

constexpr short input = POLLIN | POLLRDNORM;
constexpr short urgent = POLLPRI | POLLRDBAND;

// The client's Close was taken from the stream, but shutdown(2) is forbidden: the kernel does not
// know of the end, and would wait for ever.
bool is_unseen_end(const pollfd& wanted, fds::Entry known) {
  return (wanted.events & input) != 0 && known.is(fds::Kind::connection) &&
         seccomp::forbids(SYS_shutdown, wanted.fd, SHUT_RD) && connection::is_over(known.index());
}

// While a thread waits for a listener, clients are taken for it; a listener that no thread waits
// for is for the other processes that have it.
class Attendance {
 public:
  explicit Attendance(std::span<const pollfd> set) : set_(set) {
    for_each(listeners::begin_wait);
    listeners::leave_to_others();
  }
  ~Attendance() { for_each(listeners::end_wait); }
  Attendance(const Attendance&) = delete;
  Attendance& operator=(const Attendance&) = delete;

 private:
  void for_each(void (*act)(std::uint32_t)) const {
    for (const pollfd& entry : set_) {
      const fds::Entry known = fds::get(entry.fd);
      const bool waited_for = (entry.events & input) != 0;
      if (waited_for && known.is(fds::Kind::listener)) act(known.index());
    }
  }

  std::span<const pollfd> set_;
};

// What the kernel is to wait for in place of the server's entry.
pollfd translate(const pollfd& wanted, bool& with_driver, bool look_behind, Nanoseconds& left) {
  pollfd entry = wanted;
  entry.revents = 0;
  const fds::Entry known = fds::get(wanted.fd);
  if (is_unseen_end(wanted, known)) left = 0;
  if (known.is(fds::Kind::connection)) {
    // A WebSocket has no urgent data; asking for it would only wake us. But pings and a Close must
    // be seen even by who does not ask for input.
    entry.events = static_cast<short>(entry.events & ~urgent);
    if (look_behind) entry.events = static_cast<short>(entry.events | POLLIN);
  }
  if (!known.is(fds::Kind::listener) || (wanted.events & input) == 0) return entry;
  const int ready = listeners::readiness(known.index(), wanted.fd);
  if (ready < 0) return entry;
  with_driver = true;
  entry.fd = ready;
  entry.events = POLLIN;
  return entry;
}

// What the server is to see of what the kernel reported: only readiness that is its own. An end
// that was just met is reported by the kernel itself at the next look, with everything that belongs
// to it.
// `look_behind` is cleared when payload was met that the server did not ask for.
short filter(const pollfd& wanted, short revents, bool& look_behind) {
  const fds::Entry known = fds::get(wanted.fd);
  if (is_unseen_end(wanted, known)) return static_cast<short>(revents | (wanted.events & input));
  if (revents == 0) return 0;
  if (known.is(fds::Kind::listener)) {
    return (revents & POLLIN) != 0 ? static_cast<short>(wanted.events & input) : revents;
  }
  if (known.is(fds::Kind::epoll) && (revents & input) != 0) {
    return epoll::is_readable(wanted.fd, known.index()) ? revents : short{0};
  }
  if (!known.is(fds::Kind::connection)) return revents;
  const bool asked = (wanted.events & input) != 0;
  // Looking further would take the socket's error away from SO_ERROR.
  if ((revents & input) == 0 || (revents & POLLERR) != 0) {
    return asked ? revents : static_cast<short>(revents & ~input);
  }
  switch (connection::readiness(wanted.fd, known.index(), true)) {
    case connection::Readiness::ready:
      if (asked) return revents;
      look_behind = false;
      return static_cast<short>(revents & ~input);
    case connection::Readiness::ended:
      return 0;
    case connection::Readiness::none:
      return static_cast<short>(revents & ~input);
  }
  return revents;
}

}  // namespace

Result poll(pollfd* fds, nfds_t count, Nanoseconds timeout, const sigset_t* mask) {
  Scratch<pollfd, inline_entries> scratch(count + 1);
  pollfd* set = scratch.data();
  if (set == nullptr) return Result::fail(ENOMEM);
  const Deadline deadline(timeout);
  const KeepErrno keep;
  const Attendance attendance({fds, count});
  bool look_behind = true;
  SignalsInWaits signals(mask);
  Nanoseconds left = timeout < 0 ? forever : timeout;
  for (int round = 0;; ++round, left = deadline.left()) {
    bool with_driver = driver::is_busy();
    for (nfds_t i = 0; i < count; ++i) set[i] = translate(fds[i], with_driver, look_behind, left);
    set[count] = {.fd = with_driver ? driver::descriptor() : -1, .events = POLLIN, .revents = 0};
    const int ready = confined::ppoll(set, with_driver ? count + 1 : count, left, signals.mask());
    if (ready < 0) {
      for (nfds_t i = 0; i < count; ++i) fds[i].revents = 0;
      return Result::fail(errno);
    }
    if (set[count].revents != 0) driver::drive();
    int reported = 0;
    for (nfds_t i = 0; i < count; ++i) {
      fds[i].revents = filter(fds[i], set[i].revents, look_behind);
      if (fds[i].revents != 0) ++reported;
    }
    if (reported > 0 || ready == 0) return Result::ok(reported);
    if (left == 0 && round >= rounds_without_blocking) return Result::ok(0);
    signals.engage();
  }
}

namespace {

// What select(2) reports as readable, writable and exceptional, in poll's words (select.c).
constexpr short readable = POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR;
constexpr short writable = POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR;
constexpr short exceptional = POLLPRI;

// fd_set as it is, not as FD_SET checks it: a server may pass sets larger than FD_SETSIZE.
class Bits {
 public:
  explicit Bits(fd_set* set) : words_(reinterpret_cast<unsigned long*>(set)) {}
  bool has(int fd) const {
    return words_ != nullptr && (words_[fd / width] >> (fd % width) & 1) != 0;
  }
  void put(int fd, bool value) {
    if (words_ == nullptr) return;
    const unsigned long bit = 1ul << (fd % width);
    words_[fd / width] = value ? words_[fd / width] | bit : words_[fd / width] & ~bit;
  }

 private:
  static constexpr int width = 8 * sizeof(unsigned long);
  unsigned long* words_;
};

// Whether select(2) would call any of the entries ready.
bool any_reported(std::span<const pollfd> entries, const Bits& reads, const Bits& writes,
                  const Bits& excepts) {
  for (const pollfd& entry : entries) {
    if (entry.fd < 0) continue;
    if ((entry.revents & readable) != 0 && reads.has(entry.fd)) return true;
    if ((entry.revents & writable) != 0 && writes.has(entry.fd)) return true;
    if ((entry.revents & exceptional) != 0 && excepts.has(entry.fd)) return true;
  }
  return false;
}

// Leaves in the sets what is ready. Returns how many bits that are.
long report(int count, std::span<const pollfd> entries, Bits reads, Bits writes, Bits excepts) {
  const auto clear = [&](int fd) {
    reads.put(fd, false);
    writes.put(fd, false);
    excepts.put(fd, false);
  };
  long reported = 0;
  int next = 0;
  for (const pollfd& entry : entries) {
    if (entry.fd < 0) continue;
    for (; next < entry.fd; ++next) clear(next);
    ++next;
    const auto judge = [&](Bits& bits, short meaning) {
      const bool ready = (entry.revents & meaning) != 0 && bits.has(entry.fd);
      bits.put(entry.fd, ready);
      reported += ready ? 1 : 0;
    };
    judge(reads, readable);
    judge(writes, writable);
    judge(excepts, exceptional);
  }
  for (; next < count; ++next) clear(next);
  return reported;
}

}  // namespace

Result select(int count, fd_set* reads, fd_set* writes, fd_set* excepts, Nanoseconds timeout,
              const sigset_t* mask, Nanoseconds& left) {
  left = timeout;
  if (count < 0) return Result::fail(EINVAL);
  // Linux looks at no more than the process may have open, whatever the caller's count says;
  // servers pass getdtablesize() along with sets of FD_SETSIZE.
  if (count > FD_SETSIZE && count >= fds::most_open()) count = FD_SETSIZE;
  Bits read_set(reads);
  Bits write_set(writes);
  Bits except_set(excepts);
  nfds_t used = 0;
  for (int fd = 0; fd < count; ++fd) {
    used += read_set.has(fd) || write_set.has(fd) || except_set.has(fd) ? 1 : 0;
  }
  Scratch<pollfd, inline_entries> scratch(used);
  pollfd* set = scratch.data();
  if (set == nullptr) return Result::fail(ENOMEM);
  nfds_t next = 0;
  for (int fd = 0; fd < count; ++fd) {
    int events = 0;
    if (read_set.has(fd)) events |= POLLIN | POLLRDNORM | POLLRDBAND;
    if (write_set.has(fd)) events |= POLLOUT | POLLWRNORM | POLLWRBAND;
    if (except_set.has(fd)) events |= POLLPRI;
    if (events != 0) set[next++] = {.fd = fd, .events = static_cast<short>(events), .revents = 0};
  }
  const Deadline deadline(timeout);
  for (;;) {
    const Result result = poll(set, used, deadline.left(), mask);
    if (timeout >= 0) left = deadline.left();
    if (result.error != 0) return result;
    const std::span entries(set, used);
    for (const pollfd& entry : entries) {
      if ((entry.revents & POLLNVAL) != 0) return Result::fail(EBADF);
    }
    if (result.value == 0 || any_reported(entries, read_set, write_set, except_set)) {
      return Result::ok(report(count, entries, read_set, write_set, except_set));
    }
    // poll always reports POLLHUP and POLLERR; who only asked for other things goes on waiting.
    for (pollfd& entry : entries) {
      if (entry.revents != 0) entry.fd = -1;
    }
  }
}

}  // namespace wswrap::wait
