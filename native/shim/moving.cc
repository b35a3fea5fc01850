#include "shim/moving.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "shim/connection.h"
#include "shim/driver.h"
#include "shim/kernel.h"
#include "shim/patience.h"
#include "shim/socket.h"

namespace wswrap::moving {
namespace {

using connection::Mover;

// On the stack, which may be a small thread's.
constexpr std::size_t copy_room = 8192;

// A pipe that is called writable takes so much without waiting.
constexpr std::size_t pipe_room = 4096;

// What splice(2) and sendfile(2) move at most in one call (MAX_RW_COUNT).
constexpr std::size_t most_moved = 0x7ffff000;

Result failure(long result) { return Result::fail(static_cast<int>(-result)); }

struct File {
  int fd;
  std::int64_t* offset;  // null: the file's own position
};

long move_file(void* context, int socket, std::size_t most) {
  const auto* file = static_cast<const File*>(context);
#ifdef SYS_sendfile64
  constexpr long number = SYS_sendfile64;
#else
  constexpr long number = SYS_sendfile;
#endif
  return kernel::invoke(number, socket, file->fd, file->offset, most);
}

std::int64_t position_of(const File& file) {
  return file.offset != nullptr ? *file.offset : kernel::seek(file.fd, 0, SEEK_CUR);
}

// How many bytes of a regular file lie ahead: what may be promised to the client. 0 for what has no
// such number.
std::size_t bytes_ahead(const File& file) {
  kernel::Status status;
  const long flags = kernel::invoke(SYS_fcntl, file.fd, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY) return 0;
  if (kernel::status_of(file.fd, status) < 0 || !S_ISREG(status.mode)) return 0;
  const std::int64_t position = position_of(file);
  const auto size = static_cast<std::int64_t>(status.size);
  if (position < 0 || position >= size) return 0;
  return static_cast<std::size_t>(std::min<std::int64_t>(size - position, most_moved));
}

// The frame's length goes out before its bytes do, so the bytes are fetched first.
Result copy_file(int fd, std::uint32_t index, const File& file, std::size_t count) {
  std::array<std::byte, copy_room> bytes;
  std::size_t written = 0;
  while (written < count) {
    const std::size_t wanted = std::min(bytes.size(), count - written);
    const std::int64_t position = position_of(file);
    if (position < 0) {
      const bool unseekable = position == -ESPIPE || file.offset != nullptr;
      return Result::partial(written, unseekable ? EINVAL : static_cast<int>(-position));
    }
    const long got = kernel::read_at(file.fd, bytes.data(), wanted, position);
    if (got < 0) {
      // Not a file that has bytes at positions (sendfile(2)).
      const int error = got == -ESPIPE || got == -EISDIR ? EINVAL : static_cast<int>(-got);
      return Result::partial(written, error);
    }
    if (got == 0) break;
    const iovec iov{bytes.data(), static_cast<std::size_t>(got)};
    const Result sent = connection::transmit(fd, index, {&iov, 1}, written > 0 ? MSG_NOSIGNAL : 0);
    if (sent.error != 0) {
      if (written > 0) break;
      return sent;
    }
    written += static_cast<std::size_t>(sent.value);
    if (file.offset != nullptr) {
      *file.offset += sent.value;
    } else {
      kernel::seek(file.fd, position + sent.value, SEEK_SET);
    }
    if (sent.value < got) break;
  }
  return Result::ok(static_cast<long>(written));
}

// splice(2) does not wait for a pipe that is not to be waited for; a socket says so by itself.
bool may_wait_for(int pipe, unsigned flags) {
  return (flags & SPLICE_F_NONBLOCK) == 0 && !sock::is_nonblocking(pipe);
}

short ready_events(int pipe, short events) {
  pollfd entry{.fd = pipe, .events = events, .revents = 0};
  return sock::poll_now(&entry, 1) > 0 ? entry.revents : short{0};
}

// Waits until the pipe has `events`. Returns those that it has, or -errno.
int await_pipe(int pipe, short events, unsigned flags) {
  const bool may_wait = may_wait_for(pipe, flags);
  Patience patience(pipe, SO_RCVTIMEO);
  for (;;) {
    if (const short ready = ready_events(pipe, events); ready != 0) return ready;
    if (!may_wait) return -EAGAIN;
    if (const int error = patience.wait(pipe, events, driver::is_busy()); error != 0) return -error;
  }
}

std::size_t bytes_in(int pipe) {
  const long count = sock::unread(pipe);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

struct Pipe {
  int fd;
  unsigned flags;
};

long move_pipe(void* context, int socket, std::size_t most) {
  const auto* pipe = static_cast<const Pipe*>(context);
  const long moved = kernel::invoke(SYS_splice, pipe->fd, nullptr, socket, nullptr, most,
                                    pipe->flags | SPLICE_F_NONBLOCK);
  // What was promised may have gone to another reader.
  return moved == -EAGAIN && bytes_in(pipe->fd) == 0 ? 0 : moved;
}

// Sends what a copy of the pipe's content shows, and takes from the pipe what was sent.
Result copy_pipe(int pipe, int fd, std::uint32_t index, std::size_t size) {
  int ends[2];
  if (const long failed = kernel::invoke(SYS_pipe2, ends, O_CLOEXEC); failed < 0) {
    return failure(failed);
  }
  std::array<std::byte, copy_room> bytes;
  const std::size_t most = std::min(size, bytes.size());
  long got = kernel::invoke(SYS_tee, pipe, ends[1], most, SPLICE_F_NONBLOCK);
  if (got > 0) got = kernel::invoke(SYS_read, ends[0], bytes.data(), got);
  sock::close(ends[0]);
  sock::close(ends[1]);
  if (got <= 0) return got < 0 ? failure(got) : Result::ok(0);
  const iovec iov{bytes.data(), static_cast<std::size_t>(got)};
  const Result sent = connection::transmit(fd, index, {&iov, 1}, 0);
  if (sent.error == 0) kernel::invoke(SYS_read, pipe, bytes.data(), sent.value);
  return sent;
}

}  // namespace

bool is_pipe(int fd) { return kernel::invoke(SYS_fcntl, fd, F_GETPIPE_SZ) > 0; }

Result send_file(int fd, std::uint32_t index, int descriptor, std::int64_t* offset,
                 std::size_t count) {
  File file{.fd = descriptor, .offset = offset};
  count = std::min(count, most_moved);
  const std::size_t ahead = connection::sends_unchanged(index) ? bytes_ahead(file) : 0;
  if (ahead != 0 && count != 0) {
    const Mover mover{.move = move_file, .context = &file};
    const Result moved = connection::transmit_moved(fd, index, std::min(count, ahead), mover, 0);
    // Not every file system can move.
    if (moved.error != EINVAL) return moved;
  }
  return copy_file(fd, index, file, count);
}

Result splice_out(int pipe, int fd, std::uint32_t index, std::size_t size, unsigned flags) {
  if (const int ready = await_pipe(pipe, POLLIN, flags); ready < 0) return failure(ready);
  size = std::min({size, bytes_in(pipe), most_moved});
  if (size == 0) return Result::ok(0);
  if (!connection::sends_unchanged(index)) {
    std::size_t done = 0;
    while (done < size) {
      const Result copied = copy_pipe(pipe, fd, index, size - done);
      if (copied.error != 0 && done == 0) return copied;
      if (copied.value <= 0) break;
      done += static_cast<std::size_t>(copied.value);
    }
    return Result::ok(static_cast<long>(done));
  }
  Pipe source{.fd = pipe, .flags = flags};
  const Mover mover{.move = move_pipe, .context = &source};
  return connection::transmit_moved(fd, index, size, mover, 0);
}

Result splice_in(int fd, std::uint32_t index, int pipe, std::size_t size, unsigned flags) {
  std::size_t done = 0;
  while (done < size) {
    const int ready = await_pipe(pipe, POLLOUT, done > 0 ? flags | SPLICE_F_NONBLOCK : flags);
    if (ready < 0) return Result::partial(done, -ready);
    if ((ready & POLLERR) != 0) {
      if (done > 0) break;
      connection::raise_sigpipe();
      return Result::fail(EPIPE);
    }
    std::array<std::byte, pipe_room> bytes;
    const iovec iov{bytes.data(), std::min(bytes.size(), size - done)};
    // The flags are about the pipe, the socket has O_NONBLOCK.
    const Result got = connection::receive(fd, index, {&iov, 1}, done > 0 ? MSG_DONTWAIT : 0);
    if (got.error != 0) return done > 0 ? Result::ok(static_cast<long>(done)) : got;
    if (got.value == 0) break;
    const long put = kernel::invoke(SYS_write, pipe, bytes.data(), got.value);
    if (put < 0) return Result::partial(done, static_cast<int>(-put));
    done += static_cast<std::size_t>(put);
    if (static_cast<std::size_t>(got.value) < iov.iov_len) break;
  }
  return Result::ok(static_cast<long>(done));
}

}  // namespace wswrap::moving
