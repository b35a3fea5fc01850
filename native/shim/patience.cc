#include "shim/patience.h"

#include <poll.h>

#include "shim/confined.h"
#include "shim/driver.h"
#include "shim/result.h"
#include "shim/socket.h"

namespace wswrap {

int Patience::wait(int watched, short events, bool with_driver) {
  const KeepErrno keep;
  if (has_started()) {
    signals_.engage();
  } else {
    start();
  }
  if (limit_ == 0) limit_ = sock::timeout_of(socket_, option_);
  // The timeout counts from the start of the call, whatever came in the meantime.
  const Nanoseconds left = limit_ == forever ? forever : limit_ - (monotonic_now() - started_);
  if (left <= 0) return EAGAIN;
  pollfd set[2] = {{.fd = watched, .events = events, .revents = 0},
                   {.fd = with_driver ? driver::descriptor() : -1, .events = POLLIN, .revents = 0}};
  const int ready = confined::ppoll(set, 2, left, signals_.mask());
  // A signal between two waits is taken in the second.
  signals_.engage();
  if (ready == 0) return EAGAIN;
  if (ready < 0) return errno == EINTR && limit_ == forever && signals_restart() ? 0 : errno;
  if (set[1].revents != 0) driver::drive();
  return 0;
}

}  // namespace wswrap
