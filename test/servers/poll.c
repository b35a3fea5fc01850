// One loop around poll, or around ppoll when built with -DPPOLL.
//
// Slots of closed sessions stay in the array with a negative descriptor, which poll must skip.
#include "session.h"

enum { SLOTS = 4096 };

static int wait_for(struct pollfd *fds, nfds_t count) {
#ifdef PPOLL
  return ppoll(fds, count, NULL, NULL);
#else
  return poll(fds, count, -1);
#endif
}

int main(int argc, char **argv) {
  static struct session sessions[SLOTS];
  static struct pollfd fds[SLOTS];
  const struct options options = parse_options(argc, argv);
  fds[0] = (struct pollfd){.fd = start_server(&options), .events = POLLIN};
  for (int i = 1; i < SLOTS; ++i) fds[i].fd = -1;
  announce(&options);
  for (;;) {
    int ready = wait_for(fds, SLOTS);
    if (ready < 0) die("poll");
    for (int i = 1; i < SLOTS; ++i) {
      if (fds[i].revents == 0) continue;
      if (fds[i].fd < 0) spurious("use a skipped descriptor");
      --ready;
      fds[i].events = session_serve_level(&sessions[i], &options, fds[i].revents);
      if (fds[i].events == 0) fds[i].fd = -1;
    }
    if (fds[0].revents != 0) {
      --ready;
      const int client = accept_client(fds[0].fd);
      if (client < 0) spurious("accept");
      int slot = 1;
      while (slot < SLOTS && fds[slot].fd >= 0) ++slot;
      if (slot == SLOTS) refuse("so many clients");
      session_open(&sessions[slot], client, &options);
      fds[slot] = (struct pollfd){.fd = client, .events = session_wants(&sessions[slot], &options)};
    }
    if (ready != 0) spurious("count");
  }
}
