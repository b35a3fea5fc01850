// One client of an echo server, from connect to end: what it sends, in which frames and pieces, how
// it leaves, and whether every byte came back.
//
// All of that follows from the visit's number and the seed.
#pragma once

#include <arpa/inet.h>
#include <stddef.h>

#include "../servers/transfer.h"

enum ending {
  SAYS_CLOSE,   // a Close frame: all bytes come back, then the server's Close
  HALF_CLOSES,  // a FIN after the last frame: the same
  CUTS,         // a FIN in the middle of a frame
  RESETS,       // at some moment
  ENDINGS,
};

enum stage { CONNECTING, SHAKING, TALKING, LEAVING };

struct visit {
  int fd;
  enum stage stage;
  enum ending ending;
  uint32_t dice;
  uint32_t sent_random, expected_random;  // states of generate()
  size_t left;                            // payload bytes still to be put into frames
  size_t sent, received;                  // payload bytes
  bool in_message;                        // a continuation frame is due
  bool half_closed;
  bool was_sent_close;  // by the server
  bool spoiled;         // there was something to complain of
  size_t start, end;    // what `out` holds for the server
  unsigned char out[8192];
  // The frame that is being received.
  size_t header_size;
  unsigned char header[10];
  uint64_t remaining;
  double moved_at;     // seconds: when a byte was received last
  double rests_until;  // nothing is sent before; 0: it does not rest
};

static inline uint32_t roll(struct visit *visit, uint32_t sides) {
  unsigned char bytes[4];
  generate(&visit->dice, bytes, sizeof bytes);
  uint32_t number;
  memcpy(&number, bytes, sizeof number);
  return number % sides;
}

// Appends a frame; its payload is `size` bytes at `payload`.
static inline void put_frame(struct visit *visit, unsigned first, const unsigned char *payload,
                             size_t size) {
  unsigned char *at = visit->out + visit->end;
  *at++ = (unsigned char)first;
  if (size < 126) {
    *at++ = (unsigned char)(0x80 | size);
  } else {
    *at++ = 0x80 | 126;
    *at++ = (unsigned char)(size >> 8);
    *at++ = (unsigned char)size;
  }
  unsigned char mask[4];
  for (int i = 0; i < 4; ++i) *at++ = mask[i] = (unsigned char)roll(visit, 256);
  for (size_t i = 0; i < size; ++i) *at++ = payload[i] ^ mask[i % 4];
  visit->end = (size_t)(at - visit->out);
}

enum { FIN = 0x80, CONTINUATION = 0, BINARY = 2, CLOSE = 8, PING = 9, MOST_PAYLOAD = 4000 };

static inline void put_data(struct visit *visit) {
  static const uint32_t sizes[] = {1, 10, 130, 1000, MOST_PAYLOAD + 1};
  unsigned char payload[MOST_PAYLOAD];
  size_t size = roll(visit, sizes[roll(visit, 5)]);
  if (size > visit->left) size = visit->left;
  generate(&visit->sent_random, payload, size);
  visit->left -= size;
  visit->sent += size;
  const bool last = visit->left == 0 || roll(visit, 3) != 0;
  put_frame(visit, (last ? FIN : 0) | (visit->in_message ? CONTINUATION : BINARY), payload, size);
  visit->in_message = !last;
}

// Makes the next thing to send; nothing when there is no more.
static inline void visit_continue(struct visit *visit) {
  visit->start = visit->end = 0;
  if (visit->stage != TALKING) return;
  if (roll(visit, 16) == 0)
    put_frame(visit, FIN | PING, (const unsigned char *)"are you there?", 14);
  if (visit->left > 0) {
    put_data(visit);
    return;
  }
  visit->stage = LEAVING;
  if (visit->ending == SAYS_CLOSE)
    put_frame(visit, FIN | CLOSE, (const unsigned char *)"\x03\xe8", 2);
  if (visit->ending == CUTS) {
    put_frame(visit, FIN | BINARY, (const unsigned char *)"never complete", 14);
    visit->end -= 1 + roll(visit, 19);
  }
}

// Somebody garbles connections: what a visit has to complain of only ends it.
static bool garbled;

static inline void fail(struct visit *visit, const char *what) {
  if (garbled) {
    visit->spoiled = true;
    return;
  }
  static const char *const endings[] = {"Close", "FIN", "a cut frame", "a reset"};
  fprintf(stderr, "a visit that ends with %s: %s, after %zu bytes sent and %zu received\n",
          endings[visit->ending], what, visit->sent, visit->received);
  exit(1);
}

// Takes payload that came back. What a cut frame held may come back as well, as far as it went.
static inline void check_payload(struct visit *visit, const unsigned char *bytes, size_t size) {
  unsigned char expected[4096];
  while (size > 0 && visit->received < visit->sent) {
    size_t step = size < sizeof expected ? size : sizeof expected;
    if (step > visit->sent - visit->received) step = visit->sent - visit->received;
    generate(&visit->expected_random, expected, step);
    if (memcmp(bytes, expected, step) != 0) fail(visit, "other bytes came back");
    bytes += step;
    size -= step;
    visit->received += step;
  }
  if (size > 0 && visit->ending != CUTS) fail(visit, "more came back than was sent");
}

// The size of the header that begins with these bytes; 2 as long as it is not known.
static inline size_t header_wanted(const unsigned char *header, size_t size) {
  if (size < 2 || header[1] < 126) return 2;
  return header[1] == 126 ? 4 : 10;
}

static inline void begin_frame(struct visit *visit) {
  const unsigned char *header = visit->header;
  if ((header[1] & 0x80) != 0) fail(visit, "a masked frame came");
  visit->remaining = header[1];
  if (header[1] >= 126) {
    visit->remaining = 0;
    for (size_t i = 2; i < visit->header_size; ++i) {
      visit->remaining = visit->remaining << 8 | header[i];
    }
  }
  if ((header[0] & 0x0f) != CLOSE) return;
  if (visit->was_sent_close) fail(visit, "a second Close frame came");
  visit->was_sent_close = true;
}

// Takes what came from the server after the handshake.
static inline void visit_receive(struct visit *visit, const unsigned char *bytes, size_t size) {
  while (size > 0 && !visit->spoiled) {
    const bool in_header = visit->header_size < header_wanted(visit->header, visit->header_size);
    if (in_header) {
      if (visit->was_sent_close && visit->header_size == 0) fail(visit, "bytes came after Close");
      visit->header[visit->header_size++] = *bytes++;
      --size;
      if (visit->header_size == header_wanted(visit->header, visit->header_size)) {
        begin_frame(visit);
      }
    } else {
      const size_t step = visit->remaining < size ? (size_t)visit->remaining : size;
      if ((visit->header[0] & 0x0f) < CLOSE) check_payload(visit, bytes, step);
      visit->remaining -= step;
      bytes += step;
      size -= step;
    }
    const bool whole = visit->header_size == header_wanted(visit->header, visit->header_size);
    if (whole && visit->remaining == 0) visit->header_size = 0;
  }
}

// The stream is over: was that right? `killed`: the server's processes are, now and then.
static inline void visit_check_end(struct visit *visit, bool killed) {
  if (visit->ending == RESETS || killed) return;
  if (!visit->was_sent_close) fail(visit, "the server left without a Close frame");
  if (visit->received < visit->sent) fail(visit, "bytes were lost");
}
