#include "shim/streams.h"

#include <fcntl.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

#include "shim/fds.h"
#include "shim/hooks.h"
#include "shim/libc.h"

namespace wswrap::streams {
namespace {

// The cookie. A slot belongs to somebody while its descriptor is not negative.
struct Slot {
  std::atomic<int> owner{0};  // the descriptor + 1
  std::FILE* before = nullptr;
  std::atomic<std::FILE*> stream{nullptr};

  int fd() const { return owner.load(std::memory_order_relaxed) - 1; }
};

constinit std::array<Slot, 4096> slots{};
constinit std::atomic<std::size_t> used{0};  // one more than the highest slot ever taken

Slot* take_slot(int fd) {
  for (Slot& slot : slots) {
    int nobody = 0;
    if (!slot.owner.compare_exchange_strong(nobody, fd + 1)) continue;
    const auto end = static_cast<std::size_t>(&slot - slots.data()) + 1;
    std::size_t seen = used.load();
    while (seen < end && !used.compare_exchange_weak(seen, end)) {
    }
    return &slot;
  }
  return nullptr;
}

void give_back(Slot& slot) {
  slot.stream.store(nullptr);
  slot.owner.store(0);
}

// Bytes that a stream has read and not delivered.
std::size_t ahead_of(std::FILE* stream) {
#ifdef __GLIBC__
  if (stream != nullptr && stream->_IO_read_end > stream->_IO_read_ptr) {
    return static_cast<std::size_t>(stream->_IO_read_end - stream->_IO_read_ptr);
  }
#else
  (void)stream;
#endif
  return 0;
}

ssize_t read_more(void* cookie, char* buffer, std::size_t size) {
  const Slot& slot = *static_cast<Slot*>(cookie);
  if (const std::size_t ahead = ahead_of(slot.before); ahead > 0) {
    return static_cast<ssize_t>(fread_unlocked(buffer, 1, std::min(ahead, size), slot.before));
  }
  return hook_read(slot.fd(), buffer, size);
}

// All of it, or up to an error: as libc's own streams do.
ssize_t write_all(void* cookie, const char* bytes, std::size_t size) {
  const int fd = static_cast<Slot*>(cookie)->fd();
  std::size_t done = 0;
  while (done < size) {
    // A process that is exiting has ended its connection already.
    if (fds::is_internal(fd)) break;
    const ssize_t put = hook_write(fd, bytes + done, size - done);
    if (put < 0) break;
    done += static_cast<std::size_t>(put);
  }
  return static_cast<ssize_t>(done);
}

int seek_nowhere(void*, off64_t*, int) {
  errno = ESPIPE;
  return -1;
}

int close_number(void* cookie) {
  Slot& slot = *static_cast<Slot*>(cookie);
  const int fd = slot.fd();
  give_back(slot);
  return hook_close(fd);
}

// A stream that is older than all others of ours, which makes it the last that exit(3) flushes.
constinit std::atomic<std::FILE*> last{nullptr};
constinit std::array<char, 16> last_buffer{};
using End = void (*)();
constinit End at_end = nullptr;

ssize_t run_end(void*, const char*, std::size_t size) {
  if (const End end = std::exchange(at_end, nullptr)) end();
  return static_cast<ssize_t>(size);
}

void make_last() {
  if (last.load() != nullptr) return;
  constexpr cookie_io_functions_t calls{
      .read = nullptr, .write = run_end, .seek = nullptr, .close = nullptr};
  std::FILE* stream = fopencookie(nullptr, "w", calls);
  if (stream == nullptr) return;
  setvbuf(stream, last_buffer.data(), _IOFBF, last_buffer.size());
  last.store(stream);
}

}  // namespace

std::FILE* open(int fd, const char* mode, std::FILE* before) {
  make_last();
  Slot* slot = take_slot(fd);
  if (slot == nullptr) {
    errno = EMFILE;
    return nullptr;
  }
  slot->before = before;
  constexpr cookie_io_functions_t calls{
      .read = read_more, .write = write_all, .seek = seek_nowhere, .close = close_number};
  std::FILE* stream = fopencookie(slot, mode, calls);
  if (stream == nullptr) {
    give_back(*slot);
    return nullptr;
  }
  if (mode[0] == 'a') libc.fcntl(fd, F_SETFL, libc.fcntl(fd, F_GETFL) | O_APPEND);
  slot->stream.store(stream);
  return stream;
}

int number_of(std::FILE* stream) {
  const std::size_t end = used.load(std::memory_order_relaxed);
  if (stream == nullptr) return -1;
  for (std::size_t i = 0; i < end; ++i) {
    if (slots[i].stream.load(std::memory_order_relaxed) == stream) return slots[i].fd();
  }
  return -1;
}

void after_flush(void (*end)()) {
  std::FILE* stream = last.load();
  if (stream == nullptr) return end();
  at_end = end;
  std::fputc(0, stream);
}

}  // namespace wswrap::streams
