// The puppet's calls that ask a connection for its state and set its options.
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "puppet.h"

// fionread FD
static void fionread(struct call *call) {
  const int fd = number(call, 1);
  int count = -1;
  OBSERVE(call, ioctl(fd, FIONREAD, &count));
  note(call, "%d", count);
}

// siocoutq FD: whether anything that was sent is not acknowledged yet; siocatmark FD
static void siocoutq(struct call *call) {
  int count = -1;
  OBSERVE(call, ioctl(number(call, 1), SIOCOUTQ, &count));
  note(call, "%s", count > 0 ? "some" : "none");
}

static void siocatmark(struct call *call) {
  int mark = -1;
  OBSERVE(call, ioctl(number(call, 1), SIOCATMARK, &mark));
  note(call, "%d", mark);
}

// fionbio FD 0|1
static void fionbio(struct call *call) {
  int on = number(call, 2);
  OBSERVE(call, ioctl(number(call, 1), FIONBIO, &on));
}

static volatile sig_atomic_t signals_of_input;

static void on_input(int number) {
  (void)number;
  ++signals_of_input;
}

// fioasync FD: from now on SIGIO tells of input; sigio TIMEOUT: waits until it did
static void fioasync(struct call *call) {
  const struct sigaction how = {.sa_handler = on_input, .sa_flags = SA_RESTART};
  const int fd = number(call, 1);
  int on = 1;
  sigaction(SIGIO, &how, NULL);
  if (fcntl(fd, F_SETOWN, getpid()) < 0) die("F_SETOWN");
  OBSERVE(call, ioctl(fd, FIOASYNC, &on));
}

static void sigio(struct call *call) {
  const double end = now(CLOCK_MONOTONIC) + number(call, 1);
  while (signals_of_input == 0 && now(CLOCK_MONOTONIC) < end) usleep(1000);
  call->result = signals_of_input > 0;
  call->error = UNTOUCHED;
  signals_of_input = 0;
}

// option FD rcvtimeo|sndtimeo MILLISECONDS, option FD linger SECONDS,
// option FD sndbuf|rcvbuf|rcvlowat NUMBER
static void option(struct call *call) {
  const struct name options[] = {
      {"sndbuf", SO_SNDBUF}, {"rcvbuf", SO_RCVBUF}, {"rcvlowat", SO_RCVLOWAT}, {NULL, 0}};
  const int fd = number(call, 1), value = number(call, 3);
  const char *which = word(call, 2);
  if (strcmp(which, "linger") == 0) {
    const struct linger linger = {.l_onoff = 1, .l_linger = value};
    OBSERVE(call, setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  } else if (strcmp(which, "rcvtimeo") == 0 || strcmp(which, "sndtimeo") == 0) {
    const int name = which[0] == 'r' ? SO_RCVTIMEO : SO_SNDTIMEO;
    const struct timeval time = {.tv_sec = value / 1000, .tv_usec = value % 1000 * 1000};
    OBSERVE(call, setsockopt(fd, SOL_SOCKET, name, &time, sizeof time));
  } else {
    const int name = (int)flags_of(which, options);
    OBSERVE(call, setsockopt(fd, SOL_SOCKET, name, &value, sizeof value));
  }
}

// pending-error FD: SO_ERROR
static void pending_error(struct call *call) {
  const int fd = number(call, 1);
  int error = 0;
  socklen_t size = sizeof error;
  OBSERVE(call, getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size));
  note(call, "%s", error == 0 ? "none" : strerrorname_np(error));
}

// bytes-received FD: how many bytes the kernel has had from the peer, read or not
static void bytes_received(struct call *call) {
  struct tcp_info info;
  socklen_t size = sizeof info;
  OBSERVE(call, getsockopt(number(call, 1), IPPROTO_TCP, TCP_INFO, &info, &size));
  if (call->result == 0) call->result = (long)info.tcpi_bytes_received;
}

// getsockopt FD rcvlowat|acceptconn|type
static void do_getsockopt(struct call *call) {
  const struct name options[] = {
      {"rcvlowat", SO_RCVLOWAT}, {"acceptconn", SO_ACCEPTCONN}, {"type", SO_TYPE}, {NULL, 0}};
  const int fd = number(call, 1), name = (int)flags_of(word(call, 2), options);
  int value = -1;
  socklen_t size = sizeof value;
  OBSERVE(call, getsockopt(fd, SOL_SOCKET, name, &value, &size));
  note(call, "%d", value);
}

const struct command control_commands[] = {{"fionread", fionread},
                                           {"siocoutq", siocoutq},
                                           {"siocatmark", siocatmark},
                                           {"fionbio", fionbio},
                                           {"fioasync", fioasync},
                                           {"sigio", sigio},
                                           {"option", option},
                                           {"pending-error", pending_error},
                                           {"bytes-received", bytes_received},
                                           {"getsockopt", do_getsockopt},
                                           {NULL, NULL}};
