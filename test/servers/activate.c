// Socket activation: opens a listener as descriptor 3 and becomes the command that follows, which
// finds it there (sd_listen_fds(3)). Usage: activate PORT COMMAND…
#include "options.h"

int main(int argc, char **argv) {
  if (argc < 3) refuse("a command line without a command");
  if (listen_on("127.0.0.1", argv[1]) != 3) refuse("a descriptor table that is not fresh");
  char pid[16];
  snprintf(pid, sizeof pid, "%d", (int)getpid());
  setenv("LISTEN_FDS", "1", 1);
  setenv("LISTEN_PID", pid, 1);
  execvp(argv[2], argv + 2);
  die(argv[2]);
}
