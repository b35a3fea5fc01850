// Locks whose word is the thread id of the owner.
//
// None is ever held across a call that blocks, so waiting for one is short. What they must survive
// is an owner that was killed (the next one takes over) and a signal handler that interrupts its
// own thread inside the critical section (take() says so instead of waiting for ever).
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "shim/kernel.h"

namespace wswrap {

// The caller's thread id, cached until forget_thread_id().
std::uint32_t thread_id();
void forget_thread_id();

// A lock in memory of this process.
struct OwnerLock {
  std::uint32_t owner = 0;

  bool is_mine() { return std::atomic_ref(owner).load(std::memory_order_relaxed) == thread_id(); }

  // False when this very thread holds the lock already.
  bool take() { return take_free() || take_contended(); }

  void release() { std::atomic_ref(owner).store(0, std::memory_order_release); }

 protected:
  bool take_free() {
    std::uint32_t expected = 0;
    return std::atomic_ref(owner).compare_exchange_strong(expected, thread_id(),
                                                          std::memory_order_acquire);
  }

 private:
  bool take_contended();
};

// How many SharedLocks the calling thread holds, or is about to.
extern constinit thread_local int shared_locks_held;

// A lock in memory that other processes may write to, by mistake or on purpose. Its word may name a
// thread that holds nothing: that is believed for a while, but not for ever. What the lock guards
// is checked whenever it is used, so a lock that was broken wrongly garbles one connection.
struct SharedLock : OwnerLock {
  // False when this thread holds a SharedLock already and this one is said to be its own, too.
  bool take() {
    // First, so that a signal handler never takes a lock for garbage that was just taken.
    ++shared_locks_held;
    if (take_free() || take_contended()) return true;
    --shared_locks_held;
    return false;
  }

  void release() {
    // It may be somebody else's by now.
    if (is_mine()) OwnerLock::release();
    --shared_locks_held;
  }

 private:
  bool take_contended();
};

// Holds a lock for a scope. Test it: it may not have been granted.
template <typename Lock>
class Hold {
 public:
  explicit Hold(Lock& lock) : lock_(lock), held_(lock.take()) {}
  ~Hold() {
    if (held_) lock_.release();
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  explicit operator bool() const { return held_; }

 private:
  Lock& lock_;
  bool held_;
};

}  // namespace wswrap
