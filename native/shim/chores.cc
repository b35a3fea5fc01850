#include "shim/chores.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "shim/arena.h"
#include "shim/connection.h"
#include "shim/driver.h"
#include "shim/fds.h"
#include "shim/references.h"
#include "shim/slots.h"
#include "shim/socket.h"
#include "shim/trace.h"

namespace wswrap::chores {

constinit std::atomic<std::uint32_t> count{0};
namespace {

using connection::Handle;

enum class Kind : std::uint8_t { free, linger, output, expect_close };

struct Chore {
  Kind kind = Kind::free;
  int fd = 0;
  std::uint32_t index = 0;
  std::uint32_t number = 0;
  std::uint32_t drained = 0;
  std::uint32_t next = 0;    // of the same descriptor: slot + 1
  Nanoseconds deadline = 0;  // forever: none
};

constexpr Nanoseconds linger_time = milliseconds(2000);
constexpr std::uint32_t linger_bytes = 64 * 1024;
// A refused client gets its answer, but no hold on our descriptors.
constexpr Nanoseconds refusal_time = milliseconds(200);
constexpr std::uint32_t most_refused = 64;
// A process that was told to end is often killed if it takes a second.
constexpr Nanoseconds exit_time = milliseconds(500);
constexpr Nanoseconds close_answer_time = milliseconds(5000);

constinit Slots<Chore, 4096> chores{};
// By descriptor: the first chore + 1. Zero pages until used.
constinit std::array<std::uint16_t, fds::limit> first{};
constinit std::uint32_t refused = 0;

Chore* create(Kind kind, const Handle& handle, Nanoseconds deadline) {
  if (static_cast<unsigned>(handle.fd) >= fds::limit) return nullptr;
  Chore* const chore = chores.take();
  if (chore == nullptr) return nullptr;
  std::uint16_t& head = first[static_cast<unsigned>(handle.fd)];
  *chore = {.kind = kind,
            .fd = handle.fd,
            .index = handle.index,
            .number = handle.number,
            .drained = 0,
            .next = head,
            .deadline = deadline};
  head = static_cast<std::uint16_t>(chores.number_of(*chore) + 1);
  count.fetch_add(1, std::memory_order_relaxed);
  if (deadline != forever) driver::wake_at(deadline);
  return chore;
}

// Calls visit(chore) for each chore of a descriptor; it may end it.
template <typename Visit>
void for_each_of(int fd, Visit visit) {
  if (static_cast<unsigned>(fd) >= fds::limit) return;
  for (std::uint32_t link = first[static_cast<unsigned>(fd)]; link != 0;) {
    Chore& chore = chores[link - 1];
    link = chore.next;
    visit(chore);
  }
}

void unlink(const Chore& chore) {
  const std::uint32_t link_to_it = chores.number_of(chore) + 1;
  std::uint16_t& head = first[static_cast<unsigned>(chore.fd)];
  if (head == link_to_it) head = static_cast<std::uint16_t>(chore.next);
  for_each_of(chore.fd, [&](Chore& other) {
    if (other.next == link_to_it) other.next = chore.next;
  });
}

bool is_watching_output(int fd) {
  bool found = false;
  for_each_of(fd, [&](const Chore& chore) { found = found || chore.kind == Kind::output; });
  return found;
}

Handle handle_of(const Chore& chore) {
  return {.fd = chore.fd, .index = chore.index, .number = chore.number};
}

void end(Chore& chore) {
  if (chore.kind == Kind::linger) {
    driver::forget(chore.fd);
    fds::close_internal(chore.fd);
    if (chore.index == arena::none) {
      --refused;
    } else if (references::number_of(chore.index) == chore.number) {
      arena::release(chore.index);
    }
  } else if (chore.kind == Kind::output) {
    driver::forget(chore.fd);
  }
  unlink(chore);
  chores.give_back(chore);
  count.fetch_sub(1, std::memory_order_relaxed);
}

// Reads and drops what the client still sends. Returns true when nothing more has to be awaited.
bool drain(int fd, std::uint32_t index, std::uint32_t& drained) {
  while (drained < linger_bytes) {
    std::array<std::byte, 4096> waste;
    const iovec iov{waste.data(), waste.size()};
    const long got = sock::receive(fd, &iov, 1, 0);
    if (got == -EAGAIN) return false;
    if (got <= 0) return true;
    drained += static_cast<std::uint32_t>(got);
    if (index == arena::none) continue;
    codec::Receiver receiver = arena::receiver_of(arena::at(index));
    std::span<const std::byte> wire = std::span(waste).first(static_cast<std::size_t>(got));
    std::array<std::byte, 1024> payload;
    while (!wire.empty()) {
      const auto done = codec::decode(receiver, wire, payload);
      wire = wire.subspan(done.consumed);
      if (receiver.phase == codec::Receiver::Phase::closed) return true;
      if (receiver.phase == codec::Receiver::Phase::failed || done.consumed == 0) break;
    }
    arena::at(index).receiver = receiver;
  }
  return true;
}

void close_now(int fd, std::uint32_t index) {
  fds::close_internal(fd);
  if (index != arena::none) arena::release(index);
}

}  // namespace

void linger(int fd, std::uint32_t index) {
  const driver::Guard guard;
  fds::set(fd, fds::Entry::lingering(index));
  std::uint32_t drained = 0;
  const bool sent = index == arena::none || connection::settle(connection::handle_of(fd, index));
  if (sent) sock::shutdown(fd, SHUT_WR);
  const bool over = drain(fd, index, drained);
  if (sent && over) return close_now(fd, index);
  const bool is_refusal = index == arena::none;
  if (is_refusal && refused >= most_refused) return close_now(fd, index);
  // The server's number is free again at once.
  const int parked = fds::move_up(fd, fds::parking_base());
  if (parked < 0) return close_now(fd, index);
  fds::reset(fd);
  fds::set(parked, fds::Entry::lingering(index));
  fd = parked;
  const std::uint32_t number = is_refusal ? 0 : references::number_of(index);
  Chore* chore = create(Kind::linger, {.fd = fd, .index = index, .number = number},
                        monotonic_now() + (is_refusal ? refusal_time : linger_time));
  if (chore == nullptr) return close_now(fd, index);
  chore->drained = drained;
  if (is_refusal) ++refused;
  driver::watch(fd, driver::Source::chore, chores.number_of(*chore),
                EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

bool evict_refused() {
  for (Chore& chore : chores.known()) {
    if (chore.kind != Kind::linger || chore.index != arena::none) continue;
    end(chore);
    return true;
  }
  return false;
}

void watch_output(const Handle& handle) {
  const driver::Guard guard;
  if (!connection::is_current(handle)) return;
  // While it lingers its own chore looks after it.
  if (fds::is_internal(handle.fd) || is_watching_output(handle.fd)) return;
  Chore* chore = create(Kind::output, handle, forever);
  if (chore == nullptr) return;
  if (!driver::watch(handle.fd, driver::Source::chore, chores.number_of(*chore),
                     EPOLLOUT | EPOLLET)) {
    end(*chore);
  }
}

void expect_close(const Handle& handle) {
  const driver::Guard guard;
  if (!connection::is_current(handle)) return;
  create(Kind::expect_close, handle, monotonic_now() + close_answer_time);
}

void forget(int fd) {
  const driver::Guard guard;
  for_each_of(fd, [](Chore& chore) {
    if (chore.kind == Kind::output || chore.kind == Kind::expect_close) end(chore);
  });
}

void on_event(std::uint32_t number) {
  Chore& chore = chores[number];
  if (chore.kind == Kind::linger) {
    // What the client sends is read in any case: unread bytes would make the close a reset.
    const bool over = drain(chore.fd, chore.index, chore.drained);
    if (chore.index != arena::none && !connection::settle(handle_of(chore))) return;
    sock::shutdown(chore.fd, SHUT_WR);
    if (over) end(chore);
  } else if (chore.kind == Kind::output) {
    if (connection::settle(handle_of(chore))) end(chore);
  }
}

void on_timer() {
  if (!any()) return;
  const Nanoseconds now = monotonic_now();
  for (Chore& chore : chores.known()) {
    if (chore.kind == Kind::free || chore.deadline == forever) continue;
    if (chore.deadline > now) {
      driver::wake_at(chore.deadline);
      continue;
    }
    if (chore.kind == Kind::expect_close && connection::is_current(handle_of(chore))) {
      connection::say_close(handle_of(chore), 0);
      sock::shutdown(chore.fd, SHUT_RDWR);
    } else if (chore.kind == Kind::linger) {
      drain(chore.fd, chore.index, chore.drained);
    }
    end(chore);
  }
}

void finish() {
  const driver::Guard guard;
  const Deadline deadline(exit_time);
  for (Chore& chore : chores.known()) {
    if (chore.kind != Kind::linger) continue;
    for (;;) {
      int unsent = 0;
      kernel::invoke(SYS_ioctl, chore.fd, TIOCOUTQ, &unsent);
      const Nanoseconds left = deadline.left();
      if (unsent == 0 || left == 0 || drain(chore.fd, chore.index, chore.drained)) break;
      // Nothing tells when the last byte was acknowledged: look again now and then.
      const timespec pause = to_timespec(std::min(left, milliseconds(10)));
      pollfd set{.fd = chore.fd, .events = POLLIN, .revents = 0};
      kernel::invoke(SYS_ppoll, &set, 1, &pause, nullptr, 0);
    }
    end(chore);
  }
}

void drop_after_fork() {
  for (Chore& chore : chores.known()) {
    if (chore.kind == Kind::free) continue;
    first[static_cast<unsigned>(chore.fd)] = 0;
    if (chore.kind == Kind::linger) fds::close_internal(chore.fd);
    chore = {};
  }
  chores.clear();
  count.store(0);
  refused = 0;
}

void resume_after_fork() {
  fds::for_each(fds::Kind::connection, [](int fd, std::uint32_t index) {
    const std::uint32_t state = arena::state_of(arena::at(index));
    if ((state & (arena::client_closed | arena::close_sent)) == arena::client_closed) {
      expect_close(connection::handle_of(fd, index));
    }
  });
}

}  // namespace wswrap::chores
