// A loop around epoll that gives some of its clients to children, and kills some of these at some
// time or other.
#include <sys/epoll.h>

#include "conversation.h"
#include "session.h"

static struct options options;
static int epfd, listener;

// How many clients each child is one of, and each of those that are killed.
enum { CHILD = 50, VICTIM = 100 };

static void give_to_child(int fd, bool is_victim) {
  static pid_t victim = 0;
  if (victim != 0) kill(victim, SIGKILL);
  victim = 0;
  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    // The listener, the epoll, and whoever else is connected.
    if (close_range(3, (unsigned)fd - 1, 0) < 0) die("close_range");
    if (close_range((unsigned)fd + 1, ~0u, 0) < 0) die("close_range");
    serve_blocking(fd, &options);
    exit(0);
  }
  close(fd);
  if (is_victim) victim = child;
}

static void watch(int operation, struct session *session, short wants) {
  struct epoll_event event = {.events = (uint32_t)wants, .data.ptr = session};
  if (epoll_ctl(epfd, operation, session->fd, &event) < 0) die("epoll_ctl");
}

static void take_client(void) {
  static unsigned clients = 0;
  const int fd = accept(listener, NULL, NULL);
  if (fd < 0) die("accept");
  if (++clients % CHILD == 0) {
    give_to_child(fd, clients % VICTIM == 0);
    return;
  }
  struct session *session = malloc(sizeof *session);
  if (session == NULL) die("malloc");
  session_open(session, fd, &options);
  watch(EPOLL_CTL_ADD, session, session_wants(session, &options));
}

static void serve_session(struct session *session, uint32_t events) {
  const short wanted = session_wants(session, &options);
  const short wants = session_serve_level(session, &options, (short)events);
  if (wants == 0) {
    free(session);
  } else if (wants != wanted) {
    watch(EPOLL_CTL_MOD, session, wants);
  }
}

int main(int argc, char **argv) {
  options = parse_options(argc, argv);
  listener = start_server(&options);
  signal(SIGCHLD, SIG_IGN);
  epfd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (epfd < 0 || epoll_ctl(epfd, EPOLL_CTL_ADD, listener, &event) < 0) die("epoll");
  announce(&options);
  if (freopen("/dev/null", "w", stdout) == NULL) die("/dev/null");
  for (;;) {
    struct epoll_event events[64];
    const int ready = epoll_wait(epfd, events, 64, -1);
    if (ready < 0) die("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.ptr == NULL) {
        take_client();
      } else {
        serve_session(events[i].data.ptr, events[i].events);
      }
    }
  }
}
