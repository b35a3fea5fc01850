// The codec at work and nothing else, for callgrind to count the instructions of: it starts and
// stops collecting here, so neither the start of the program nor the making of the messages counts.
//
//   instructions decode SIZE COUNT       masked binary messages, pipelined, in reads of 64 KiB
//   instructions encode SIZE COUNT       a write of SIZE bytes each, and all of it leaves
//   instructions handshake COUNT         the request of a browser
#include <sys/uio.h>
#include <valgrind/callgrind.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

#include "codec/handshake.h"
#include "codec/receiver.h"
#include "codec/sender.h"

namespace {

namespace codec = wswrap::codec;

// While one lives, instructions are counted.
class Counted {
 public:
  Counted() { CALLGRIND_TOGGLE_COLLECT; }
  ~Counted() { CALLGRIND_TOGGLE_COLLECT; }
};

std::vector<std::byte> client_messages(std::size_t size, std::size_t count) {
  constexpr std::byte masked{0x80};
  constexpr std::array key{std::byte{0x12}, std::byte{0x34}, std::byte{0x56}, std::byte{0x78}};
  std::array<std::byte, codec::max_server_header> header;
  const std::size_t header_size = codec::write_header(codec::Opcode::binary, true, size, header);
  header[1] |= masked;
  std::vector<std::byte> wire;
  wire.reserve(count * (header_size + key.size() + size));
  for (std::size_t i = 0; i < count; ++i) {
    wire.insert(wire.end(), header.begin(), header.begin() + header_size);
    wire.insert(wire.end(), key.begin(), key.end());
    wire.resize(wire.size() + size);
  }
  return wire;
}

// Each read is decoded where it lies, as the shim and the addon do it.
bool decode(std::size_t size, std::size_t count) {
  constexpr std::size_t read_size = 65536;
  std::vector<std::byte> wire = client_messages(size, count);
  std::span<std::byte> rest(wire);
  codec::Receiver receiver;
  std::size_t produced = 0;
  {
    const Counted counted;
    while (!rest.empty()) {
      const auto read = rest.first(std::min(rest.size(), read_size));
      produced += codec::decode(receiver, read, read).produced;
      rest = rest.subspan(read.size());
    }
  }
  return produced == size * count && receiver.phase == codec::Receiver::Phase::header;
}

bool encode(std::size_t size, std::size_t count) {
  std::vector<std::byte> payload(size);
  const iovec iov{payload.data(), payload.size()};
  codec::Sender sender;
  std::size_t written = 0;
  {
    const Counted counted;
    for (std::size_t i = 0; i < count; ++i) {
      codec::Plan plan;
      codec::plan(sender, {&iov, 1}, plan);
      written += codec::commit(sender, plan, plan.wire_size);
    }
  }
  return written == size * count;
}

bool shake_hands(std::size_t count) {
  static constexpr std::string_view request =
      "GET /websockify HTTP/1.1\r\n"
      "Host: 127.0.0.1:5901\r\n"
      "Connection: Upgrade\r\n"
      "Pragma: no-cache\r\n"
      "Cache-Control: no-cache\r\n"
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
      "Chrome/120.0.0.0 Safari/537.36\r\n"
      "Upgrade: websocket\r\n"
      "Origin: http://127.0.0.1:6080\r\n"
      "Sec-WebSocket-Version: 13\r\n"
      "Accept-Encoding: gzip, deflate, br\r\n"
      "Accept-Language: en-US,en;q=0.9\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
      "Sec-WebSocket-Protocol: binary\r\n\r\n";
  const codec::Policy policy{.loopback = true};
  std::array<char, codec::max_answer_size> answer;
  std::size_t accepted = 0;
  {
    const Counted counted;
    for (std::size_t i = 0; i < count; ++i) {
      const auto outcome = codec::negotiate(request, policy, answer).outcome;
      accepted += outcome == codec::Handshake::Outcome::accepted ? 1 : 0;
    }
  }
  return accepted == count;
}

}  // namespace

int main(int count, char** words) {
  const std::string_view what = count > 1 ? words[1] : "";
  const auto number = [&](int i) { return std::strtoull(words[i], nullptr, 10); };
  bool good = false;
  if (what == "decode" && count == 4) {
    good = decode(number(2), number(3));
  } else if (what == "encode" && count == 4) {
    good = encode(number(2), number(3));
  } else if (what == "handshake" && count == 3) {
    good = shake_hands(number(2));
  } else {
    std::fputs("usage: instructions decode|encode SIZE COUNT | handshake COUNT\n", stderr);
    return 2;
  }
  if (!good) std::fputs("the codec did not do what it was to do\n", stderr);
  return good ? 0 : 1;
}
