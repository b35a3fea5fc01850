#include "shim/lock.h"

#include <time.h>

#include <algorithm>

#include "shim/clock.h"

namespace wswrap {
namespace {

constinit thread_local std::uint32_t cached_thread_id = 0;

constexpr int spins_before_sleep = 200;

bool replace(std::uint32_t& owner, std::uint32_t& seen, std::uint32_t self) {
  return std::atomic_ref(owner).compare_exchange_strong(seen, self, std::memory_order_acquire);
}

// No signal is sent. What cannot be a thread id is nobody's.
bool is_gone(std::uint32_t owner) {
  return owner > INT32_MAX || kernel::invoke(SYS_tkill, owner, 0) == -ESRCH;
}

void pause(int round) {
  if (round < spins_before_sleep) {
    kernel::call(SYS_sched_yield);
    return;
  }
  const timespec span = to_timespec(100'000);
  kernel::invoke(SYS_nanosleep, &span, nullptr);
}

// How often a lock was taken from somebody who seemed to be alive.
constinit std::atomic<int> broken{0};

// Long enough for an owner that waits for a processor. Who meets garbage again and again must not
// lose so much time on each.
Nanoseconds patience() {
  const int halvings = std::min(broken.load(std::memory_order_relaxed), 11);
  return milliseconds(2000) >> halvings;
}

// A thread that must not ask gets a number of its own that no thread has. Those of its process must
// not ask who is alive, either.
std::uint32_t ask_thread_id() {
  const long id = kernel::call(SYS_gettid);
  if (id > 0) return static_cast<std::uint32_t>(id);
  constexpr std::uint32_t beyond_all = 1u << 30;
  const auto place = reinterpret_cast<std::uintptr_t>(&cached_thread_id) / alignof(std::uint32_t);
  return beyond_all | static_cast<std::uint32_t>(place % beyond_all);
}

}  // namespace

std::uint32_t thread_id() {
  if (cached_thread_id == 0) {
    seccomp::meet_thread();
    cached_thread_id = ask_thread_id();
  }
  return cached_thread_id;
}

void forget_thread_id() { cached_thread_id = 0; }

constinit thread_local int shared_locks_held = 0;

bool OwnerLock::take_contended() {
  const std::uint32_t self = thread_id();
  for (int round = 0;; ++round) {
    std::uint32_t seen = 0;
    if (replace(owner, seen, self)) return true;
    if (seen == self) return false;
    if (round >= spins_before_sleep && is_gone(seen) && replace(owner, seen, self)) return true;
    pause(round);
  }
}

bool SharedLock::take_contended() {
  const std::uint32_t self = thread_id();
  Nanoseconds begun = 0;
  for (int round = 0;; ++round) {
    std::uint32_t seen = 0;
    if (replace(owner, seen, self)) return true;
    if (seen == self) return shared_locks_held == 1;
    if (round >= spins_before_sleep) {
      const Nanoseconds now = monotonic_now();
      if (begun == 0) begun = now;
      const bool over = now - begun > patience();
      if ((over || is_gone(seen)) && replace(owner, seen, self)) {
        if (over) broken.fetch_add(1, std::memory_order_relaxed);
        return true;
      }
    }
    pause(round);
  }
}

}  // namespace wswrap
