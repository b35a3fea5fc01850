// A connection of the benchmark's server, whichever loop it is served by: it takes an order, does
// as it says, and takes the next.
#pragma once

#include <algorithm>
#include <cerrno>
#include <string>

#include "sockets.h"

namespace bench {

enum class Step { moved, blocked, over };

class Session {
 public:
  explicit Session(int fd) : fd_(fd) {}

  int fd() const { return fd_; }

  // Waits for room, not for bytes.
  bool is_sending() const {
    return has_order_ && (order_.task == Task::down || sent_ < pending_.size());
  }

  // Makes one call. `buffer` is of buffer_size bytes, which nobody else uses meanwhile.
  Step step(char* buffer) {
    if (sent_ < pending_.size()) return send_pending();
    if (!has_order_) return take_order();
    if (order_.task == Task::down) return send_chunk(buffer);
    return order_.task == Task::up ? take_bytes(buffer) : echo(buffer);
  }

 private:
  static Step outcome(ssize_t result) {
    if (result > 0) return Step::moved;
    return result < 0 && errno == EAGAIN ? Step::blocked : Step::over;
  }

  Step take_order() {
    char* const at = reinterpret_cast<char*>(&order_) + taken_;
    const ssize_t got = ::read(fd_, at, sizeof order_ - taken_);
    if (got <= 0) return outcome(got);
    taken_ += static_cast<std::size_t>(got);
    has_order_ = taken_ == sizeof order_;
    return Step::moved;
  }

  void finish_order() {
    has_order_ = false;
    taken_ = 0;
    offset_ = 0;
  }

  Step take_bytes(char* buffer) {
    const ssize_t got = ::read(fd_, buffer, std::min<std::size_t>(order_.bytes, read_size));
    if (got <= 0) return outcome(got);
    order_.bytes -= static_cast<std::uint64_t>(got);
    if (order_.bytes > 0) return Step::moved;
    finish_order();
    return send("!", 1);
  }

  Step send_chunk(const char* buffer) {
    const std::uint64_t chunk = std::clamp<std::uint64_t>(order_.chunk, 1, buffer_size);
    const std::uint64_t size = std::min(order_.bytes, chunk - offset_);
    const ssize_t put = ::write(fd_, buffer + offset_, size);
    if (put <= 0) return outcome(put);
    offset_ = (offset_ + static_cast<std::uint64_t>(put)) % chunk;
    order_.bytes -= static_cast<std::uint64_t>(put);
    if (order_.bytes == 0) finish_order();
    return Step::moved;
  }

  Step echo(char* buffer) {
    const ssize_t got = ::read(fd_, buffer, read_size);
    if (got <= 0) return outcome(got);
    return send(buffer, static_cast<std::size_t>(got));
  }

  // What does not go now goes later.
  Step send(const char* bytes, std::size_t size) {
    const ssize_t put = ::write(fd_, bytes, size);
    if (put < 0 && errno != EAGAIN) return Step::over;
    const auto gone = static_cast<std::size_t>(std::max<ssize_t>(put, 0));
    if (gone < size) {
      pending_.assign(bytes + gone, size - gone);
      sent_ = 0;
    }
    return Step::moved;
  }

  Step send_pending() {
    const ssize_t put = ::write(fd_, pending_.data() + sent_, pending_.size() - sent_);
    if (put <= 0) return outcome(put);
    sent_ += static_cast<std::size_t>(put);
    if (sent_ == pending_.size()) {
      pending_.clear();
      sent_ = 0;
    }
    return Step::moved;
  }

  int fd_;
  Order order_;
  std::size_t taken_ = 0;  // of the order
  bool has_order_ = false;
  std::uint64_t offset_ = 0;  // in the chunk
  std::string pending_;
  std::size_t sent_ = 0;  // of what is pending
};

}  // namespace bench
