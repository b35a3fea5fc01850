// Two children inherit a connection, forked one right after the other: on one CPU, so that the
// second is forked before the first has run. When everybody else has let go of it, the second has
// the last word.
#include <sched.h>
#include <sys/wait.h>

#include "conversation.h"

static pid_t fork_or_die(void) {
  const pid_t child = fork();
  if (child < 0) die("fork");
  return child;
}

int main(int argc, char **argv) {
  const struct options options = parse_options(argc, argv);
  const int listener = start_server(&options);
  announce(&options);
  const int connection = accept_client(listener);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  if (sched_setaffinity(0, sizeof one, &one) < 0) die("sched_setaffinity");
  int others[2];
  if (pipe(others) < 0) die("pipe");
  const pid_t first = fork_or_die();
  if (first == 0) _exit(0);
  const pid_t second = fork_or_die();
  if (second == 0) {
    char nothing;
    close(others[1]);
    if (read(others[0], &nothing, 1) != 0) die("read");
    if (write(connection, "last word", 9) != 9) die("write");
    _exit(0);
  }
  close(connection);
  if (waitpid(first, NULL, 0) < 0) die("waitpid");
  close(others[1]);
  int status = 0;
  if (waitpid(second, &status, 0) < 0) die("waitpid");
  return status != 0;
}
