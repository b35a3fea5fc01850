// What every test server shares before its loop starts: options, the listener, the "ready" line.
//
// Options are words of the form name=value, so that a test reads like what it asks for:
//   select port=5901 mode=source bytes=1000000 buffer=4096 io=recvmsg
// A server prints "listening PORT" when it has all that it needs to begin.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum mode {
  MODE_ECHO,    // send back what comes
  MODE_SINK,    // take what comes; at its end send "COUNT HASH" and close
  MODE_SOURCE,  // send `bytes` pseudo-random bytes, shut down, take what comes until its end, close
  MODE_SPILL,   // send as many, then close at once without ever reading
};

enum io { IO_READ, IO_RECV, IO_READV, IO_RECVMSG };

struct options {
  const char *address;
  const char *port;
  enum mode mode;
  enum io io;
  size_t bytes;
  size_t buffer;  // of one read
};

static inline __attribute__((noreturn)) void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static inline __attribute__((noreturn)) void refuse(const char *what) {
  fprintf(stderr, "cannot understand %s\n", what);
  exit(2);
}

// The index of `name` in a list that ends with NULL.
static inline int choose(const char *name, const char *const *list) {
  for (int i = 0; list[i] != NULL; ++i) {
    if (strcmp(name, list[i]) == 0) return i;
  }
  refuse(name);
}

static inline struct options parse_options(int argc, char **argv) {
  static const char *const modes[] = {"echo", "sink", "source", "spill", NULL};
  static const char *const calls[] = {"read", "recv", "readv", "recvmsg", NULL};
  struct options options = {.address = "127.0.0.1", .port = NULL, .bytes = 0, .buffer = 16384};
  for (int i = 1; i < argc; ++i) {
    char *value = strchr(argv[i], '=');
    if (value == NULL) refuse(argv[i]);
    *value++ = '\0';
    if (strcmp(argv[i], "address") == 0) {
      options.address = value;
    } else if (strcmp(argv[i], "port") == 0) {
      options.port = value;
    } else if (strcmp(argv[i], "mode") == 0) {
      options.mode = (enum mode)choose(value, modes);
    } else if (strcmp(argv[i], "io") == 0) {
      options.io = (enum io)choose(value, calls);
    } else if (strcmp(argv[i], "bytes") == 0) {
      options.bytes = strtoul(value, NULL, 10);
    } else if (strcmp(argv[i], "buffer") == 0) {
      options.buffer = strtoul(value, NULL, 10);
    } else {
      refuse(argv[i]);
    }
  }
  if (options.port == NULL) refuse("a command line without port=");
  return options;
}

// An IPv6 socket takes IPv4 clients too: address=::ffff:127.0.0.1 is a dual-stack listener that
// stays on loopback.
static inline int listen_on(const char *address, const char *port) {
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                           .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  if (getaddrinfo(address, port, &hints, &found) != 0) refuse(address);
  int listener = socket(found->ai_family, SOCK_STREAM, 0);
  if (listener < 0) die("socket");
  const int yes = 1, no = 0;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (found->ai_family == AF_INET6) {
    setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  }
  if (bind(listener, found->ai_addr, found->ai_addrlen) < 0) die("bind");
  if (listen(listener, 128) < 0) die("listen");
  freeaddrinfo(found);
  return listener;
}

static inline void set_nonblocking(int fd) {
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) die("fcntl");
}

// What every process of a server begins with. Output is by line, for whoever reads it through a
// pipe.
static inline void settle(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that was killed leaves no server behind
}

// Opens the listener, or takes the one that socket activation has left as descriptor 3.
static inline int start_server(const struct options *options) {
  settle();
  if (getenv("LISTEN_FDS") != NULL) return 3;
  return listen_on(options->address, options->port);
}

static inline void announce(const struct options *options) {
  printf("listening %s\n", options->port);
}

// Accepts, or returns -1 when a non-blocking listener has nothing. Says who came.
static inline int accept_client(int listener) {
  struct sockaddr_storage peer;
  socklen_t size = sizeof peer;
  const int fd = accept(listener, (struct sockaddr *)&peer, &size);
  if (fd < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED) return -1;
    die("accept");
  }
  char address[INET6_ADDRSTRLEN], port[8];
  if (getnameinfo((struct sockaddr *)&peer, size, address, sizeof address, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    refuse("the peer's address");
  }
  printf("open %s %s\n", address, port);
  return fd;
}
