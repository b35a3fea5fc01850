// One loop around epoll, edge-triggered, registered once and never modified.
//
// A connection is read until EAGAIN; with -DSTOP_ON_SHORT_READ only until a short read, as epoll(7)
// allows, unless the peer's end was announced (EPOLLRDHUP), after which the end itself is still
// there to read and no further edge will come.
#include <sys/epoll.h>

#include "session.h"

struct edges {
  struct session session;
  bool readable, writable, announced;
};

static void take_note(struct edges *edges, uint32_t events) {
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) edges->announced = true;
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) edges->readable = true;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) edges->writable = true;
}

// Moves until nothing can be moved. Returns false when the session is over.
static bool serve(struct edges *edges, const struct options *options) {
  struct session *session = &edges->session;
  for (;;) {
    const short wants = session_wants(session, options);
    if (wants == 0) return false;
    bool moved = false;
    if ((wants & POLLIN) && edges->readable) {
      const enum step step = session_receive(session, options);
      moved = step != STEP_BLOCKED;
      if (step == STEP_BLOCKED) edges->readable = false;
#ifdef STOP_ON_SHORT_READ
      if (step == STEP_SHORT && !edges->announced) edges->readable = false;
#endif
    }
    if ((wants & POLLOUT) && edges->writable && !session->failed) {
      const enum step step = session_transmit(session, options);
      moved = moved || step != STEP_BLOCKED;
      if (step == STEP_BLOCKED) edges->writable = false;
    }
    if (!moved) return true;
  }
}

int main(int argc, char **argv) {
  const struct options options = parse_options(argc, argv);
  const int listener = start_server(&options);
  set_nonblocking(listener);
  const int epfd = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
  if (epfd < 0 || epoll_ctl(epfd, EPOLL_CTL_ADD, listener, &event) < 0) die("epoll");
  announce(&options);
  for (;;) {
    struct epoll_event events[16];
    const int ready = epoll_wait(epfd, events, 16, -1);
    if (ready < 0) die("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      struct edges *edges = events[i].data.ptr;
      if (edges == NULL) {
        for (int client; (client = accept_client(listener)) >= 0;) {
          edges = calloc(1, sizeof *edges);
          if (edges == NULL) die("calloc");
          session_open(&edges->session, client, &options);
          event = (struct epoll_event){.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                       .data.ptr = edges};
          if (epoll_ctl(epfd, EPOLL_CTL_ADD, client, &event) < 0) die("epoll_ctl");
        }
        continue;
      }
      take_note(edges, events[i].events);
      if (serve(edges, &options)) continue;
      session_close(&edges->session);
      free(edges);
    }
  }
}
