// A child process per client; the parent closes its copy at once.
#include "conversation.h"

int main(int argc, char **argv) {
  const struct options options = parse_options(argc, argv);
  const int listener = start_server(&options);
  signal(SIGCHLD, SIG_IGN);
  announce(&options);
  fork_for_each_client(listener, &options, serve_blocking);
}
