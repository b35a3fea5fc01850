// A server that goes into the background, by fork(2) or by daemon(3) (whose fork libc makes
// itself), before or after it has a listener, or after the listener is in an epoll. The process
// that was started exits; the one behind it answers one client.
//   background port=5901 daemon after-epoll
#include <sys/epoll.h>
#include <sys/wait.h>

#include "options.h"

// A daemon is in no process group that a test could end.
enum { LONGEST_LIFE = 30 };

static void leave(const char *how) {
  if (strcmp(how, "daemon") == 0) {
    if (daemon(1, 1) < 0) die("daemon");
  } else {
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child > 0) _exit(0);
  }
  alarm(LONGEST_LIFE);
}

static void answer(int fd) {
  char bytes[64];
  const ssize_t size = read(fd, bytes, sizeof bytes);
  if (size < 0 || write(fd, bytes, (size_t)size) != size) die("conversation");
  close(fd);
}

int main(int argc, char **argv) {
  static const char *const moments[] = {"before-listen", "after-listen", "after-epoll", NULL};
  if (argc != 4) refuse("such a command line");
  const struct options options = parse_options(2, argv);
  const char *how = argv[2];
  const int when = choose(argv[3], moments);
  if (when == 0) leave(how);
  const int listener = start_server(&options);
  if (when == 1) leave(how);
  if (when == 2) {
    const int epfd = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    if (epfd < 0 || epoll_ctl(epfd, EPOLL_CTL_ADD, listener, &event) < 0) die("epoll");
    leave(how);
    announce(&options);
    if (epoll_wait(epfd, &event, 1, -1) != 1) die("epoll_wait");
  } else {
    announce(&options);
  }
  answer(accept(listener, NULL, NULL));
  return 0;
}
