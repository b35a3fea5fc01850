// Whether a call of ours that a signal interrupted would have been restarted by the kernel.
#pragma once

#include <csignal>
#include <cstdint>

namespace wswrap {

// A wait that is made of several waits in the kernel must still end when a signal comes in between
// two of them. Once engaged, signals are blocked but inside of the kernel's waits, which take
// mask().
class SignalsInWaits {
 public:
  // `wanted`: the mask that the caller asked for in the wait, or null.
  explicit SignalsInWaits(const sigset_t* wanted = nullptr) : wanted_(wanted) {}
  ~SignalsInWaits();
  SignalsInWaits(const SignalsInWaits&) = delete;
  SignalsInWaits& operator=(const SignalsInWaits&) = delete;

  void engage();
  const sigset_t* mask() const { return wanted_ != nullptr || !engaged_ ? wanted_ : &before_; }

 private:
  const sigset_t* wanted_;
  bool engaged_ = false;
  // Set by engage(): most calls never do, and need not pay for its size.
  sigset_t before_;
};

// Waiting in poll(2) ends with EINTR whatever the handler asked for; a blocking accept(2) or
// send(2) is restarted after a handler with SA_RESTART. Which handler ran cannot be known; true
// when every handler of the process was installed with SA_RESTART.
bool signals_restart();

}  // namespace wswrap
