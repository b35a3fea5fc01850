// A child process per client that confines itself before it reads the first byte, as sshd's does.
// Blocking calls; built with -DPOLL a loop around poll; built with -DSTRICT in the mode that leaves
// only read and write. Built with -DLOOSE the parent confines itself, before it accepts, and not by
// much.
#include <sys/wait.h>

#include "confine.h"
#include "conversation.h"
#include "session.h"

#if defined(POLL)
static void serve(int fd, const struct options *options) {
  struct session session;
  session_open(&session, fd, options);
  confine_oddly();
  struct pollfd wanted = {.fd = fd, .events = session_wants(&session, options)};
  while (wanted.events != 0) {
    if (poll(&wanted, 1, -1) < 0) die("poll");
    wanted.events = session_serve_level(&session, options, wanted.revents);
  }
}
#elif defined(STRICT)
static void serve(int fd, const struct options *options) {
  unsigned char buffer[65536];
  uint64_t received = 0;
  uint32_t sum = HASH_START;
  confine_strictly();
  const bool served = converse(fd, options, buffer, &received, &sum);
  printf("%s %lu %08x\n", served ? "end" : "reset", (unsigned long)received, sum);
  syscall(SYS_exit, 0);
}
#else
static void serve(int fd, const struct options *options) {
#ifndef LOOSE
  confine();
#endif
  serve_blocking(fd, options);
}
#endif

// Who does what it has forbidden itself does not die in silence.
static void report(int signal) {
  (void)signal;
  const int before = errno;
  int status;
  while (waitpid(-1, &status, WNOHANG) > 0) {
    if (WIFSIGNALED(status)) dprintf(STDERR_FILENO, "died of signal %d\n", WTERMSIG(status));
  }
  errno = before;
}

int main(int argc, char **argv) {
  const struct options options = parse_options(argc, argv);
  const int listener = start_server(&options);
  sigaction(SIGCHLD, &(struct sigaction){.sa_handler = report, .sa_flags = SA_RESTART}, NULL);
#ifdef LOOSE
  confine_loosely();
#endif
  announce(&options);
  fork_for_each_client(listener, &options, serve);
}
