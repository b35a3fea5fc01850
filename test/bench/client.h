// A client of the benchmark: plain TCP, or WebSocket with frames that were masked beforehand, so
// that what is measured is the other side.
#pragma once

#include <array>
#include <cerrno>
#include <span>
#include <string>
#include <string_view>

#include "sockets.h"

namespace bench {

// Counts payload in what a WebSocket server sends (RFC 6455, 5.2).
class PayloadCounter {
 public:
  std::uint64_t count(const char* data, std::size_t size) {
    std::uint64_t payload = 0;
    for (std::size_t i = 0; i < size;) {
      if (left_ > 0) {
        const std::uint64_t step = std::min<std::uint64_t>(left_, size - i);
        left_ -= step;
        i += step;
        if (!is_control_) payload += step;
        continue;
      }
      header_.at(filled_++) = static_cast<std::uint8_t>(data[i++]);
      if (filled_ < 2) continue;
      const std::size_t form = header_[1] & 0x7f;
      const std::size_t need = form == 126 ? 4 : form == 127 ? 10 : 2;
      if (filled_ < need) continue;
      left_ = need == 2 ? form : 0;
      for (std::size_t k = 2; k < need; ++k) left_ = left_ << 8 | header_.at(k);
      is_control_ = (header_[0] & 0x08) != 0;
      filled_ = 0;
    }
    return payload;
  }

 private:
  std::array<std::uint8_t, 10> header_{};
  std::size_t filled_ = 0;
  bool is_control_ = false;
  std::uint64_t left_ = 0;
};

// A binary frame as a browser sends it.
inline std::string client_frame(std::string_view payload, std::uint8_t first = 0x82) {
  static constexpr std::array<std::uint8_t, 4> mask{0x12, 0x34, 0x56, 0x78};
  std::string frame(1, static_cast<char>(first));
  const std::size_t size = payload.size();
  const auto add = [&](std::uint64_t value) { frame.push_back(static_cast<char>(value)); };
  const std::size_t length_size = size < 126 ? 0 : size < 65536 ? 2 : 8;
  add(0x80 | (length_size == 0 ? size : length_size == 2 ? 126 : 127));
  for (std::size_t i = length_size; i-- > 0;) add(size >> (8 * i) & 0xff);
  for (const std::uint8_t byte : mask) add(byte);
  for (std::size_t i = 0; i < size; ++i) add(static_cast<std::uint8_t>(payload[i]) ^ mask[i % 4]);
  return frame;
}

// Thrown where a client with patience has waited in vain.
struct Unanswered {};

class Client {
 public:
  // `patience` in seconds; 0: for ever.
  Client(bool framed, std::uint16_t port, time_t patience = 0) : Client(framed) {
    const timeval limit{.tv_sec = patience, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    for (const int option : {SO_SNDBUF, SO_RCVBUF}) {
      ::setsockopt(fd_, SOL_SOCKET, option, &in_flight, sizeof in_flight);
    }
    const sockaddr_in address = loopback(port);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      fail("connect");
    }
    set_no_delay(fd_);
    if (framed) shake_hands();
  }

  Client(Client&& other) noexcept
      : framed_(other.framed_), fd_(other.fd_), counter_(other.counter_) {
    other.fd_ = -1;
  }
  Client& operator=(Client&&) = delete;
  ~Client() {
    if (fd_ >= 0) ::close(fd_);
  }

  int fd() const { return fd_; }

  std::string wrap(std::string_view payload) const {
    return framed_ ? client_frame(payload) : std::string(payload);
  }

  void order(const Order& order) const {
    const std::string bytes = wrap({reinterpret_cast<const char*>(&order), sizeof order});
    write_all(bytes);
  }

  void write_all(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t put = ::write(fd_, bytes.data(), bytes.size());
      if (put <= 0) fail("write");
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
  }

  // Reads what there is, at least a byte. Returns how much payload came; 0 at the end only if
  // `at_end` is given, which tells of it.
  std::uint64_t read_some(std::span<char> buffer, bool* at_end = nullptr) {
    const ssize_t got = read_bytes(buffer);
    if (got < 0 || (got == 0 && at_end == nullptr)) fail("read");
    if (got == 0) *at_end = true;
    const auto size = static_cast<std::size_t>(got);
    return framed_ ? counter_.count(buffer.data(), size) : size;
  }

  void read_payload(std::uint64_t bytes, std::span<char> buffer) {
    while (bytes > 0) {
      const std::uint64_t got = read_some(buffer);
      if (got > bytes) fail("too many bytes");
      bytes -= got;
    }
  }

  // Says that this was all (Close, FIN) and waits until the server has done so, too.
  void leave(std::span<char> buffer) const {
    if (framed_) write_all(client_frame("\x03\xe8", 0x88));
    ::shutdown(fd_, SHUT_WR);
    while (read_bytes(buffer) > 0) {
    }
  }

 private:
  // What is constructed here is destroyed, and its socket closed, if a handshake is not answered.
  explicit Client(bool framed) : framed_(framed), fd_(::socket(AF_INET, SOCK_STREAM, 0)) {}

  // Bytes on their way in each direction (the kernel doubles it for its own needs). Left to the
  // kernel, they become megabytes as soon as a receiver is a little slower than its sender, which
  // then do not fit into the caches any more: whole turns would be at two thirds of their speed or
  // not, by chance.
  static constexpr int in_flight = 256 * 1024;

  ssize_t read_bytes(std::span<char> buffer) const {
    const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
    if (got < 0 && errno == EAGAIN) throw Unanswered();
    return got;
  }

  void shake_hands() const {
    write_all(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    // Byte for byte only if a server sent more than its answer, which none does.
    std::string answer;
    std::array<char, 1024> bytes;
    while (!answer.ends_with("\r\n\r\n")) {
      const ssize_t got = read_bytes(bytes);
      if (got <= 0) fail("handshake");
      answer.append(bytes.data(), static_cast<std::size_t>(got));
    }
    if (!answer.starts_with("HTTP/1.1 101")) fail(answer.c_str());
  }

  bool framed_;
  int fd_;
  PayloadCounter counter_;
};

}  // namespace bench
