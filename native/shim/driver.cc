#include "shim/driver.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <span>

#include "shim/chores.h"
#include "shim/clients.h"
#include "shim/config.h"
#include "shim/fds.h"
#include "shim/heartbeat.h"
#include "shim/kernel.h"
#include "shim/listeners.h"
#include "shim/socket.h"
#include "shim/unwatched.h"

namespace wswrap::driver {
namespace {

constinit OwnerLock lock;
constinit std::atomic<int> epoll{-1};
constinit int timer = -1;
constinit Nanoseconds armed_for = forever;

// Belongs to the thread that holds the lock.
constinit std::uint64_t signals_at_fork = 0;

std::uint64_t block_signals() {
  const std::uint64_t all = ~std::uint64_t{0};
  std::uint64_t before = 0;
  kernel::invoke(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  return before;
}

void restore_signals(std::uint64_t signals) {
  kernel::invoke(SYS_rt_sigprocmask, SIG_SETMASK, &signals, nullptr, sizeof signals);
}

// One round handles that many descriptors; a flood gets its turn, not the whole processor.
constexpr int events_per_round = 64;
constexpr int rounds_per_drive = 4;

// epoll_wait(2) without waiting, whichever call of that family is permitted.
long poll_now(int fd, std::span<epoll_event, events_per_round> events) {
  const long count =
      kernel::invoke(SYS_epoll_pwait, fd, events.data(), events_per_round, 0, nullptr, 0);
#ifdef SYS_epoll_wait
  if (count == -ENOSYS) {
    return kernel::invoke(SYS_epoll_wait, fd, events.data(), events_per_round, 0);
  }
#endif
  return count;
}

std::uint64_t pack(Source source, std::uint32_t index) {
  return static_cast<std::uint64_t>(source) << 32 | index;
}

long control(int operation, int fd, Source source, std::uint32_t index, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = pack(source, index);
  return kernel::invoke(SYS_epoll_ctl, epoll.load(std::memory_order_relaxed), operation, fd,
                        &event);
}

int create() {
  const Guard guard;
  if (const int known = epoll.load(); known >= 0) return known;
  const long fd = kernel::invoke(SYS_epoll_create1, EPOLL_CLOEXEC);
  if (fd < 0) return static_cast<int>(fd);
  const long clock =
      kernel::invoke(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (clock < 0) {
    sock::close(static_cast<int>(fd));
    return static_cast<int>(clock);
  }
  timer = fds::hide(static_cast<int>(clock));
  armed_for = forever;
  const int hidden = fds::hide(static_cast<int>(fd));
  epoll.store(hidden);
  watch(timer, Source::timer, 0, EPOLLIN);
  return hidden;
}

void on_timer() {
  std::uint64_t expirations = 0;
  kernel::invoke(SYS_read, timer, &expirations, sizeof expirations);
  armed_for = forever;
  clients::on_timer();
  chores::on_timer();
  heartbeat::on_timer();
  unwatched::on_timer();
}

void dispatch(const epoll_event& event) {
  const auto index = static_cast<std::uint32_t>(event.data.u64);
  switch (static_cast<Source>(event.data.u64 >> 32)) {
    case Source::timer:
      return on_timer();
    case Source::listener:
      return listeners::on_event(index);
    case Source::handover:
      return listeners::on_handover(index);
    case Source::client:
      return clients::on_event(index, event.events);
    case Source::chore:
      return chores::on_event(index);
  }
}

}  // namespace

Guard::Guard() : outermost_(!lock.is_mine()) {
  if (!outermost_) return;
  signals_ = block_signals();
  lock.take();
}

Guard::~Guard() {
  if (!outermost_) return;
  lock.release();
  restore_signals(signals_);
}

void hold_for_fork() {
  const std::uint64_t signals = block_signals();
  lock.take();
  signals_at_fork = signals;
}

void release_after_fork() {
  const std::uint64_t signals = signals_at_fork;
  lock.release();
  restore_signals(signals);
}

bool is_usable() {
#ifdef SYS_epoll_wait
  if (!seccomp::forbids(SYS_epoll_wait, 0, 0, 0, 0)) return true;
#endif
  return !seccomp::forbids(SYS_epoll_pwait, 0, 0, 0, 0, 0, 0);
}

int descriptor() {
  if (!is_usable()) return -ENOSYS;
  const int known = epoll.load(std::memory_order_acquire);
  return known >= 0 ? known : create();
}

void drive() {
  const Guard guard;
  const int fd = epoll.load(std::memory_order_relaxed);
  if (fd < 0) return;
  for (int round = 0; round < rounds_per_drive; ++round) {
    std::array<epoll_event, events_per_round> events;
    const long count = poll_now(fd, events);
    for (long i = 0; i < count; ++i) dispatch(events[static_cast<std::size_t>(i)]);
    if (count < events_per_round) return;
  }
}

bool watch(int fd, Source source, std::uint32_t index, std::uint32_t events) {
  if (descriptor() < 0) return false;
  const long failed = control(EPOLL_CTL_ADD, fd, source, index, events);
  return failed == 0 ||
         (failed == -EEXIST && control(EPOLL_CTL_MOD, fd, source, index, events) == 0);
}

void forget(int fd) {
  if (epoll.load(std::memory_order_relaxed) < 0) return;
  control(EPOLL_CTL_DEL, fd, Source::timer, 0, 0);
}

void wake_at(Nanoseconds when) {
  const Guard guard;
  if (descriptor() < 0 || when >= armed_for) return;
  armed_for = when;
  itimerspec spec{};
  spec.it_value = to_timespec(when > 0 ? when : 1);
  kernel::invoke(SYS_timerfd_settime, timer, TFD_TIMER_ABSTIME, &spec, nullptr);
}

void drop_after_fork() {
  lock = {};
  clients::drop_after_fork();
  chores::drop_after_fork();
  listeners::drop_after_fork();
  fds::close_internal(timer);
  fds::close_internal(epoll.exchange(-1));
  timer = -1;
  armed_for = forever;
  restore_signals(signals_at_fork);
}

}  // namespace wswrap::driver
