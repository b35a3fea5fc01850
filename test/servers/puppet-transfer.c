// The puppet's calls that move bytes.
//
// Data to send is written text:…, hex:…, repeat:HEX:TIMES, or make:SIZE:SEED for pseudo-random
// bytes. Data received is shown as text when it is short and printable, else as its size and hash.
#include <ctype.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "puppet.h"

enum { MAX_PIECES = 8 };

static const struct name message_flags[] = {{"dontwait", MSG_DONTWAIT},
                                            {"nosignal", MSG_NOSIGNAL},
                                            {"peek", MSG_PEEK},
                                            {"waitall", MSG_WAITALL},
                                            {"trunc", MSG_TRUNC},
                                            {"ctrunc", MSG_CTRUNC},
                                            {"oob", MSG_OOB},
                                            {"more", MSG_MORE},
                                            {"errqueue", MSG_ERRQUEUE},
                                            {"eor", MSG_EOR},
                                            {"confirm", MSG_CONFIRM},
                                            {"dontroute", MSG_DONTROUTE},
                                            {"waitforone", MSG_WAITFORONE},
                                            {"cmsg-cloexec", MSG_CMSG_CLOEXEC},
                                            {NULL, 0}};

// Memory of a thread's own, kept: a thread has one call at a time.
unsigned char *room(void) {
  static _Thread_local unsigned char *memory;
  if (memory == NULL) {
    memory = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("mmap");
  }
  return memory;
}

void note_data(struct call *call, const unsigned char *bytes) {
  if (call->result <= 0) return;
  const size_t size = (size_t)call->result;
  bool printable = size <= 200;
  for (size_t i = 0; printable && i < size; ++i) printable = isgraph(bytes[i]) != 0;
  if (printable) {
    note(call, "text:%.*s", (int)size, (const char *)bytes);
  } else {
    note(call, "data:%zu:%08x", size, hash(HASH_START, bytes, size));
  }
}

// Pairs of hexadecimal digits as bytes.
static size_t unhex(const char *text, unsigned char *out) {
  size_t size = 0;
  for (unsigned byte; sscanf(text + 2 * size, "%2x", &byte) == 1; ++size) {
    out[size] = (unsigned char)byte;
  }
  return size;
}

// Writes the data that a word describes to `out` and returns its size.
size_t data(const char *text, unsigned char *out) {
  if (strncmp(text, "text:", 5) == 0) {
    memcpy(out, text + 5, strlen(text + 5));
    return strlen(text + 5);
  }
  if (strncmp(text, "hex:", 4) == 0) return unhex(text + 4, out);
  unsigned times;
  if (sscanf(text, "repeat:%*[0-9a-f]:%u", &times) == 1) {
    const size_t once = unhex(text + 7, out);
    if (times * once > ROOM) refuse(text);
    for (unsigned i = 1; i < times; ++i) memcpy(out + i * once, out, once);
    return times * once;
  }
  unsigned size, seed;
  if (sscanf(text, "make:%u:%u", &size, &seed) != 2 || size > ROOM) refuse(text);
  generate(&seed, out, size);
  return size;
}

// Pieces from the sizes that words `first` and on give, laid end to end.
static int pieces_to_fill(const struct call *call, int first, struct iovec *piece) {
  unsigned char *at = room();
  int count = 0;
  for (int i = first; i < call->words && count < MAX_PIECES; ++i, ++count) {
    piece[count] = (struct iovec){.iov_base = at, .iov_len = (size_t)number(call, i)};
    at += piece[count].iov_len;
  }
  return count;
}

static int pieces_to_send(const struct call *call, int first, struct iovec *piece) {
  unsigned char *at = room();
  int count = 0;
  for (int i = first; i < call->words && count < MAX_PIECES; ++i, ++count) {
    piece[count] = (struct iovec){.iov_base = at, .iov_len = data(word(call, i), at)};
    at += piece[count].iov_len;
  }
  return count;
}

// read FD SIZE
static void do_read(struct call *call) {
  const int fd = number(call, 1);
  const size_t size = (size_t)number(call, 2);
  unsigned char *buffer = room();
  OBSERVE(call, read(fd, buffer, size));
  note_data(call, buffer);
}

// recv FD SIZE FLAGS
static void do_recv(struct call *call) {
  const int fd = number(call, 1);
  const size_t size = (size_t)number(call, 2);
  const int flags = (int)flags_of(word(call, 3), message_flags);
  unsigned char *buffer = room();
  OBSERVE(call, recv(fd, buffer, size, flags));
  // With MSG_TRUNC nothing is written there.
  if ((flags & MSG_TRUNC) == 0) note_data(call, buffer);
}

// recvfrom FD SIZE FLAGS
static void do_recvfrom(struct call *call) {
  const int fd = number(call, 1);
  const size_t size = (size_t)number(call, 2);
  const int flags = (int)flags_of(word(call, 3), message_flags);
  unsigned char *buffer = room();
  struct sockaddr_storage peer;
  socklen_t peer_size = sizeof peer;
  OBSERVE(call, recvfrom(fd, buffer, size, flags, (struct sockaddr *)&peer, &peer_size));
  note_data(call, buffer);
  if (call->result >= 0) note(call, " name=%u", (unsigned)peer_size);
}

// readv FD SIZE…
static void do_readv(struct call *call) {
  struct iovec piece[MAX_PIECES];
  const int fd = number(call, 1);
  const int count = pieces_to_fill(call, 2, piece);
  OBSERVE(call, readv(fd, piece, count));
  note_data(call, room());
}

// recvmsg FD FLAGS SIZE…; shows what the message's own fields became
static void do_recvmsg(struct call *call) {
  struct iovec piece[MAX_PIECES];
  char control[256];
  const int fd = number(call, 1);
  const int flags = (int)flags_of(word(call, 2), message_flags);
  struct msghdr message = {.msg_iov = piece,
                           .msg_iovlen = (size_t)pieces_to_fill(call, 3, piece),
                           .msg_control = control,
                           .msg_controllen = sizeof control,
                           .msg_flags = -1};
  OBSERVE(call, recvmsg(fd, &message, flags));
  note_data(call, room());
  if (call->result < 0) return;
  note(call, " control=%zu flags=", (size_t)message.msg_controllen);
  note_names(call, (unsigned)message.msg_flags, message_flags);
}

// write FD DATA
static void do_write(struct call *call) {
  const int fd = number(call, 1);
  unsigned char *buffer = room();
  const size_t size = data(word(call, 2), buffer);
  OBSERVE(call, write(fd, buffer, size));
}

// send FD DATA FLAGS
static void do_send(struct call *call) {
  const int fd = number(call, 1);
  unsigned char *buffer = room();
  const size_t size = data(word(call, 2), buffer);
  const int flags = (int)flags_of(word(call, 3), message_flags);
  OBSERVE(call, send(fd, buffer, size, flags));
}

// sendto FD DATA FLAGS
static void do_sendto(struct call *call) {
  const int fd = number(call, 1);
  unsigned char *buffer = room();
  const size_t size = data(word(call, 2), buffer);
  const int flags = (int)flags_of(word(call, 3), message_flags);
  OBSERVE(call, sendto(fd, buffer, size, flags, NULL, 0));
}

// writev FD DATA…
static void do_writev(struct call *call) {
  struct iovec piece[MAX_PIECES];
  const int fd = number(call, 1);
  const int count = pieces_to_send(call, 2, piece);
  OBSERVE(call, writev(fd, piece, count));
}

// sendmsg FD FLAGS DATA…
static void do_sendmsg(struct call *call) {
  struct iovec piece[MAX_PIECES];
  const int fd = number(call, 1);
  const int flags = (int)flags_of(word(call, 2), message_flags);
  const struct msghdr message = {.msg_iov = piece,
                                 .msg_iovlen = (size_t)pieces_to_send(call, 3, piece)};
  OBSERVE(call, sendmsg(fd, &message, flags));
}

// recvmsg-pieces, sendmsg-pieces FD COUNT: so many pieces of a byte each; -1 for one that is
// nowhere
static struct msghdr many_pieces(struct call *call) {
  static struct iovec piece[2048];
  const int count = number(call, 2);
  for (size_t i = 0; i < sizeof piece / sizeof *piece; ++i) {
    piece[i] = (struct iovec){.iov_base = room() + i, .iov_len = 1};
  }
  if (count < 0) return (struct msghdr){.msg_iovlen = 1};
  return (struct msghdr){.msg_iov = piece, .msg_iovlen = (size_t)count};
}

static void recvmsg_pieces(struct call *call) {
  struct msghdr message = many_pieces(call);
  OBSERVE(call, recvmsg(number(call, 1), &message, 0));
}

static void sendmsg_pieces(struct call *call) {
  const struct msghdr message = many_pieces(call);
  OBSERVE(call, sendmsg(number(call, 1), &message, 0));
}

// recvmmsg FD FLAGS TIMEOUT SIZE…: one message for each size; TIMEOUT in milliseconds, -1 for none
static void do_recvmmsg(struct call *call) {
  struct iovec piece[MAX_PIECES];
  struct mmsghdr message[MAX_PIECES] = {0};
  const int fd = number(call, 1);
  const int flags = (int)flags_of(word(call, 2), message_flags), timeout = number(call, 3);
  const int count = pieces_to_fill(call, 4, piece);
  for (int i = 0; i < count; ++i) {
    message[i].msg_hdr = (struct msghdr){.msg_iov = &piece[i], .msg_iovlen = 1};
  }
  struct timespec limit = {.tv_sec = timeout / 1000, .tv_nsec = timeout % 1000 * 1000000L};
  OBSERVE(call, recvmmsg(fd, message, (unsigned)count, flags, timeout < 0 ? NULL : &limit));
  for (long i = 0; i < call->result; ++i) {
    note(call, "%.*s,", (int)message[i].msg_len, (const char *)piece[i].iov_base);
  }
}

// sendmmsg FD DATA…: one message for each
static void do_sendmmsg(struct call *call) {
  struct iovec piece[MAX_PIECES];
  struct mmsghdr message[MAX_PIECES] = {0};
  const int fd = number(call, 1);
  const int count = pieces_to_send(call, 2, piece);
  for (int i = 0; i < count; ++i) {
    message[i].msg_hdr = (struct msghdr){.msg_iov = &piece[i], .msg_iovlen = 1};
  }
  OBSERVE(call, sendmmsg(fd, message, (unsigned)count, 0));
  for (long i = 0; i < call->result; ++i) note(call, "%u,", message[i].msg_len);
}

// preadv2 FD FLAGS SIZE…; pwritev2 FD FLAGS DATA…; both at the offset that stands for none
static const struct name vector_flags[] = {{"nowait", RWF_NOWAIT}, {"hipri", RWF_HIPRI}, {NULL, 0}};

static void do_preadv2(struct call *call) {
  struct iovec piece[MAX_PIECES];
  const int fd = number(call, 1);
  const int flags = (int)flags_of(word(call, 2), vector_flags);
  const int count = pieces_to_fill(call, 3, piece);
  OBSERVE(call, preadv2(fd, piece, count, -1, flags));
  note_data(call, room());
}

static void do_pwritev2(struct call *call) {
  struct iovec piece[MAX_PIECES];
  const int fd = number(call, 1);
  const int flags = (int)flags_of(word(call, 2), vector_flags);
  const int count = pieces_to_send(call, 3, piece);
  OBSERVE(call, pwritev2(fd, piece, count, -1, flags));
}

// sendfile FD OFFSET COUNT DATA: DATA is the file's content. OFFSET "at" uses the file's position.
static void do_sendfile(struct call *call) {
  const int fd = number(call, 1);
  const size_t count = (size_t)number(call, 3);
  const size_t size = data(word(call, 4), room());
  const int file = memfd_create("content", MFD_CLOEXEC);
  if (file < 0 || write(file, room(), size) != (ssize_t)size) die("memfd");
  lseek(file, 0, SEEK_SET);
  if (strcmp(word(call, 2), "at") == 0) {
    OBSERVE(call, sendfile(fd, file, NULL, count));
    note(call, "position=%ld", (long)lseek(file, 0, SEEK_CUR));
  } else {
    off_t offset = number(call, 2);
    OBSERVE(call, sendfile(fd, file, &offset, count));
    note(call, "offset=%ld position=%ld", (long)offset, (long)lseek(file, 0, SEEK_CUR));
  }
  close(file);
}

// sendfile-from FD FILE COUNT: from a descriptor, at its position
static void sendfile_from(struct call *call) {
  const int fd = number(call, 1), file = number(call, 2), count = number(call, 3);
  OBSERVE(call, sendfile(fd, file, NULL, (size_t)count));
}

// read-all FD: reads to the end, in pieces; send-all FD DATA: writes until all is taken.
static void read_all(struct call *call) {
  const int fd = number(call, 1);
  unsigned char *buffer = room();
  size_t have = 0;
  ssize_t got;
  while ((got = read(fd, buffer + have, ROOM - have)) > 0) have += (size_t)got;
  call->error = got < 0 ? errno : UNTOUCHED;
  call->result = got < 0 ? -1 : (long)have;
  note_data(call, buffer);
}

static void send_all(struct call *call) {
  const int fd = number(call, 1);
  unsigned char *buffer = room();
  const size_t size = data(word(call, 2), buffer);
  size_t done = 0;
  ssize_t put = 0;
  while (done < size && (put = write(fd, buffer + done, size - done)) >= 0) done += (size_t)put;
  call->error = put < 0 ? errno : UNTOUCHED;
  call->result = put < 0 ? -1 : (long)done;
}

// read-often FD TIMES: reads that often, whatever comes of it; shows the longest time that one took
static void read_often(struct call *call) {
  const int fd = number(call, 1);
  double longest = 0;
  for (int i = number(call, 2); i > 0; --i) {
    const double before = now(CLOCK_MONOTONIC);
    const ssize_t got = read(fd, room(), ROOM);
    const double took = now(CLOCK_MONOTONIC) - before;
    if (took > longest) longest = took;
    if (got >= 0 || errno != EAGAIN) refuse("payload, an end or an error");
  }
  call->error = UNTOUCHED;
  note(call, "%.3f", longest);
}

const struct command transfer_commands[] = {{"read", do_read},
                                            {"recv", do_recv},
                                            {"recvfrom", do_recvfrom},
                                            {"readv", do_readv},
                                            {"recvmsg", do_recvmsg},
                                            {"write", do_write},
                                            {"send", do_send},
                                            {"sendto", do_sendto},
                                            {"writev", do_writev},
                                            {"sendmsg", do_sendmsg},
                                            {"read-all", read_all},
                                            {"send-all", send_all},
                                            {"read-often", read_often},
                                            {"recvmmsg", do_recvmmsg},
                                            {"sendmmsg", do_sendmmsg},
                                            {"preadv2", do_preadv2},
                                            {"pwritev2", do_pwritev2},
                                            {"sendfile", do_sendfile},
                                            {"recvmsg-pieces", recvmsg_pieces},
                                            {"sendmsg-pieces", sendmsg_pieces},
                                            {"sendfile-from", sendfile_from},
                                            {NULL, NULL}};
