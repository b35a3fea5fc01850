// One thread changes what an epoll is to watch a connection for, another puts duplicates of the
// connection into the epoll and closes them, a third forks: each takes the locks that the others
// need. Prints "churned" when all three are through.
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "session.h"

enum { ROUNDS = 20000, FORKS = 50 };

static int epfd, connection;

static void control(int operation, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (epoll_ctl(epfd, operation, fd, &event) < 0) die("epoll_ctl");
}

static void *modify(void *unused) {
  for (int i = 0; i < ROUNDS; ++i) control(EPOLL_CTL_MOD, connection, EPOLLOUT);
  return unused;
}

static void *close_duplicates(void *unused) {
  for (int i = 0; i < ROUNDS; ++i) {
    const int copy = dup(connection);
    if (copy < 0) die("dup");
    control(EPOLL_CTL_ADD, copy, EPOLLIN);
    if (close(copy) < 0) die("close");
  }
  return unused;
}

static void *multiply(void *unused) {
  for (int i = 0; i < FORKS; ++i) {
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) _exit(0);
    if (waitpid(child, NULL, 0) < 0) die("waitpid");
  }
  return unused;
}

int main(int argc, char **argv) {
  const struct options options = parse_options(argc, argv);
  const int listener = start_server(&options);
  announce(&options);
  connection = accept_client(listener);
  epfd = epoll_create1(EPOLL_CLOEXEC);
  if (epfd < 0) die("epoll_create1");
  control(EPOLL_CTL_ADD, connection, EPOLLIN);
  void *(*const works[])(void *) = {modify, close_duplicates, multiply};
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) {
    if (pthread_create(&threads[i], NULL, works[i], NULL) != 0) die("pthread_create");
  }
  for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
  puts("churned");
}
