// The border between hooks and engines: what a hook asks before it hands a call over, and how the
// answer becomes a return value and errno.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include "shim/descriptors.h"
#include "shim/fds.h"
#include "shim/result.h"

namespace wswrap {

// Turns a Result into what libc functions return.
template <typename T = int>
T answer(const Result& result) {
  if (result.error != 0) errno = result.error;
  return static_cast<T>(result.value);
}

// The index of a connection, or of what else `kind` says.
struct Ours {
  explicit Ours(int fd, fds::Kind kind = fds::Kind::connection)
      : entry(fds::get(fd)), yes(entry.is(kind)) {}
  explicit operator bool() const { return yes; }
  std::uint32_t index() const { return entry.index(); }
  fds::Entry entry;
  bool yes;
};

// True when the engine found that the descriptor is none of ours any more.
inline bool is_foreign(int fd, const Result& result) {
  if (result.foreign) descriptors::demote(fd);
  return result.foreign;
}

inline std::span<const iovec> span_of(const iovec& one) { return {&one, 1}; }

// msg_iovlen is an int in some C libraries.
inline std::span<const iovec> parts_of(const msghdr& message) {
  return {message.msg_iov, static_cast<std::size_t>(message.msg_iovlen)};
}

inline bool is_sane(const iovec* iov, long count) {
  return iov != nullptr && count >= 0 && count <= 1024;
}

inline bool is_sane(const msghdr* message) {
  if (message == nullptr || parts_of(*message).size() > 1024) return false;
  return message->msg_iov != nullptr || message->msg_iovlen == 0;
}

}  // namespace wswrap
