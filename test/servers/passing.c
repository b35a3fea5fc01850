// Workers that were started before the port was opened. Each connection goes to one of them in a
// message, and the process that accepted it closes its own copy at once.
#include "conversation.h"

enum { WORKERS = 3 };

// One byte and one descriptor.
struct parcel {
  char byte;
  struct iovec piece;
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  struct msghdr message;
};

static void wrap(struct parcel *parcel) {
  parcel->piece = (struct iovec){.iov_base = &parcel->byte, .iov_len = 1};
  parcel->message = (struct msghdr){.msg_iov = &parcel->piece,
                                    .msg_iovlen = 1,
                                    .msg_control = parcel->control,
                                    .msg_controllen = sizeof parcel->control};
}

static void give(int channel, int fd) {
  struct parcel parcel = {.byte = 'x'};
  wrap(&parcel);
  struct cmsghdr *rights = CMSG_FIRSTHDR(&parcel.message);
  *rights = (struct cmsghdr){
      .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
  memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  if (sendmsg(channel, &parcel.message, 0) != 1) die("sendmsg");
}

static int take(int channel) {
  struct parcel parcel;
  wrap(&parcel);
  if (recvmsg(channel, &parcel.message, 0) != 1) die("recvmsg");
  int fd;
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&parcel.message)), sizeof fd);
  return fd;
}

int main(int argc, char **argv) {
  const char *channel = getenv("CHANNEL");
  if (channel != NULL) {
    const struct options options = parse_options(argc, argv);
    settle();
    for (;;) serve_blocking(take(atoi(channel)), &options);
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0) die("socketpair");
  char name[16];
  snprintf(name, sizeof name, "%d", ends[1]);
  setenv("CHANNEL", name, 1);
  for (int i = 0; i < WORKERS; ++i) {
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
      execv("/proc/self/exe", argv);
      die("execv");
    }
  }
  const struct options options = parse_options(argc, argv);
  const int listener = start_server(&options);
  announce(&options);
  for (;;) {
    const int fd = accept_client(listener);
    if (fd < 0) continue;
    give(ends[0], fd);
    close(fd);
  }
}
