// A child that talks through stdin, stdout and stderr; see chat.h.
#include "chat.h"

static void at_exit(void) { printf("said at exit\n"); }

static void chat(void) {
  char name[64], line[256];
  atexit(at_exit);
  printf("name? ");
  fflush(stdout);
  if (scanf("%63s", name) != 1) return;
  printf("hello %s\n", name);
  fputs("a warning\n", stderr);
  errno = ENOENT;
  perror("an error");
  dprintf(STDOUT_FILENO, "%s directly\n", name);
  const int next = getchar();
  if (next != '\n') ungetc(next, stdin);
  while (fgets(line, sizeof line, stdin) != NULL && strcmp(line, "quit\n") != 0) {
    printf("%zu %s", strlen(line), line);
    if (line[0] == '!') fflush(stdout);
  }
  putchar('<');
  puts("goodbye>");
}
