// A child process per client; the parent closes its copy at once.
#include "conversation.h"

int main(int argc, char **argv) {
  const struct options options = parse_options(argc, argv);
  const int listener = start_server(&options);
  signal(SIGCHLD, SIG_IGN);
  announce(&options);
  for (;;) {
    const int fd = accept_client(listener);
    if (fd < 0) continue;
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
      close(listener);
      serve_blocking(fd, &options);
      exit(0);
    }
    close(fd);
  }
}
