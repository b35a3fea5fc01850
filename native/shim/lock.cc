#include "shim/lock.h"

#include <time.h>

#include "shim/clock.h"

namespace wswrap {
namespace {

constinit thread_local std::uint32_t cached_thread_id = 0;

constexpr int spins_before_sleep = 200;

}  // namespace

std::uint32_t thread_id() {
  if (cached_thread_id == 0) {
    cached_thread_id = static_cast<std::uint32_t>(kernel::call(SYS_gettid));
  }
  return cached_thread_id;
}

void forget_thread_id() { cached_thread_id = 0; }

bool OwnerLock::take_contended(std::uint32_t self) {
  for (int round = 0;; ++round) {
    std::uint32_t seen = 0;
    if (std::atomic_ref(owner).compare_exchange_weak(seen, self, std::memory_order_acquire)) {
      return true;
    }
    if (seen == self) return false;
    if (round < spins_before_sleep) {
      kernel::call(SYS_sched_yield);
      continue;
    }
    if (kernel::invoke(SYS_tkill, seen, 0) == -ESRCH &&
        std::atomic_ref(owner).compare_exchange_strong(seen, self, std::memory_order_acquire)) {
      return true;
    }
    const timespec pause = to_timespec(100'000);
    kernel::invoke(SYS_nanosleep, &pause, nullptr);
  }
}

}  // namespace wswrap
