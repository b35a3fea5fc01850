#include "shim/handover.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

#include "shim/fds.h"
#include "shim/kernel.h"
#include "shim/socket.h"

namespace wswrap::handover {
namespace {

// What goes along with the descriptor.
struct Parcel {
  clients::Client::State state;
  bool raw;
  std::uint32_t index;
  socklen_t address_size;
  sockaddr_in6 address;
  Nanoseconds since;
};

// A message with a parcel and room for one descriptor.
struct Envelope {
  Parcel parcel{};
  iovec iov{&parcel, sizeof parcel};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};

  Envelope() {
    message.msg_iov = &iov;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = sizeof control;
  }
  Envelope(const Envelope&) = delete;
  Envelope& operator=(const Envelope&) = delete;
};

}  // namespace

bool open(int& give, int& take) {
  int pair[2] = {-1, -1};
  constexpr int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
  if (kernel::invoke(SYS_socketpair, AF_UNIX, type, 0, pair) < 0) return false;
  give = fds::hide(pair[0]);
  take = fds::hide(pair[1]);
  return true;
}

bool put(int give, const clients::Client& client) {
  Envelope envelope;
  envelope.parcel = {.state = client.state,
                     .raw = client.raw,
                     .index = client.index,
                     .address_size = client.address_size,
                     .address = client.address,
                     .since = client.since};
  cmsghdr* rights = CMSG_FIRSTHDR(&envelope.message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &client.fd, sizeof client.fd);
  const long sent =
      kernel::invoke(SYS_sendmsg, give, &envelope.message, MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent == static_cast<long>(sizeof(Parcel));
}

bool get(int take, clients::Client& client) {
  Envelope envelope;
  const long got =
      kernel::invoke(SYS_recvmsg, take, &envelope.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const cmsghdr* rights = CMSG_FIRSTHDR(&envelope.message);
  if (got < 0 || rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return false;
  std::memcpy(&client.fd, CMSG_DATA(rights), sizeof client.fd);
  if (got != static_cast<long>(sizeof(Parcel))) {
    sock::close(client.fd);
    return false;
  }
  const Parcel& parcel = envelope.parcel;
  client.state = parcel.state;
  client.raw = parcel.raw;
  client.index = parcel.index;
  client.address_size = parcel.address_size;
  client.address = parcel.address;
  client.since = parcel.since;
  return true;
}

}  // namespace wswrap::handover
