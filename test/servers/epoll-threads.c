// Four threads wait on one epfd. The listener is non-blocking and may wake several of them;
// connections are ONESHOT, so that one thread at a time has each.
#include <pthread.h>
#include <sys/epoll.h>

#include "session.h"

static struct options options;
static int epfd, listener;

static void watch(int operation, struct session *session) {
  const uint32_t wants = (uint32_t)session_wants(session, &options);
  struct epoll_event event = {.events = wants | EPOLLONESHOT, .data.ptr = session};
  if (epoll_ctl(epfd, operation, session->fd, &event) < 0) die("epoll_ctl");
}

static void *work(void *unused) {
  for (;;) {
    struct epoll_event event;
    const int ready = epoll_wait(epfd, &event, 1, -1);
    if (ready < 0) die("epoll_wait");
    if (ready == 0) continue;
    struct session *session = event.data.ptr;
    if (session == NULL) {
      const int client = accept_client(listener);
      if (client < 0) continue;
      session = malloc(sizeof *session);
      if (session == NULL) die("malloc");
      session_open(session, client, &options);
      watch(EPOLL_CTL_ADD, session);
    } else if (session_serve_level(session, &options, (short)event.events) != 0) {
      watch(EPOLL_CTL_MOD, session);
    } else {
      free(session);
    }
  }
  return unused;
}

int main(int argc, char **argv) {
  options = parse_options(argc, argv);
  listener = start_server(&options);
  set_nonblocking(listener);
  epfd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (epfd < 0 || epoll_ctl(epfd, EPOLL_CTL_ADD, listener, &event) < 0) die("epoll");
  for (int i = 0; i < 3; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, NULL) != 0) die("pthread_create");
  }
  announce(&options);
  work(NULL);
}
