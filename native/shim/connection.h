// A connection: what read, write and their kin do on a descriptor that speaks WebSocket.
//
// All receive calls come down to receive(), all sends to transmit(). Both keep DESIGN's order:
// take the lock, try without blocking, release the lock, and only then wait.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "shim/arena.h"
#include "shim/result.h"

namespace wswrap::connection {

// One connection as one call sees it. Its descriptor may be closed, and number and record given to
// the next client, while the call waits.
struct Handle {
  int fd;
  std::uint32_t index;
  std::uint32_t number;  // the connection's, never given out twice
};

// The connection that `fd` stands for at this moment.
Handle handle_of(int fd, std::uint32_t index);

// True if the handle still means the same connection. Decisive while a lock of the record is held.
bool is_current(const Handle& handle);

// recv(2) with MSG_PEEK, MSG_WAITALL, MSG_DONTWAIT and MSG_TRUNC. The value is payload bytes.
Result receive(int fd, std::uint32_t index, std::span<const iovec> iov, int flags);

// Has the next receive call fail with this errno.
void keep_error(arena::Record& record, int error);

// send(2) with MSG_DONTWAIT, MSG_NOSIGNAL and MSG_MORE. The value is payload bytes.
Result transmit(int fd, std::uint32_t index, std::span<const iovec> iov, int flags);

// Payload that the kernel moves into a socket without showing it to us.
struct Mover {
  // Moves at most `most` bytes. Returns how many, 0 if there are no more, or -errno.
  long (*move)(void* context, int socket, std::size_t most);
  void* context;
};

// True if payload is sent as it is: then it can be moved.
bool sends_unchanged(std::uint32_t index);

// Sends a header for at most `size` bytes and has them moved, as often as it takes. A mover that
// finds less leaves an open frame, which whatever is sent next continues. The value is payload
// bytes.
Result transmit_moved(int fd, std::uint32_t index, std::size_t size, const Mover& mover, int flags);

// What a read would meet now.
enum class Readiness {
  none,   // nothing that is payload, EOF or an error
  ready,  // a payload byte, EOF or an error
  ended,  // the client's Close or a violation was just met: the kernel was told to report the end
};

// Consumes whatever holds no payload (empty frames, pings, parts of headers), so that it cannot
// wake the server again. `signalled`: the kernel just called the socket readable.
Readiness readiness(int fd, std::uint32_t index, bool signalled);

// True when nothing will be read any more: the client's Close was met, or a violation.
bool is_over(std::uint32_t index);

// True once after a send found the kernel's buffer full: only then is a new edge of EPOLLOUT due.
bool was_full(std::uint32_t index);

// FIONREAD: how many payload bytes can be read at once. To count them all could take long where
// frames are small: `all` is false when there may be more.
Result available(int fd, std::uint32_t index, bool& all);

// SO_RCVLOWAT in payload bytes (socket(7)).
Result set_low_water(int fd, std::uint32_t index, int bytes);
int low_water(std::uint32_t index);

// shutdown(2).
Result shut(int fd, std::uint32_t index, int how);

// Sends what is owed and possible at this moment: the rest of a control frame, a pong, a Close.
// Returns true when nothing is left to send.
bool settle(const Handle& handle);

// Queues a Close and sends it if possible; `code` 0 means the client's own code if it closed first,
// else 1000. Returns true when it has left.
bool say_close(const Handle& handle, std::uint16_t code);

// Sends a ping if possible.
void ping(const Handle& handle);

// Raises SIGPIPE as a write(2) to a closed pipe does.
void raise_sigpipe();

}  // namespace wswrap::connection
