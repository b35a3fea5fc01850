// The puppet's calls that let descriptors travel: messages over Unix sockets, and pidfd_getfd.
#include <stdalign.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>

#include "puppet.h"

enum { MOST = 16 };

static const struct name receive_flags[] = {{"cloexec", MSG_CMSG_CLOEXEC},
                                            {"peek", MSG_PEEK},
                                            {"dontwait", MSG_DONTWAIT},
                                            {"ctrunc", MSG_CTRUNC},
                                            {NULL, 0}};

static const char *const ways[] = {"msg", "mmsg", "raw", "raw-mmsg", NULL};
enum way { WAY_MSG, WAY_MMSG, WAY_RAW, WAY_RAW_MMSG };

// One byte, and room for descriptors.
struct envelope {
  char byte;
  struct iovec piece;
  alignas(struct cmsghdr) char control[CMSG_SPACE(MOST * sizeof(int))];
};

static struct msghdr address(struct envelope *envelope, size_t descriptors) {
  envelope->piece = (struct iovec){.iov_base = &envelope->byte, .iov_len = 1};
  return (struct msghdr){.msg_iov = &envelope->piece,
                         .msg_iovlen = 1,
                         .msg_control = envelope->control,
                         .msg_controllen = CMSG_LEN(descriptors * sizeof(int))};
}

// pair: a pair of Unix sockets that keep messages apart
static void pair(struct call *call) {
  int ends[2] = {-1, -1};
  OBSERVE(call, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
  call->result = ends[0];
  note(call, "%d", ends[1]);
}

// send-fds SOCKET WAY FD…: all in one message
static void send_fds(struct call *call) {
  struct envelope envelope = {.byte = 'x'};
  const int to = number(call, 1);
  const enum way way = (enum way)choose(word(call, 2), ways);
  const size_t count = (size_t)call->words - 3;
  if (count > MOST) refuse("so many descriptors");
  struct mmsghdr many = {.msg_hdr = address(&envelope, count)};
  struct cmsghdr *rights = CMSG_FIRSTHDR(&many.msg_hdr);
  *rights = (struct cmsghdr){
      .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int))};
  int *fds = (int *)CMSG_DATA(rights);
  for (size_t i = 0; i < count; ++i) fds[i] = number(call, (int)i + 3);
  switch (way) {
    case WAY_MSG:
      OBSERVE(call, sendmsg(to, &many.msg_hdr, MSG_NOSIGNAL));
      break;
    case WAY_MMSG:
      OBSERVE(call, sendmmsg(to, &many, 1, MSG_NOSIGNAL));
      break;
    case WAY_RAW:
      OBSERVE(call, syscall(SYS_sendmsg, to, &many.msg_hdr, MSG_NOSIGNAL));
      break;
    case WAY_RAW_MMSG:
      OBSERVE(call, syscall(SYS_sendmmsg, to, &many, 1, MSG_NOSIGNAL));
  }
}

// receive-fds SOCKET WAY ROOM [FLAGS]: shows the descriptors that came, and the message's flags
static void receive_fds(struct call *call) {
  struct envelope envelope;
  const int from = number(call, 1), room = number(call, 3);
  const enum way way = (enum way)choose(word(call, 2), ways);
  const int flags = (int)flags_of(word(call, 4), receive_flags);
  struct mmsghdr many = {.msg_hdr = address(&envelope, (size_t)room)};
  struct msghdr *message = &many.msg_hdr;
  switch (way) {
    case WAY_MSG:
      OBSERVE(call, recvmsg(from, message, flags));
      break;
    case WAY_MMSG:
      OBSERVE(call, recvmmsg(from, &many, 1, flags, NULL));
      break;
    case WAY_RAW:
      OBSERVE(call, syscall(SYS_recvmsg, from, message, flags));
      break;
    case WAY_RAW_MMSG:
      OBSERVE(call, syscall(SYS_recvmmsg, from, &many, 1, flags, NULL));
  }
  if (call->result < 0) return;
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
       part = CMSG_NXTHDR(message, part)) {
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const int *fds = (const int *)CMSG_DATA(part);
    for (size_t i = 0; i < count; ++i) note(call, "%d ", fds[i]);
  }
  note(call, "flags=");
  note_names(call, (unsigned)message->msg_flags, receive_flags);
}

// take FD: a copy of a descriptor of the child that `hold` made
static void take(struct call *call) {
  const int process = (int)syscall(SYS_pidfd_open, holder, 0);
  if (process < 0) die("pidfd_open");
  OBSERVE(call, syscall(SYS_pidfd_getfd, process, number(call, 1), 0));
  close(process);
}

// take-by-libc FD: the same by libc's own function
static void take_by_libc(struct call *call) {
  const int process = (int)syscall(SYS_pidfd_open, holder, 0);
  if (process < 0) die("pidfd_open");
  OBSERVE(call, pidfd_getfd(process, number(call, 1), 0));
  close(process);
}

const struct command passing_commands[] = {
    {"pair", pair}, {"send-fds", send_fds},         {"receive-fds", receive_fds},
    {"take", take}, {"take-by-libc", take_by_libc}, {NULL, NULL}};
