// A lock whose word is the thread id of its owner, usable in memory shared between processes.
//
// It is never held across a call that blocks, so waiting for it is short. What it must survive is
// an owner that was killed (the next one takes over) and a signal handler that interrupts its own
// thread inside the critical section (take() says so instead of waiting for ever).
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "shim/kernel.h"

namespace wswrap {

// The caller's thread id, cached until forget_thread_id().
std::uint32_t thread_id();
void forget_thread_id();

struct OwnerLock {
  std::uint32_t owner = 0;

  bool is_mine() { return std::atomic_ref(owner).load(std::memory_order_relaxed) == thread_id(); }

  // False when this very thread holds the lock already.
  bool take() {
    std::uint32_t expected = 0;
    const std::uint32_t self = thread_id();
    if (std::atomic_ref(owner).compare_exchange_strong(expected, self, std::memory_order_acquire)) {
      return true;
    }
    return take_contended(self);
  }

  void release() { std::atomic_ref(owner).store(0, std::memory_order_release); }

 private:
  bool take_contended(std::uint32_t self);
};

// Holds a lock for a scope. Test it: it may not have been granted.
class Hold {
 public:
  explicit Hold(OwnerLock& lock) : lock_(lock), held_(lock.take()) {}
  ~Hold() {
    if (held_) lock_.release();
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  explicit operator bool() const { return held_; }

 private:
  OwnerLock& lock_;
  bool held_;
};

}  // namespace wswrap
