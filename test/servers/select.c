// One loop around select, or around pselect when built with -DPSELECT.
//
// The listener blocks, as it does in most servers of this kind: readiness must be the truth.
#include <sys/select.h>

#include "session.h"

static int wait_for(int count, fd_set *in, fd_set *out) {
#ifdef PSELECT
  sigset_t none;
  sigemptyset(&none);
  return pselect(count, in, out, NULL, NULL, &none);
#else
  return select(count, in, out, NULL, NULL);
#endif
}

int main(int argc, char **argv) {
  static struct session sessions[FD_SETSIZE];
  const struct options options = parse_options(argc, argv);
  const int listener = start_server(&options);
  announce(&options);
  for (;;) {
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(listener, &in);
    for (int fd = 0; fd < FD_SETSIZE; ++fd) {
      if (!sessions[fd].open) continue;
      const short wants = session_wants(&sessions[fd], &options);
      if (wants & POLLIN) FD_SET(fd, &in);
      if (wants & POLLOUT) FD_SET(fd, &out);
    }
    int ready = wait_for(FD_SETSIZE, &in, &out);
    if (ready < 0) die("select");
    for (int fd = 0; fd < FD_SETSIZE; ++fd) {
      const short events =
          (short)((FD_ISSET(fd, &in) ? POLLIN : 0) | (FD_ISSET(fd, &out) ? POLLOUT : 0));
      if (events == 0) continue;
      ready -= FD_ISSET(fd, &in) + FD_ISSET(fd, &out);
      if (fd == listener) {
        const int client = accept_client(listener);
        if (client < 0) spurious("accept");
        if (client >= FD_SETSIZE) refuse("a descriptor that large");
        session_open(&sessions[client], client, &options);
      } else if (sessions[fd].open) {
        session_serve_level(&sessions[fd], &options, events);
      } else {
        spurious("use a descriptor that is not in the set");
      }
    }
    if (ready != 0) spurious("count");
  }
}
