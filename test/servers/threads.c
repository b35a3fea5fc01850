// A thread per client.
#include <pthread.h>

#include "conversation.h"

static struct options options;

static void *serve(void *fd) {
  serve_blocking((int)(intptr_t)fd, &options);
  return NULL;
}

int main(int argc, char **argv) {
  options = parse_options(argc, argv);
  const int listener = start_server(&options);
  announce(&options);
  for (;;) {
    const int fd = accept_client(listener);
    if (fd < 0) continue;
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) != 0) die("pthread_create");
    pthread_detach(thread);
  }
}
