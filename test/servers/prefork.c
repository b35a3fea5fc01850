// Processes that were forked before any client came, each blocking in accept on the one listener.
#include "conversation.h"

enum { WORKERS = 3 };

int main(int argc, char **argv) {
  const struct options options = parse_options(argc, argv);
  const int listener = start_server(&options);
  announce(&options);
  for (int i = 1; i < WORKERS; ++i) {
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) break;
  }
  for (;;) {
    const int fd = accept_client(listener);
    if (fd >= 0) serve_blocking(fd, &options);
  }
}
