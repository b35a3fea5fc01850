// A server that starts another program once a client has come, in each of the ways that there are.
//   launch port=5901 call=execve child=fork place=streams environment=empty program=/bin/cat
// call         the function that starts the program
// child        fork or vfork: a child starts it, the server waits, says how it ended, and then
//              sends back what the client sends; nobody: the same, by a child that becomes that
//              user; jail: by one whose root has no /proc; self: the server turns into it
// place        streams: the connection is descriptor 0 and 1 of the program and of nobody else;
//              stray: it is inherited where it is; private: it is close-on-exec; listener: the
//              listener is what is inherited; before: the program is started before there is a
//              listener
// environment  empty, own, or other: with an LD_PRELOAD of its own; unset and changed: without one,
//              but with a WSWRAP_PORT
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "options.h"

enum call {
  EXECVE,
  EXECV,
  EXECVP,
  EXECVPE,
  EXECL,
  EXECLP,
  EXECLE,
  FEXECVE,
  EXECVEAT,
  SYSCALL,
  SYSTEM,
  POPEN
};
static const char *const calls[] = {"execve", "execv",  "execvp",  "execvpe",  "execl",
                                    "execlp", "execle", "fexecve", "execveat", "syscall",
                                    "system", "popen",  NULL};
enum { SPAWN = 100, SPAWNP };

static const char *program;
static int program_fd;
static char number[12];  // the descriptor, for the program
static char **child_environment;

struct environment {
  const char *name;
  char *line;
};
static const struct environment environments[] = {
    {"empty", NULL},
    {"other", (char *)"LD_PRELOAD=/nonexistent/first.so:/nonexistent/second.so"},
    {"unset", (char *)"WSWRAP_PORT="},
    {"changed", (char *)"WSWRAP_PORT=9"},
};

// One that is not in the list is this program's own.
static char **make_environment(const char *name) {
  static char *lines[2];
  for (size_t i = 0; i < sizeof environments / sizeof *environments; ++i) {
    if (strcmp(name, environments[i].name) != 0) continue;
    lines[0] = environments[i].line;
    return lines;
  }
  return environ;
}

// By the shell, which is as much as to turn into it.
static void run_program(enum call call) {
  char command[512];
  snprintf(command, sizeof command, "%s %s", program, number);
  environ = child_environment;
  const int status = call == SYSTEM ? system(command) : pclose(popen(command, "r"));
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

// Does not return unless it fails.
static void turn_into_program(enum call call) {
  char *const words[] = {(char *)"program", number, NULL};
  char *const *environment = child_environment;
  switch (call) {
    case EXECVE:
      execve(program, words, environment);
      break;
    case EXECV:
      environ = child_environment;
      execv(program, words);
      break;
    case EXECVP:
      environ = child_environment;
      execvp(program, words);
      break;
    case EXECVPE:
      execvpe(program, words, environment);
      break;
    case EXECL:
      environ = child_environment;
      execl(program, "program", number, NULL);
      break;
    case EXECLP:
      environ = child_environment;
      execlp(program, "program", number, NULL);
      break;
    case EXECLE:
      execle(program, "program", number, NULL, environment);
      break;
    case FEXECVE:
      fexecve(program_fd, words, environment);
      break;
    case EXECVEAT:
      execveat(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), program + 1, words, environment, 0);
      break;
    case SYSCALL:
      syscall(SYS_execve, program, words, environment);
      break;
    case SYSTEM:
    case POPEN:
      run_program(call);
  }
}

static pid_t spawn(int call, int fd, bool streams) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (streams) {
    posix_spawn_file_actions_adddup2(&actions, fd, 0);
    posix_spawn_file_actions_adddup2(&actions, fd, 1);
    posix_spawn_file_actions_addclose(&actions, fd);
  }
  char *const words[] = {(char *)"program", number, NULL};
  pid_t child = -1;
  const int error = (call == SPAWN ? posix_spawn : posix_spawnp)(&child, program, &actions, NULL,
                                                                 words, child_environment);
  posix_spawn_file_actions_destroy(&actions);
  errno = error;
  return error == 0 ? child : -1;
}

// Until the test ends it.
static __attribute__((noreturn)) void rest(void) {
  for (;;) pause();
}

static void echo(int fd) {
  char bytes[256];
  ssize_t size;
  while ((size = read(fd, bytes, sizeof bytes)) > 0) {
    if (write(fd, bytes, (size_t)size) != size) die("write");
  }
  close(fd);
}

static char *own(int count, char **words, const char *name) {
  for (int i = 1; i < count; ++i) {
    const size_t size = strlen(name);
    if (strncmp(words[i], name, size) == 0 && words[i][size] == '=') return words[i] + size + 1;
  }
  refuse(name);
}

int main(int argc, char **argv) {
  const struct options options = parse_options(2, argv);
  const char *how = own(argc, argv, "child");
  const char *place = own(argc, argv, "place");
  const char *name = own(argc, argv, "call");
  program = own(argc, argv, "program");
  program_fd = open(program, O_RDONLY | O_CLOEXEC);
  child_environment = make_environment(own(argc, argv, "environment"));
  const bool spawns = strncmp(name, "posix_spawn", 11) == 0;
  const int call = spawns ? (name[11] == 'p' ? SPAWNP : SPAWN) : choose(name, calls);
  const bool streams = strcmp(place, "streams") == 0;
  const bool before = strcmp(place, "before") == 0;

  int listener = -1, fd = STDIN_FILENO;
  if (!before) {
    listener = start_server(&options);
    announce(&options);
    fd = accept(listener, NULL, NULL);
    if (fd < 0) die("accept");
    if (strcmp(place, "listener") == 0) {
      snprintf(number, sizeof number, "%d", listener);
    } else {
      if (fcntl(listener, F_SETFD, FD_CLOEXEC) < 0) die("fcntl");
      snprintf(number, sizeof number, "%d", streams ? 0 : fd);
    }
    if (strcmp(place, "private") == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) die("fcntl");
  } else {
    settle();
    snprintf(number, sizeof number, "%d", 99);
  }

  if (strcmp(how, "self") == 0) {
    if (streams && (dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || close(fd) < 0)) die("dup2");
    turn_into_program((enum call)call);
    fprintf(stderr, "failed %s\n", strerror(errno));
    echo(streams ? 0 : fd);
    rest();
  }
  pid_t child;
  if (spawns) {
    child = spawn(call, fd, streams);
  } else {
    child = strcmp(how, "vfork") == 0 ? vfork() : fork();
    if (child == 0) {
      if (strcmp(how, "nobody") == 0 && (setgid(65534) < 0 || setuid(65534) < 0)) _exit(8);
      if (strcmp(how, "jail") == 0 && chroot("/usr") < 0) _exit(7);
      if (streams && (dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || close(fd) < 0)) _exit(9);
      turn_into_program((enum call)call);
      _exit(errno);
    }
  }
  if (child < 0) {
    printf("failed %s\n", strerror(errno));
  } else {
    int status = 0;
    // As an inetd does: from now on it is the program's alone.
    if (streams) close(fd);
    if (waitpid(child, &status, 0) != child) die("waitpid");
    printf("ended %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
  }
  if (before) {
    listener = start_server(&options);
    announce(&options);
    fd = accept(listener, NULL, NULL);
  }
  if (!streams || before) echo(fd);
  rest();
}
