// A server whose client is served by a child that is made in one of the ways that there are, while
// the parent closes its copy at once.
//   forks port=5901 by=clone
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "options.h"

static int connection = -1;

static int serve(void *nothing) {
  (void)nothing;
  char bytes[64];
  const ssize_t size = read(connection, bytes, sizeof bytes);
  if (size <= 0 || write(connection, bytes, (size_t)size) != size) die("conversation");
  exit(0);
}

int main(int argc, char **argv) {
  static const char *const ways[] = {"fork", "_Fork", "clone", "clone-syscall", "namespace", NULL};
  static char stack[256 * 1024] __attribute__((aligned(16)));
  const struct options options = parse_options(2, argv);
  if (argc != 3 || strncmp(argv[2], "by=", 3) != 0) refuse("such a command line");
  const int way = choose(argv[2] + 3, ways);
  const int listener = start_server(&options);
  announce(&options);
  connection = accept(listener, NULL, NULL);
  if (connection < 0) die("accept");
  pid_t child = -1;
  switch (way) {
    case 0:
      child = fork();
      break;
    case 1:
      child = _Fork();
      break;
    case 2:
      child = clone(serve, stack + sizeof stack, SIGCHLD, NULL);
      break;
    case 3:
      child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
      break;
    case 4:
      child = (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_NEWPID, 0, 0, 0, 0);
      break;
  }
  if (child < 0) die("child");
  if (child == 0) serve(NULL);
  close(connection);
  int status = 0;
  if (waitpid(child, &status, 0) != child) die("waitpid");
  printf("ended %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
  for (;;) pause();
}
