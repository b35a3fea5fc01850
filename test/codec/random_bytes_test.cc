// Hostile input: bytes and records that no client and no shim would write. Nothing may be read or
// written outside, and every call ends.
#include <cstring>

#include "check.h"
#include "codec/handshake.h"
#include "reader.h"
#include "traffic.h"

namespace wswrap::test {
namespace {

using codec::Receiver;

Receiver fresh(Random& random) {
  Receiver receiver;
  if (random.chance(3)) receiver.encoding = codec::Encoding::base64;
  if (random.chance(4)) receiver.dialect = codec::Dialect::hixie;
  return receiver;
}

// Mostly bytes that mean something in a header, so that many get past the first one.
Bytes noise(Random& random, std::size_t size) {
  static const Bytes meaningful = hex("81 82 01 02 00 80 88 89 8a fe ff 84 83 90 7e 3d 5a");
  Bytes result(size);
  for (std::byte& b : result) b = random.chance(2) ? random.pick(meaningful) : random.byte();
  return result;
}

const Test frames("a million reads of random bytes stay within bounds", [] {
  Random random(20);
  for (int round = 0; round < 1'000'000; ++round) {
    Receiver receiver = fresh(random);
    const Exact memory(noise(random, random.below(40)));
    std::span<std::byte> in = memory.span();
    // In place with a gap before it, or apart.
    if (random.chance(2)) {
      const std::size_t gap = random.below(in.size() + 1);
      codec::decode(receiver, in.subspan(gap), in.first(random.below(in.size() + 1)));
    } else {
      const Exact out(random.below(40));
      codec::decode(receiver, in, out.span());
    }
  }
});

const Test continued("random bytes read the same whole and byte by byte", [] {
  Random random(21);
  for (int round = 0; round < 100'000; ++round) {
    const Receiver receiver = fresh(random);
    const Bytes wire = noise(random, random.below(60));
    expect_equal(read_in_steps(receiver, wire, 1), read_in_steps(receiver, wire, wire.size()),
                 "byte by byte");
  }
});

// The record's memory is shared with processes that may be less privileged than this one.
const Test garbled("a garbled record is harmless", [] {
  Random random(22);
  for (int round = 0; round < 400'000; ++round) {
    Receiver receiver;
    // What has a range in the code: all of it is tried. (A bool that is neither 0 nor 1 is not: the
    // sanitizer would stop at the first read of it.)
    for (std::uint8_t* const field :
         {&receiver.header_size, &receiver.control_size, &receiver.quad_size, &receiver.quad_last,
          &receiver.failure, &receiver.utf8_state}) {
      *field = std::to_integer<std::uint8_t>(random.byte());
    }
    receiver.dialect = static_cast<codec::Dialect>(random.chance(4));
    receiver.encoding = static_cast<codec::Encoding>(random.chance(3));
    receiver.phase = static_cast<Receiver::Phase>(random.below(8));
    receiver.opcode = static_cast<codec::Opcode>(random.byte());
    receiver.fin = random.chance(2);
    receiver.in_message = random.chance(2);
    receiver.text_message = random.chance(2);
    receiver.ping_waiting = random.chance(2);
    receiver.remaining = random.chance(2) ? random.below(200) : ~std::uint64_t{0} - random.below(4);
    const Bytes header = random.bytes(receiver.header.size());
    std::memcpy(receiver.header.data(), header.data(), header.size());

    const Exact in(noise(random, random.below(300)));
    const Exact out(random.below(40));
    expect(codec::overhead_ahead(receiver) <= 131, "bounded");
    expect(std::string_view{codec::failure_text(receiver)}.size() > 0, "a text");
    const codec::Decoded decoded = codec::decode(receiver, in.span(), out.span());
    expect(decoded.consumed <= in.span().size(), "consumed");
    expect(decoded.produced <= out.span().size(), "produced");
  }
});

const Test heads("random and mutated heads are judged within bounds", [] {
  Random random(23);
  const std::string valid =
      "GET /chat?a=b HTTP/1.1\r\nHost: localhost:80\r\nUpgrade: websocket\r\n"
      "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nSec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n"
      "Origin: http://localhost\r\nSec-WebSocket-Protocol: chat, base64\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\n01234567";
  static const Bytes meaningful = bytes("\r\n :,;=[]*/?\"\t\\GET0123456789.");
  for (int round = 0; round < 200'000; ++round) {
    Bytes head = bytes(valid);
    for (std::size_t mutations = random.below(6); mutations > 0; --mutations) {
      const auto at = head.begin() + static_cast<std::ptrdiff_t>(random.below(head.size()));
      const std::byte value = random.chance(2) ? random.pick(meaningful) : random.byte();
      switch (random.below(3)) {
        case 0:
          *at = value;
          break;
        case 1:
          head.insert(at, value);
          break;
        default:
          head.erase(at, std::min(head.end(), at + 1 + static_cast<int>(random.below(30))));
          if (head.empty()) head.push_back(value);
      }
    }
    if (random.chance(3)) head.resize(random.below(head.size() + 1));
    const Exact exact(head);
    const auto text = exact.span();
    const Exact answer(codec::max_answer_size);
    const codec::Policy policy{.origins = "https://*.example.org:8443, b.org",
                               .hosts = "*.example.org",
                               .path = random.chance(2) ? "/chat" : "",
                               .subprotocol = random.chance(2) ? "chat" : "",
                               .loopback = random.chance(2)};
    const codec::Handshake result =
        codec::negotiate({reinterpret_cast<const char*>(text.data()), text.size()}, policy,
                         {reinterpret_cast<char*>(answer.span().data()), answer.span().size()});
    expect(result.answer_size <= codec::max_answer_size, "answer");
    expect(result.head_size <= text.size(), "head");
    expect((result.outcome == codec::Handshake::Outcome::partial) == (result.status == 0),
           "a status unless partial");
  }
});

}  // namespace
}  // namespace wswrap::test
