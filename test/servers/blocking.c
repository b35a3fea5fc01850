// One client after the other, with blocking calls only.
#include "conversation.h"

int main(int argc, char **argv) {
  const struct options options = parse_options(argc, argv);
  const int listener = start_server(&options);
  announce(&options);
  for (;;) {
    const int fd = accept_client(listener);
    if (fd >= 0) serve_blocking(fd, &options);
  }
}
