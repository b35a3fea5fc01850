// A program that another one starts with a connection: it says on stderr what it found, then sends
// back one line that it reads from the descriptor.
//   messenger 0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  const int fd = argc > 1 ? atoi(argv[1]) : 0;
  const char *preload = getenv("LD_PRELOAD");
  const char *port = getenv("WSWRAP_PORT");
  const int flags = fcntl(fd, F_GETFD);
  // In one call, so that lines of several processes do not mix.
  char report[512];
  const int size = snprintf(report, sizeof report, "messenger fd=%s preload=%s port=%s\n",
                            flags < 0 ? "closed" : "open", preload != NULL ? preload : "",
                            port != NULL ? port : "");
  if (write(STDERR_FILENO, report, (size_t)size) != size) return 1;
  if (flags < 0) return 3;
  char bytes[64];
  size_t have = 0;
  while (have < sizeof bytes && (have == 0 || bytes[have - 1] != '\n')) {
    const ssize_t got = read(fd, bytes + have, sizeof bytes - have);
    if (got <= 0) return got == 0 ? 4 : 5;
    have += (size_t)got;
  }
  return write(fd, bytes, have) == (ssize_t)have ? 0 : 6;
}
