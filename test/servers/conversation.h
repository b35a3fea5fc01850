// One connection of a server that blocks in it, from its first byte to its close.
#pragma once

#include "transfer.h"

static inline bool transmit_all(enum io io, int fd, const unsigned char *bytes, size_t size) {
  while (size > 0) {
    const ssize_t put = transfer_out(io, fd, bytes, size);
    if (put < 0) return false;
    bytes += put;
    size -= (size_t)put;
  }
  return true;
}

static inline bool converse(int fd, const struct options *options, unsigned char *buffer,
                            uint64_t *received, uint32_t *sum) {
  uint32_t random = RANDOM_START;
  if (options->mode == MODE_SOURCE || options->mode == MODE_SPILL) {
    for (size_t left = options->bytes; left > 0;) {
      const size_t size = left < options->buffer ? left : options->buffer;
      generate(&random, buffer, size);
      if (!transmit_all(options->io, fd, buffer, size)) return false;
      left -= size;
    }
    if (options->mode == MODE_SPILL) return true;
    shutdown(fd, SHUT_WR);
  }
  for (;;) {
    const ssize_t got = transfer_in(options->io, fd, buffer, options->buffer);
    if (got < 0) return false;
    if (got == 0) break;
    *sum = hash(*sum, buffer, (size_t)got);
    *received += (uint64_t)got;
    if (options->mode == MODE_ECHO && !transmit_all(options->io, fd, buffer, (size_t)got)) {
      return false;
    }
  }
  if (options->mode != MODE_SINK) return true;
  char answer[64];
  const int size = sprintf(answer, "%lu %08x", (unsigned long)*received, *sum);
  return transmit_all(options->io, fd, (unsigned char *)answer, (size_t)size);
}

// The compiler knows the size of the buffer but not that of a read: built with FORTIFY, each read
// goes through the checking variant of its call.
static inline void serve_blocking(int fd, const struct options *options) {
  unsigned char buffer[65536];
  uint64_t received = 0;
  uint32_t sum = HASH_START;
  if (converse(fd, options, buffer, &received, &sum)) {
    printf("%s %lu %08x\n", options->mode == MODE_SPILL ? "close" : "end", (unsigned long)received,
           sum);
  } else if (errno == ECONNRESET || errno == EPIPE) {
    printf("reset\n");
  } else {
    die("connection");
  }
  close(fd);
}

// A child process per client, which ends when it has served it; the parent closes its copy at once.
static inline __attribute__((noreturn)) void fork_for_each_client(
    int listener, const struct options *options, void (*serve)(int, const struct options *)) {
  for (;;) {
    const int fd = accept_client(listener);
    if (fd < 0) continue;
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
      close(listener);
      serve(fd, options);
      exit(0);
    }
    close(fd);
  }
}
