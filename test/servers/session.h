// One connection of a server that never blocks in it, for any loop that waits for readiness.
//
// The loop calls session_receive and session_transmit when the connection is ready and asks
// session_wants what to wait for next. A level-triggered loop moves once per readiness, and treats
// readiness that turns out to be empty as the fatal error that it is for a server with blocking
// sockets.
#pragma once

#include <poll.h>

#include "transfer.h"

struct session {
  int fd;
  bool open;
  bool ended;   // the peer's end was read
  bool failed;  // the connection broke
  uint64_t received;
  uint32_t sum;
  size_t start, end;  // what `buffer` holds for the peer
  size_t left;        // what a source still has to make
  uint32_t random;
  unsigned char *buffer;
};

enum step { STEP_MOVED, STEP_SHORT, STEP_BLOCKED };

static inline void session_open(struct session *session, int fd, const struct options *options) {
  const bool makes = options->mode == MODE_SOURCE || options->mode == MODE_SPILL;
  *session = (struct session){.fd = fd,
                              .open = true,
                              .sum = HASH_START,
                              .left = makes ? options->bytes : 0,
                              .random = RANDOM_START,
                              .buffer = malloc(options->buffer < 64 ? 64 : options->buffer)};
  if (session->buffer == NULL) die("malloc");
  set_nonblocking(fd);
}

static inline void session_fail(struct session *session) {
#ifndef TOLERANT
  if (errno != ECONNRESET && errno != EPIPE) die("connection");
#endif
  session->failed = true;
}

// What to wait for: POLLIN, POLLOUT, both, or 0 when the session is over.
static inline short session_wants(const struct session *session, const struct options *options) {
  const bool sending = session->start < session->end || session->left > 0;
  if (session->failed) return 0;
  if (options->mode == MODE_SPILL) return sending ? POLLOUT : 0;
  if (options->mode == MODE_ECHO && sending) return POLLOUT;
  return (short)((sending ? POLLOUT : 0) | (session->ended ? 0 : POLLIN));
}

// One read.
static inline enum step session_receive(struct session *session, const struct options *options) {
  unsigned char trash[65536];
  const bool keep = options->mode == MODE_ECHO;
  unsigned char *into = keep ? session->buffer : trash;
  const size_t room = keep || options->buffer < sizeof trash ? options->buffer : sizeof trash;
  const ssize_t got = transfer_in(options->io, session->fd, into, room);
  if (got < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return STEP_BLOCKED;
    session_fail(session);
    return STEP_MOVED;
  }
  if (got == 0) {
    session->ended = true;
    if (options->mode == MODE_SINK) {
      session->start = 0;
      session->end = (size_t)sprintf((char *)session->buffer, "%lu %08x",
                                     (unsigned long)session->received, session->sum);
    }
    return STEP_MOVED;
  }
  session->sum = hash(session->sum, into, (size_t)got);
  session->received += (uint64_t)got;
  if (keep) {
    session->start = 0;
    session->end = (size_t)got;
  }
  return (size_t)got < room ? STEP_SHORT : STEP_MOVED;
}

// One write of what there is to send.
static inline enum step session_transmit(struct session *session, const struct options *options) {
  if (session->start == session->end) {
    session->start = 0;
    session->end = session->left < options->buffer ? session->left : options->buffer;
    session->left -= session->end;
    generate(&session->random, session->buffer, session->end);
  }
  const size_t size = session->end - session->start;
  const ssize_t put =
      transfer_out(options->io, session->fd, session->buffer + session->start, size);
  if (put < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return STEP_BLOCKED;
    session_fail(session);
    return STEP_MOVED;
  }
  session->start += (size_t)put;
  if (options->mode == MODE_SOURCE && session->start == session->end && session->left == 0) {
    shutdown(session->fd, SHUT_WR);
  }
  return (size_t)put < size ? STEP_SHORT : STEP_MOVED;
}

static inline void session_close(struct session *session) {
  if (session->failed) {
    printf("reset\n");
  } else {
    printf("%s %lu %08x\n", session->ended ? "end" : "close", (unsigned long)session->received,
           session->sum);
  }
  free(session->buffer);
  close(session->fd);
  session->open = false;
}

// Readiness that there was not. With -DTOLERANT that is no reason to give up.
static inline void spurious(const char *what) {
#ifndef TOLERANT
  fprintf(stderr, "spurious readiness to %s\n", what);
  abort();
#else
  (void)what;
#endif
}

// What a level-triggered loop does with a ready connection. Returns what session_wants() returns
// afterwards; the session is closed when that is 0.
static inline short session_serve_level(struct session *session, const struct options *options,
                                        short ready) {
  const short wanted = session_wants(session, options);
  const bool broken = (ready & (POLLHUP | POLLERR)) != 0;
  if ((wanted & POLLIN) && ((ready & POLLIN) || broken)) {
    if (session_receive(session, options) == STEP_BLOCKED) spurious("read");
  }
  if ((wanted & POLLOUT) && ((ready & POLLOUT) || broken) && !session->failed) {
    if (session_transmit(session, options) == STEP_BLOCKED) spurious("write");
  }
  const short wants = session_wants(session, options);
  if (wants == 0) session_close(session);
  return wants;
}
