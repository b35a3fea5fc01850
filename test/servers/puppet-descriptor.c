// The puppet's calls that open, copy, change and close descriptors.
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "puppet.h"

static const struct name accept_flags[] = {
    {"nonblock", SOCK_NONBLOCK}, {"cloexec", SOCK_CLOEXEC}, {NULL, 0}};

static const struct name status_flags[] = {
    {"nonblock", O_NONBLOCK}, {"append", O_APPEND}, {NULL, 0}};

// listen ADDRESS PORT
static void do_listen(struct call *call) {
  OBSERVE(call, listen_on(word(call, 1), word(call, 2)));
  call->error = UNTOUCHED;
}

// bind PORT: a socket that does not listen yet; listen-on FD
static void do_bind(struct call *call) {
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((in_port_t)number(call, 1)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  OBSERVE(call, bind(fd, (const struct sockaddr *)&address, sizeof address));
  if (call->result == 0) call->result = fd;
}

static void listen_again(struct call *call) { OBSERVE(call, listen(number(call, 1), 16)); }

// connect PORT [RCVBUF]: a client of loopback, for what only a socket's options and flags can do
static void do_connect(struct call *call) {
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((in_port_t)number(call, 1)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (call->words > 2) {
    const int size = number(call, 2);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
  OBSERVE(call, connect(fd, (const struct sockaddr *)&address, sizeof address));
  if (call->result == 0) call->result = fd;
}

static void note_address(struct call *call, const struct sockaddr_storage *address,
                         socklen_t size) {
  char host[INET6_ADDRSTRLEN], port[8];
  if (getnameinfo((const struct sockaddr *)address, size, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    refuse("the address");
  }
  note(call, "%s | %s", host, port);
}

// accept FD; accept4 FD FLAGS; the peer's port is shown after the bar
static void do_accept(struct call *call) {
  struct sockaddr_storage peer;
  socklen_t size = sizeof peer;
  const int fd = number(call, 1);
  OBSERVE(call, accept(fd, (struct sockaddr *)&peer, &size));
  if (call->result >= 0) note_address(call, &peer, size);
}

static void do_accept4(struct call *call) {
  struct sockaddr_storage peer;
  socklen_t size = sizeof peer;
  const int fd = number(call, 1), flags = (int)flags_of(word(call, 2), accept_flags);
  OBSERVE(call, accept4(fd, (struct sockaddr *)&peer, &size, flags));
  if (call->result >= 0) note_address(call, &peer, size);
}

static void accept_anonymous(struct call *call) {
  const int fd = number(call, 1);
  OBSERVE(call, accept(fd, NULL, NULL));
}

static void peer_name(struct call *call) {
  struct sockaddr_storage peer;
  socklen_t size = sizeof peer;
  const int fd = number(call, 1);
  OBSERVE(call, getpeername(fd, (struct sockaddr *)&peer, &size));
  if (call->result >= 0) note_address(call, &peer, size);
}

static void socket_name(struct call *call) {
  struct sockaddr_storage local;
  socklen_t size = sizeof local;
  const int fd = number(call, 1);
  OBSERVE(call, getsockname(fd, (struct sockaddr *)&local, &size));
  if (call->result >= 0) note_address(call, &local, size);
}

static void do_close(struct call *call) {
  const int fd = number(call, 1);
  OBSERVE(call, close(fd));
}

// close-from FD: closes it and all above it, as daemons do
static void close_from(struct call *call) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  const int first = number(call, 1), end = limit.rlim_cur < 65536 ? (int)limit.rlim_cur : 65536;
  for (int fd = first; fd < end; ++fd) close(fd);
  call->error = UNTOUCHED;
}

// closefrom FD; close_range FIRST LAST FLAGS
static void do_closefrom(struct call *call) {
  const int first = number(call, 1);
  OBSERVE(call, (closefrom(first), 0));
}

static void do_close_range(struct call *call) {
  static const struct name flags[] = {{"cloexec", CLOSE_RANGE_CLOEXEC}, {NULL, 0}};
  const unsigned first = (unsigned)number(call, 1), last = (unsigned)number(call, 2);
  const int how = (int)flags_of(word(call, 3), flags);
  OBSERVE(call, close_range(first, last, how));
}

// fill-up-to FD: copies a descriptor until FD is the lowest free number
static void fill_up_to(struct call *call) {
  const int last = number(call, 1) - 1;
  int fd = 0;
  while (fd < last) {
    fd = fcntl(0, F_DUPFD, 0);
    if (fd < 0) die("F_DUPFD");
  }
  call->error = UNTOUCHED;
  call->result = fd;
}

// every FD HOW: does that to the number and all above it, as daemons and runtimes do
static void every(struct call *call) {
  static const char *const hows[] = {"close", "cloexec", "fioclex", "raw-close", "raw-dup2", NULL};
  const int first = number(call, 1), how = choose(word(call, 2), hows);
  for (int fd = first; fd < 4096; ++fd) {
    if (how == 0) close(fd);
    if (how == 1) fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (how == 2) ioctl(fd, FIOCLEX, 0);
    if (how == 3) syscall(SYS_close, fd);
    // What nobody has stays free.
    if (how == 4 && fcntl(fd, F_GETFD) >= 0) syscall(SYS_dup3, 0, fd, O_CLOEXEC);
  }
  call->error = UNTOUCHED;
}

// limit NUMBER: how many descriptors may be open
static void limit_descriptors(struct call *call) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = (rlim_t)number(call, 1);
  OBSERVE(call, setrlimit(RLIMIT_NOFILE, &limit));
}

// io-uring: what programs get that would bypass libc
static void io_uring(struct call *call) {
  char parameters[256] = {0};
  OBSERVE(call, syscall(SYS_io_uring_setup, 4, parameters));
}

static void do_dup(struct call *call) {
  const int fd = number(call, 1);
  OBSERVE(call, dup(fd));
}

static void do_dup2(struct call *call) {
  const int from = number(call, 1), to = number(call, 2);
  OBSERVE(call, dup2(from, to));
}

// dup3 FROM TO [FLAGS]
static void do_dup3(struct call *call) {
  const int from = number(call, 1), to = number(call, 2);
  const int flags = call->words > 3 ? number(call, 3) : O_CLOEXEC;
  OBSERVE(call, dup3(from, to, flags));
}

// shutdown FD rd|wr|rdwr
static void do_shutdown(struct call *call) {
  static const char *const ways[] = {"rd", "wr", "rdwr", NULL};
  const int fd = number(call, 1), how = choose(word(call, 2), ways);
  OBSERVE(call, shutdown(fd, how));
}

// getfl FD, setfl FD FLAGS, getfd FD, dupfd FD LOWEST, dupfd-cloexec FD LOWEST
static void getfl(struct call *call) {
  const int fd = number(call, 1);
  OBSERVE(call, fcntl(fd, F_GETFL));
  if (call->result < 0) return;
  note_names(call, (unsigned)call->result & (O_NONBLOCK | O_APPEND), status_flags);
  call->result = 0;
}

static void setfl(struct call *call) {
  const int fd = number(call, 1), flags = (int)flags_of(word(call, 2), status_flags);
  OBSERVE(call, fcntl(fd, F_SETFL, flags));
}

static void getfd(struct call *call) {
  const int fd = number(call, 1);
  OBSERVE(call, fcntl(fd, F_GETFD));
}

static void dupfd(struct call *call) {
  const int fd = number(call, 1), lowest = number(call, 2);
  OBSERVE(call, fcntl(fd, F_DUPFD, lowest));
}

static void dupfd_cloexec(struct call *call) {
  const int fd = number(call, 1), lowest = number(call, 2);
  OBSERVE(call, fcntl(fd, F_DUPFD_CLOEXEC, lowest));
}

// pipe: a pipe with a byte in it; the result is its reading end
static void plain_pipe(struct call *call) {
  int ends[2];
  OBSERVE(call, pipe(ends));
  if (call->result < 0 || write(ends[1], "x", 1) != 1) die("pipe");
  call->result = ends[0];
  note(call, "%d", ends[1]);
}

const struct command descriptor_commands[] = {{"listen", do_listen},
                                              {"bind", do_bind},
                                              {"listen-on", listen_again},
                                              {"connect", do_connect},
                                              {"accept", do_accept},
                                              {"accept4", do_accept4},
                                              {"accept-anonymous", accept_anonymous},
                                              {"getpeername", peer_name},
                                              {"getsockname", socket_name},
                                              {"close", do_close},
                                              {"close-from", close_from},
                                              {"closefrom", do_closefrom},
                                              {"close_range", do_close_range},
                                              {"fill-up-to", fill_up_to},
                                              {"every", every},
                                              {"limit", limit_descriptors},
                                              {"io-uring", io_uring},
                                              {"dup", do_dup},
                                              {"dup2", do_dup2},
                                              {"dup3", do_dup3},
                                              {"shutdown", do_shutdown},
                                              {"getfl", getfl},
                                              {"setfl", setfl},
                                              {"getfd", getfd},
                                              {"dupfd", dupfd},
                                              {"dupfd-cloexec", dupfd_cloexec},
                                              {"pipe", plain_pipe},
                                              {NULL, NULL}};
