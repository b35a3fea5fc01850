// A caller's iovecs, consumed from the front.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace wswrap::codec {

class Segments {
 public:
  explicit Segments(std::span<const iovec> iov) : iov_(iov) { skip_empty(); }

  bool done() const { return iov_.empty(); }

  // The contiguous bytes at the front.
  std::span<std::byte> front() const {
    if (iov_.empty()) return {};
    return {static_cast<std::byte*>(iov_.front().iov_base) + offset_,
            iov_.front().iov_len - offset_};
  }

  // The next contiguous bytes, at most `most`, and moves past them.
  std::span<std::byte> next(std::size_t most) {
    const auto run = front().first(std::min(most, front().size()));
    advance(run.size());
    return run;
  }

  // Moves `size` bytes on; they may lie in several iovecs.
  void advance(std::size_t size) {
    while (size > 0 && !iov_.empty()) {
      const std::size_t step = std::min(size, iov_.front().iov_len - offset_);
      offset_ += step;
      size -= step;
      skip_empty();
    }
  }

  // Writes what is left as iovecs, at most out.size() of them and `most` bytes. Returns how many.
  std::size_t list(std::span<iovec> out, std::size_t most) const {
    Segments rest = *this;
    std::size_t count = 0;
    while (!rest.done() && count < out.size() && most > 0) {
      const auto run = rest.front();
      const std::size_t size = std::min(run.size(), most);
      out[count++] = {run.data(), size};
      most -= size;
      rest.advance(size);
    }
    return count;
  }

 private:
  void skip_empty() {
    while (!iov_.empty() && offset_ == iov_.front().iov_len) {
      iov_ = iov_.subspan(1);
      offset_ = 0;
    }
  }
  std::span<const iovec> iov_;
  std::size_t offset_ = 0;
};

// Lays the bytes at the front of `from` together, as many as fit `room`. Returns how many.
inline std::size_t gather(Segments from, std::span<std::byte> room) {
  std::size_t size = 0;
  while (!from.done() && size < room.size()) {
    const auto run = from.next(room.size() - size);
    std::memcpy(room.data() + size, run.data(), run.size());
    size += run.size();
  }
  return size;
}

inline std::size_t total_size(std::span<const iovec> iov) {
  std::size_t total = 0;
  for (const iovec& part : iov) total += part.iov_len;
  return total;
}

}  // namespace wswrap::codec
