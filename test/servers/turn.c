// A server with a thread that turns it into itself, again and again, wherever its other thread is
// in reading what the client sends: one letter, on and on.
//   turn port=5901
#include <pthread.h>

#include "options.h"

enum { TURNS = 200 };

static char **words;
static char number[12], turn[12];

static void *turn_into_itself(void *nothing) {
  (void)nothing;
  usleep((useconds_t)(500 + rand() % 1500));
  char *const arguments[] = {words[0], words[1], number, turn, NULL};
  execv("/proc/self/exe", arguments);
  die("execv");
}

int main(int argc, char **argv) {
  words = argv;
  int fd;
  int turns = 0;
  if (argc < 4) {
    const struct options options = parse_options(argc, argv);
    const int listener = start_server(&options);
    announce(&options);
    fd = accept(listener, NULL, NULL);
    if (fd < 0) die("accept");
    close(listener);
  } else {
    fd = atoi(argv[2]);
    turns = atoi(argv[3]);
  }
  srand((unsigned)turns);
  snprintf(number, sizeof number, "%d", fd);
  snprintf(turn, sizeof turn, "%d", turns + 1);
  pthread_t thread;
  if (turns == TURNS) {
    settle();
    printf("turned\n");
  } else if (pthread_create(&thread, NULL, turn_into_itself, NULL) != 0) {
    die("pthread_create");
  }
  char bytes[1000];
  ssize_t size;
  while ((size = read(fd, bytes, sizeof bytes)) > 0) {
    for (ssize_t i = 0; i < size; ++i) {
      if (bytes[i] != 'x') refuse("a byte that nobody sent");
    }
  }
  if (size < 0) die("read");
  close(fd);
  return 0;
}
