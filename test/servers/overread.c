// Reads more than its buffer holds, as a broken server does: with buffer=16, twice as much. Whoever
// claims to watch the memory of a server has to notice.
#include "options.h"

int main(int argc, char **argv) {
  const struct options options = parse_options(argc, argv);
  const int listener = start_server(&options);
  announce(&options);
  const int fd = accept_client(listener);
  char *buffer = malloc(options.buffer / 2);
  if (buffer == NULL) die("malloc");
  printf("end %zd\n", read(fd, buffer, options.buffer));
  free(buffer);
}
