// One read and one write, by each family of calls; and the bytes that tests send and compare.
#pragma once

#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "options.h"

// Three pieces, the middle one empty: what a gather or scatter call may legally be given.
static inline int split(struct iovec *piece, void *buffer, size_t size) {
  const size_t first = size / 3;
  piece[0] = (struct iovec){.iov_base = buffer, .iov_len = first};
  piece[1] = (struct iovec){.iov_base = buffer, .iov_len = 0};
  piece[2] = (struct iovec){.iov_base = (char *)buffer + first, .iov_len = size - first};
  return 3;
}

static inline ssize_t transfer_in(enum io io, int fd, void *buffer, size_t size) {
  struct iovec piece[3];
  switch (io) {
    case IO_READ:
      return read(fd, buffer, size);
    case IO_RECV:
      return recv(fd, buffer, size, 0);
    case IO_READV:
      return readv(fd, piece, split(piece, buffer, size));
    case IO_RECVMSG:
      break;
  }
  struct msghdr message = {.msg_iov = piece, .msg_iovlen = (size_t)split(piece, buffer, size)};
  return recvmsg(fd, &message, 0);
}

static inline ssize_t transfer_out(enum io io, int fd, const void *buffer, size_t size) {
  struct iovec piece[3];
  switch (io) {
    case IO_READ:
      return write(fd, buffer, size);
    case IO_RECV:
      return send(fd, buffer, size, 0);
    case IO_READV:
      return writev(fd, piece, split(piece, (void *)buffer, size));
    case IO_RECVMSG:
      break;
  }
  struct msghdr message = {.msg_iov = piece,
                           .msg_iovlen = (size_t)split(piece, (void *)buffer, size)};
  return sendmsg(fd, &message, 0);
}

// xorshift32, the high byte of each step; test/support/payload.ts makes the same bytes.
static inline void generate(uint32_t *state, unsigned char *out, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    out[i] = (unsigned char)(*state >> 24);
  }
}

static const uint32_t HASH_START = 2166136261u;
static const uint32_t RANDOM_START = 1;

// FNV-1a, 32 bits.
static inline uint32_t hash(uint32_t sum, const unsigned char *bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) sum = (sum ^ bytes[i]) * 16777619u;
  return sum;
}
