// One loop around epoll, level-triggered, or with -DONESHOT re-armed after each event.
//
// The user's data is a pointer: what comes back must be what was put in.
#include <sys/epoll.h>

#include "session.h"

#ifdef ONESHOT
static const bool rearm = true;
static const uint32_t how = EPOLLONESHOT;
#else
static const bool rearm = false;
static const uint32_t how = 0;
#endif

static struct options options;
static int epfd;

static void watch(int operation, struct session *session, short wants) {
  struct epoll_event event = {.events = (uint32_t)wants | how, .data.ptr = session};
  if (epoll_ctl(epfd, operation, session->fd, &event) < 0) die("epoll_ctl");
}

int main(int argc, char **argv) {
  options = parse_options(argc, argv);
  const int listener = start_server(&options);
  epfd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (epfd < 0 || epoll_ctl(epfd, EPOLL_CTL_ADD, listener, &event) < 0) die("epoll");
  announce(&options);
  for (;;) {
    struct epoll_event events[4];
    const int ready = epoll_wait(epfd, events, 4, -1);
    if (ready < 0) die("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      struct session *session = events[i].data.ptr;
      if (session == NULL) {
        const int client = accept_client(listener);
        if (client < 0) {
          spurious("accept");
          continue;
        }
        session = malloc(sizeof *session);
        if (session == NULL) die("malloc");
        session_open(session, client, &options);
        watch(EPOLL_CTL_ADD, session, session_wants(session, &options));
        continue;
      }
      const short wanted = session_wants(session, &options);
      const short wants = session_serve_level(session, &options, (short)events[i].events);
      if (wants == 0) {
        free(session);
      } else if (rearm || wants != wanted) {
        watch(EPOLL_CTL_MOD, session, wants);
      }
    }
  }
}
