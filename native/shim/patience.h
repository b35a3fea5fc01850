// How long a blocking call waits: until there is something to try again for, its timeout is over,
// or a signal ends it.
#pragma once

#include "shim/clock.h"
#include "shim/signals.h"

namespace wswrap {

class Patience {
 public:
  // `option`: SO_RCVTIMEO or SO_SNDTIMEO, the timeout of `socket` that limits all waits together.
  Patience(int socket, int option) : socket_(socket), option_(option) {}

  bool has_started() const { return started_ != 0; }

  // The call's time counts from here; else from the first wait().
  void start() { started_ = monotonic_now(); }

  // Waits for `events` on `watched`, and with the driver if asked, whose work it then does. Returns
  // 0 when another attempt is due, or the errno with which the call ends. A cancellation point.
  int wait(int watched, short events, bool with_driver);

 private:
  int socket_;
  int option_;
  SignalsInWaits signals_;
  Nanoseconds started_ = 0;
  Nanoseconds limit_ = 0;  // 0: not asked yet
};

}  // namespace wswrap
