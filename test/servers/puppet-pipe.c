// The puppet's calls that move bytes between a connection and a pipe, and those that demand a
// position, which a connection has not.
#include <sys/mman.h>

#include "puppet.h"

static const struct name splice_flags[] = {{"move", SPLICE_F_MOVE}, {"nonblock", SPLICE_F_NONBLOCK},
                                           {"more", SPLICE_F_MORE}, {"gift", SPLICE_F_GIFT},
                                           {"unknown", 1u << 30},   {NULL, 0}};

// pipe-of SIZE [CONTENT]: a pipe that holds SIZE bytes at most, and how many of x are in it; the
// result is its reading end, the writing end is told.
static void pipe_of(struct call *call) {
  static unsigned char content[1 << 20];
  int ends[2];
  const int size = number(call, 1), filled = call->words > 2 ? number(call, 2) : 0;
  if ((size_t)filled > sizeof content) refuse(call->line);
  memset(content, 'x', sizeof content);
  OBSERVE(call, pipe(ends));
  if (call->result < 0 || fcntl(ends[1], F_SETPIPE_SZ, size) < 0) die("pipe");
  if (write(ends[1], content, (size_t)filled) != filled) die("write");
  call->result = ends[0];
  note(call, "%d", ends[1]);
}

// splice IN OUT SIZE FLAGS [in|out]: with an offset for that side
static void do_splice(struct call *call) {
  const int in = number(call, 1), out = number(call, 2);
  const size_t size = (size_t)number(call, 3);
  const unsigned flags = flags_of(word(call, 4), splice_flags);
  loff_t offset = 0;
  loff_t *const in_offset = strcmp(word(call, 5), "in") == 0 ? &offset : NULL;
  loff_t *const out_offset = strcmp(word(call, 5), "out") == 0 ? &offset : NULL;
  OBSERVE(call, splice(in, in_offset, out, out_offset, size, flags));
}

// tee IN OUT SIZE
static void do_tee(struct call *call) {
  const int in = number(call, 1), out = number(call, 2);
  OBSERVE(call, tee(in, out, (size_t)number(call, 3), 0));
}

// vmsplice FD
static void do_vmsplice(struct call *call) {
  static char byte = 'x';
  const struct iovec piece = {.iov_base = &byte, .iov_len = 1};
  OBSERVE(call, vmsplice(number(call, 1), &piece, 1, 0));
}

// copy_file_range IN OUT SIZE
static void do_copy_file_range(struct call *call) {
  const int in = number(call, 1), out = number(call, 2);
  OBSERVE(call, copy_file_range(in, NULL, out, NULL, (size_t)number(call, 3), 0));
}

// pread, pwrite, preadv, pwritev FD, at position 0; preadv2, pwritev2 with a position are
// positioned-read and positioned-write
static void do_pread(struct call *call) {
  char byte = 'x';
  OBSERVE(call, pread(number(call, 1), &byte, 1, 0));
}

static void do_pwrite(struct call *call) {
  const char byte = 'x';
  OBSERVE(call, pwrite(number(call, 1), &byte, 1, 0));
}

static void do_preadv(struct call *call) {
  char byte = 'x';
  const struct iovec piece = {.iov_base = &byte, .iov_len = 1};
  OBSERVE(call, preadv(number(call, 1), &piece, 1, 0));
}

static void do_pwritev(struct call *call) {
  char byte = 'x';
  const struct iovec piece = {.iov_base = &byte, .iov_len = 1};
  OBSERVE(call, pwritev(number(call, 1), &piece, 1, 0));
}

static void positioned_read(struct call *call) {
  char byte = 'x';
  const struct iovec piece = {.iov_base = &byte, .iov_len = 1};
  OBSERVE(call, preadv2(number(call, 1), &piece, 1, 0, 0));
}

static void positioned_write(struct call *call) {
  char byte = 'x';
  const struct iovec piece = {.iov_base = &byte, .iov_len = 1};
  OBSERVE(call, pwritev2(number(call, 1), &piece, 1, 0, 0));
}

static void do_lseek(struct call *call) { OBSERVE(call, lseek(number(call, 1), 0, SEEK_CUR)); }

// file SIZE: a file of so many bytes of x, at its beginning; truncate FD SIZE; seek FD POSITION
static void file(struct call *call) {
  const size_t size = (size_t)number(call, 1);
  OBSERVE(call, memfd_create("file", MFD_CLOEXEC));
  if (call->result < 0 || ftruncate((int)call->result, (off_t)size) < 0) die("memfd");
  char *const content = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, (int)call->result, 0);
  if (content == MAP_FAILED) die("mmap");
  memset(content, 'x', size);
  munmap(content, size);
}

static void do_truncate(struct call *call) {
  OBSERVE(call, ftruncate(number(call, 1), number(call, 2)));
}

const struct command pipe_commands[] = {{"pipe-of", pipe_of},
                                        {"splice", do_splice},
                                        {"tee", do_tee},
                                        {"vmsplice", do_vmsplice},
                                        {"copy_file_range", do_copy_file_range},
                                        {"pread", do_pread},
                                        {"pwrite", do_pwrite},
                                        {"preadv", do_preadv},
                                        {"pwritev", do_pwritev},
                                        {"positioned-read", positioned_read},
                                        {"positioned-write", positioned_write},
                                        {"lseek", do_lseek},
                                        {"file", file},
                                        {"truncate", do_truncate},
                                        {NULL, NULL}};
