// A server that puts each connection in place of the standard streams of a child and lets it
// chat(), with stdio or with iostreams. Where the child does so is told by STYLE in the
// environment:
//   here    in the same program, which has printed something that is not flushed yet
//   back    likewise, and afterwards standard output is again what it was
//   reopen  likewise, and afterwards standard output is a file
//   exec    as a program of its own
#pragma once

#include "options.h"

static void chat(void);

static void become(int fd) {
  for (int number = 0; number <= 2; ++number) {
    if (dup2(fd, number) < 0) die("dup2");
  }
  close(fd);
}

static void serve_child(int fd, char **argv) {
  const char *style = getenv("STYLE");
  if (strcmp(style, "exec") == 0) {
    char name[] = "chat";
    char *const words[] = {argv[0], name, NULL};
    become(fd);
    execv("/proc/self/exe", words);
    die("execv");
  }
  const int output = dup(STDOUT_FILENO);
  printf("printed before; ");
  become(fd);
  chat();
  if (strcmp(style, "reopen") == 0) {
    if (freopen("/dev/null", "w", stdout) != stdout) die("freopen");
    printf("unheard\n");
    fprintf(stderr, "heard\n");
  }
  if (strcmp(style, "back") != 0) return;
  printf("for the log: ");
  dup2(output, STDOUT_FILENO);
  printf("served\n");
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "chat") == 0) {
    chat();
    return 0;
  }
  const struct options options = parse_options(argc, argv);
  const int listener = start_server(&options);
  signal(SIGCHLD, SIG_IGN);
  announce(&options);
  for (;;) {
    const int fd = accept(listener, NULL, NULL);
    const pid_t child = fork();
    if (fd < 0 || child < 0) die("fork");
    if (child == 0) {
      close(listener);
      serve_child(fd, argv);
      exit(0);
    }
    close(fd);
  }
}
