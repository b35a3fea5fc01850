#include "shim/handover.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "shim/config.h"
#include "shim/fds.h"
#include "shim/kernel.h"
#include "shim/open_fds.h"
#include "shim/socket.h"

namespace wswrap::handover {
namespace {

// What goes along with the descriptor.
struct Parcel {
  codec::Flag complete;
  codec::Flag raw;
  clients::Session session;
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

bool inherit(const arena::Ends& ends, int& give, int& take) {
  const arena::Ends wanted = ends;
  if (wanted.give == 0 || wanted.take == 0) return false;
  give = take = -1;
  fds::for_each_open([&](int fd) {
    if (fds::is_internal(fd) || sock::domain(fd) != AF_UNIX) return;
    const std::uint64_t cookie = arena::cookie_of(fd);
    if (cookie == wanted.give) give = fd;
    if (cookie == wanted.take) take = fd;
  });
  if (give < 0 || take < 0) return false;
  for (const int fd : {give, take}) {
    kernel::invoke(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
    fds::set(fd, fds::Entry::of(fds::Kind::internal, 0));
  }
  return true;
}

bool put(int give, const clients::Client& client) {
  Envelope envelope;
  envelope.parcel = {.complete = client.state == clients::Client::State::complete,
                     .raw = client.raw,
                     .session = client.session,
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

namespace {

// Any process of the tree may have sent it.
bool is_sane(const Parcel& parcel, Nanoseconds now) {
  const clients::Session& session = parcel.session;
  return parcel.address_size <= sizeof parcel.address && parcel.since >= 0 && parcel.since <= now &&
         session.dialect <= codec::Dialect::hixie && session.encoding <= codec::Encoding::base64 &&
         (!parcel.raw || (config.allow_raw && parcel.complete));
}

}  // namespace

bool get(int take, clients::Client& client) {
  Envelope envelope;
  const long got =
      kernel::invoke(SYS_recvmsg, take, &envelope.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const cmsghdr* rights = CMSG_FIRSTHDR(&envelope.message);
  if (got < 0 || rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return false;
  std::memcpy(&client.fd, CMSG_DATA(rights), sizeof client.fd);
  const Parcel& parcel = envelope.parcel;
  if (got != static_cast<long>(sizeof(Parcel)) || !is_sane(parcel, monotonic_now())) {
    sock::close(client.fd);
    return false;
  }
  using State = clients::Client::State;
  client.state = parcel.complete ? State::complete : State::waiting;
  client.raw = parcel.raw;
  client.session = parcel.session;
  client.address_size = parcel.address_size;
  client.address = parcel.address;
  client.since = parcel.since;
  return true;
}

}  // namespace wswrap::handover
