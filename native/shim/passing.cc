#include "shim/passing.h"

#include <algorithm>
#include <cstring>

#include "shim/arena.h"
#include "shim/descriptors.h"
#include "shim/fds.h"
#include "shim/libc.h"
#include "shim/listeners.h"
#include "shim/process.h"
#include "shim/socket.h"

namespace wswrap::passing {
namespace {

// Calls visit(fd, place) for each descriptor in the message.
template <typename Visit>
void for_each_descriptor(const msghdr& message, Visit visit) {
  if (message.msg_control == nullptr) return;
  auto* walk = const_cast<msghdr*>(&message);
  for (cmsghdr* part = CMSG_FIRSTHDR(walk); part != nullptr; part = CMSG_NXTHDR(walk, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    if (part->cmsg_len < CMSG_LEN(0)) return;
    unsigned char* place = CMSG_DATA(part);
    const auto* end = reinterpret_cast<unsigned char*>(part) + part->cmsg_len;
    for (; end - place >= static_cast<long>(sizeof(int)); place += sizeof(int)) {
      int fd;
      std::memcpy(&fd, place, sizeof fd);
      visit(fd, place);
    }
  }
}

// The record of a connection or listener, or arena::none.
std::uint32_t record_of(int fd) {
  const fds::Entry entry = fds::get(fd);
  if (entry.is(fds::Kind::connection)) return entry.index();
  if (entry.is(fds::Kind::listener)) return listeners::at(entry.index()).record;
  return arena::none;
}

// Calls act(record) for each connection and listener in the message.
void for_each_record(const msghdr& message, void (*act)(std::uint32_t record)) {
  for_each_descriptor(message, [&](int fd, unsigned char*) {
    if (const std::uint32_t record = record_of(fd); record != arena::none) act(record);
  });
}

}  // namespace

ssize_t send(int fd, const msghdr* message, int flags) {
  if (!fds::any()) return libc.sendmsg(fd, message, flags);
  for_each_record(*message, arena::depart);
  const ssize_t sent = libc.sendmsg(fd, message, flags);
  // It did not leave.
  if (sent < 0) for_each_record(*message, arena::arrive);
  return sent;
}

int send_many(int fd, mmsghdr* messages, unsigned count, MessageFlags flags) {
  if (!fds::any()) return libc.sendmmsg(fd, messages, count, flags);
  for (unsigned i = 0; i < count; ++i) for_each_record(messages[i].msg_hdr, arena::depart);
  const int sent = libc.sendmmsg(fd, messages, count, flags);
  for (auto i = static_cast<unsigned>(std::max(sent, 0)); i < count; ++i) {
    for_each_record(messages[i].msg_hdr, arena::arrive);
  }
  return sent;
}

void on_message(msghdr& message, int flags) {
  if (process::is_borrowed()) return;
  const bool taken = (flags & MSG_PEEK) == 0;
  for_each_descriptor(message, [&](int fd, unsigned char* place) {
    if (on_copy(fd) != 0) {
      constexpr int nothing = -1;
      std::memcpy(place, &nothing, sizeof nothing);
      message.msg_flags |= MSG_CTRUNC;
      return;
    }
    const std::uint32_t record = record_of(fd);
    if (taken && record != arena::none) arena::arrive(record);
  });
}

int on_copy(int fd) {
  if (process::is_borrowed()) return 0;
  const int error = descriptors::adopt(fd);
  if (error != 0) sock::close(fd);
  return error;
}

}  // namespace wswrap::passing
