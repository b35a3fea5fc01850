// One thread changes what an epoll is to watch a connection for, another puts duplicates of the
// connection into the epoll and closes them, a third forks, a fourth waits and is interrupted all
// the time by a handler that closes a duplicate, too: each takes the locks that the others need.
// Prints "churned" when the first three are through.
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "session.h"

enum { ROUNDS = 20000, FORKS = 50 };

static int epfd, connection;
static atomic_bool churned;

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

static void on_alarm(int unused) {
  (void)unused;
  const int copy = dup(connection);
  if (copy < 0 || close(copy) < 0) die("duplicate");
}

static void *wait_interrupted(void *unused) {
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
  while (!churned) {
    struct epoll_event event;
    if (epoll_wait(epfd, &event, 1, 10) < 0 && errno != EINTR) die("epoll_wait");
  }
  return unused;
}

static void interrupt_the_waiting(void) {
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &alarm, NULL);
  const struct sigaction action = {.sa_handler = on_alarm};
  const struct itimerval often = {.it_interval = {.tv_usec = 100}, .it_value = {.tv_usec = 100}};
  if (sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &often, NULL) < 0) {
    die("setitimer");
  }
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
  interrupt_the_waiting();
  void *(*const works[])(void *) = {modify, close_duplicates, multiply, wait_interrupted};
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) {
    if (pthread_create(&threads[i], NULL, works[i], NULL) != 0) die("pthread_create");
  }
  for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
  churned = true;
  pthread_join(threads[3], NULL);
  puts("churned");
}
