// Replaces each connection by another file with dup2(2), as the JVM closes a socket under its
// readers, while a second thread opens and closes files. No number that dup2 replaces is free at
// any time, so none of the files may turn into the one that is put in place of a connection.
//   replace port=5901
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "options.h"

enum { CLIENTS = 200 };

static atomic_bool over;

static void *open_files(void *unused) {
  (void)unused;
  intptr_t stolen = 0;
  while (!over) {
    const int fd = open("/dev/zero", O_RDONLY);
    char byte;
    if (fd < 0 || read(fd, &byte, 1) != 1) ++stolen;
    close(fd);
  }
  return (void *)stolen;
}

int main(int argc, char **argv) {
  const struct options options = parse_options(argc, argv);
  const int listener = start_server(&options);
  const int nothing = open("/dev/null", O_RDONLY);
  pthread_t thread;
  if (nothing < 0 || pthread_create(&thread, NULL, open_files, NULL) != 0) die("thread");
  announce(&options);
  for (int i = 0; i < CLIENTS; ++i) {
    const int fd = accept(listener, NULL, NULL);
    if (dup2(nothing, fd) != fd) die("dup2");
    close(fd);
  }
  over = true;
  void *stolen;
  pthread_join(thread, &stolen);
  printf("stolen %d\n", (int)(intptr_t)stolen);
  return 0;
}
