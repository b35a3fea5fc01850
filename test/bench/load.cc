// The two ends of a transfer for the benchmark: a server that takes or makes bytes, and a client
// that speaks plain TCP or WebSocket. The client's frames are made beforehand, so that what is
// measured is whoever is in between.
//
//   load serve                                     prints its port; serves until it is killed
//   load run tcp|ws PORT up|down FRAME BYTES       prints the seconds that BYTES of payload took
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t buffer_size = 256 * 1024;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void write_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(fd, data, size);
    if (written <= 0) fail("write");
    data += written;
    size -= static_cast<std::size_t>(written);
  }
}

std::size_t read_some(int fd, char* data, std::size_t size) {
  const ssize_t got = ::read(fd, data, size);
  if (got < 0) fail("read");
  return static_cast<std::size_t>(got);
}

void read_all(int fd, char* data, std::size_t size) {
  while (size > 0) {
    const std::size_t got = read_some(fd, data, size);
    if (got == 0) std::exit(1);
    data += got;
    size -= got;
  }
}

// What a client asks for: sixteen bytes at the start of the stream.
struct Order {
  std::uint64_t down = 0;
  std::uint64_t bytes = 0;
};

// Takes so many bytes and answers with one, or sends so many.
void serve_client(int fd) {
  Order order;
  read_all(fd, reinterpret_cast<char*>(&order), sizeof order);
  std::vector<char> buffer(buffer_size);
  while (order.bytes > 0) {
    const std::size_t size = std::min<std::uint64_t>(order.bytes, 64 * 1024);
    if (order.down != 0) {
      write_all(fd, buffer.data(), size);
      order.bytes -= size;
    } else {
      const std::size_t got = read_some(fd, buffer.data(), buffer.size());
      if (got == 0) break;
      order.bytes -= std::min<std::uint64_t>(order.bytes, got);
    }
  }
  if (order.down == 0) write_all(fd, "!", 1);
  while (read_some(fd, buffer.data(), buffer.size()) > 0) {
  }
  ::close(fd);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

[[noreturn]] void serve() {
  std::signal(SIGCHLD, SIG_IGN);
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0) fail("bind");
  if (::listen(listener, 128) != 0) fail("listen");
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  for (;;) {
    const int fd = ::accept(listener, nullptr, nullptr);
    if (fd < 0) continue;
    if (::fork() == 0) {
      ::close(listener);
      serve_client(fd);
      std::exit(0);
    }
    ::close(fd);
  }
}

constexpr std::array<std::uint8_t, 4> mask{0x12, 0x34, 0x56, 0x78};

std::string client_frame(std::string_view payload) {
  std::string frame(1, static_cast<char>(0x82));
  const std::size_t size = payload.size();
  const auto add = [&](std::uint64_t value) { frame.push_back(static_cast<char>(value)); };
  if (size < 126) {
    add(0x80 | size);
  } else if (size < 65536) {
    add(0x80 | 126);
    for (int shift = 8; shift >= 0; shift -= 8) add(size >> shift);
  } else {
    add(0x80 | 127);
    for (int shift = 56; shift >= 0; shift -= 8) add(size >> shift);
  }
  for (const std::uint8_t byte : mask) add(byte);
  for (std::size_t i = 0; i < size; ++i) {
    frame.push_back(static_cast<char>(static_cast<std::uint8_t>(payload[i]) ^ mask[i % 4]));
  }
  return frame;
}

void shake_hands(int fd) {
  static constexpr std::string_view request =
      "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  write_all(fd, request.data(), request.size());
  std::string answer;
  char c = 0;
  while (!answer.ends_with("\r\n\r\n")) {
    read_all(fd, &c, 1);
    answer.push_back(c);
  }
  if (!answer.starts_with("HTTP/1.1 101")) std::exit(1);
}

// Counts payload in what a WebSocket server sends.
class PayloadCounter {
 public:
  explicit PayloadCounter(bool framed) : framed_(framed) {}

  std::uint64_t count(const char* data, std::size_t size) {
    if (!framed_) return size;
    std::uint64_t payload = 0;
    for (std::size_t i = 0; i < size;) {
      if (left_ > 0) {
        const std::uint64_t step = std::min<std::uint64_t>(left_, size - i);
        left_ -= step;
        payload += step;
        i += step;
        continue;
      }
      header_.push_back(static_cast<std::uint8_t>(data[i++]));
      if (header_.size() < 2) continue;
      const std::size_t form = header_[1] & 0x7f;
      const std::size_t need = form == 126 ? 4 : form == 127 ? 10 : 2;
      if (header_.size() < need) continue;
      left_ = need == 2 ? form : 0;
      for (std::size_t k = 2; k < need; ++k) left_ = left_ << 8 | header_[k];
      header_.clear();
    }
    return payload;
  }

 private:
  bool framed_;
  std::uint64_t left_ = 0;
  std::vector<std::uint8_t> header_;
};

void run(bool framed, std::uint16_t port, bool down, std::size_t frame_size, std::uint64_t bytes) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = loopback(port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fail("connect");
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (framed) shake_hands(fd);
  const auto wrap = [&](std::string_view payload) {
    return framed ? client_frame(payload) : std::string(payload);
  };

  // As many frames as fill a buffer, again and again.
  const std::string frame = wrap(std::string(frame_size, 'x'));
  const std::size_t repeat = std::max<std::size_t>(1, buffer_size / frame.size());
  std::string batch;
  for (std::size_t i = 0; i < repeat; ++i) batch += frame;
  const std::uint64_t per_batch = frame_size * repeat;
  const std::uint64_t batches = (bytes + per_batch - 1) / per_batch;
  const Order order{.down = down ? 1U : 0U, .bytes = down ? bytes : batches * per_batch};

  const auto start = std::chrono::steady_clock::now();
  const std::string head = wrap({reinterpret_cast<const char*>(&order), sizeof order});
  write_all(fd, head.data(), head.size());
  if (!down) {
    for (std::uint64_t i = 0; i < batches; ++i) write_all(fd, batch.data(), batch.size());
  }
  PayloadCounter counter(framed);
  std::vector<char> buffer(buffer_size);
  std::uint64_t left = down ? bytes : 1;
  while (left > 0) {
    const std::size_t got = read_some(fd, buffer.data(), buffer.size());
    if (got == 0) std::exit(1);
    left -= std::min(left, counter.count(buffer.data(), got));
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  std::printf("%.6f\n", elapsed.count());
}

}  // namespace

int main(int count, char** words) {
  const std::vector<std::string_view> args(words + 1, words + count);
  std::signal(SIGPIPE, SIG_IGN);
  if (args.size() == 1 && args[0] == "serve") serve();
  if (args.size() != 6 || args[0] != "run") {
    std::fputs("usage: load serve | load run tcp|ws PORT up|down FRAME BYTES\n", stderr);
    return 2;
  }
  const auto number = [&](std::size_t i) { return std::strtoull(words[i + 1], nullptr, 10); };
  run(args[1] == "ws", static_cast<std::uint16_t>(number(2)), args[3] == "down", number(4),
      number(5));
}
