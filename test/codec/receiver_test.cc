// The receiver, example by example: RFC 6455 section 5.7, every violation, closing, pings.
#include <type_traits>

#include "check.h"
#include "frames.h"
#include "reader.h"

namespace wswrap::test {
namespace {

using codec::Opcode;
using codec::Receiver;
using Phase = Receiver::Phase;

// It lives in memory that several processes share, and is copied to look ahead.
static_assert(std::is_trivially_copyable_v<Receiver>);
static_assert(std::is_standard_layout_v<Receiver>);
static_assert(sizeof(Receiver) <= 192);

// The same whether the wire bytes come at once or one at a time.
Seen read(std::span<const std::byte> wire,
          std::source_location place = std::source_location::current()) {
  const Seen whole = read_in_steps({}, wire, wire.size());
  expect_equal(read_in_steps({}, wire, 1), whole, "read byte by byte", place);
  return whole;
}

Bytes data(std::string_view text, Opcode opcode = Opcode::binary, bool fin = true) {
  return encode({.opcode = opcode, .fin = fin, .payload = bytes(text)});
}

Bytes operator+(Bytes a, const Bytes& b) {
  append(a, b);
  return a;
}

const Test examples("the masked examples of RFC 6455 section 5.7 are read", [] {
  const Seen hello = read(hex("81 85 37fa213d 7f9f4d5158"));
  expect(hello.payload == bytes("Hello"), "a masked text message");
  expect(hello.phase == Phase::header, "ready for the next frame");

  const Seen pong = read(hex("8a 85 37fa213d 7f9f4d5158"));
  expect(pong.payload.empty() && pong.phase == Phase::header, "a masked pong is no payload");

  expect(read(data("Hel", Opcode::text, false) + data("lo", Opcode::continuation)).payload ==
             bytes("Hello"),
         "a fragmented text message");
  for (const std::size_t size : {125, 126, 256, 0xffff, 0x10000, 0x10001}) {
    const Bytes payload = Random(size).bytes(size);
    expect(read(encode({.payload = payload})).payload == payload, std::to_string(size) + " bytes");
  }
});

const Test ping("a ping keeps its payload for the pong; the newest one counts", [] {
  const Bytes first = encode({.opcode = Opcode::ping, .payload = bytes("first")});
  const Bytes second = encode({.opcode = Opcode::ping, .payload = bytes("second")});
  const Seen one = read(first);
  expect(one.ping_waiting && one.control == bytes("first"), "one ping");
  const Seen two = read(first + data("x") + second);
  expect(two.ping_waiting && two.control == bytes("second"), "the newer of two");
  expect(two.payload == bytes("x"), "the payload between them");

  const Bytes pong = encode({.opcode = Opcode::pong, .payload = bytes("unasked")});
  const Seen kept = read(first + pong);
  expect(kept.ping_waiting && kept.control == bytes("first"), "a pong does not replace it");
  const Seen longest = read(encode({.opcode = Opcode::ping, .payload = Bytes(125)}));
  expect(longest.control == Bytes(125), "125 bytes");
});

const Test between("control frames come inside of a fragmented message", [] {
  const Bytes ping = encode({.opcode = Opcode::ping, .payload = bytes("?")});
  const Seen result =
      read(data("\xe2\x82", Opcode::text, false) + ping +
           data("\xac", Opcode::continuation, false) + ping + data("", Opcode::continuation));
  expect(result.payload == bytes("€"), "a code point in two fragments");
  expect(result.phase == Phase::header, "the message is complete");
});

const Test empty("empty frames and messages are nothing at all", [] {
  const Seen result = read(data("") + data("", Opcode::text) + data("", Opcode::binary, false) +
                           data("", Opcode::continuation, false) + data("", Opcode::continuation));
  expect(result.payload.empty(), "no payload");
  expect(result.phase == Phase::header, "no violation");
});

const Test closing("a close frame ends everything; its code and reason are kept", [] {
  const Seen bare = read(data("before") + encode({.opcode = Opcode::close}) + data("after"));
  expect(bare.payload == bytes("before"), "what came before is delivered");
  expect(bare.phase == Phase::closed, "closed");
  expect_equal(bare.close_code, codec::close_code::none_received, "without a code");

  const Seen full =
      read(encode({.opcode = Opcode::close, .payload = hex("03e8") + bytes("bye – adieu")}));
  expect(full.phase == Phase::closed, "closed with a reason");
  expect_equal(full.close_code, 1000, "its code");
  expect(full.control == hex("03e8") + bytes("bye – adieu"), "its payload, to be echoed");
  const Seen half = read(data("a", Opcode::text, false) + encode({.opcode = Opcode::close}));
  expect(half.phase == Phase::closed, "in the middle of a message");
});

const Test close_codes("a close code is legal or it is a protocol error", [] {
  for (unsigned code = 0; code < 0x10000; ++code) {
    const bool legal = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                       (code >= 3000 && code <= 4999);
    const Bytes payload{static_cast<std::byte>(code >> 8), static_cast<std::byte>(code)};
    const Bytes wire = encode({.opcode = Opcode::close, .payload = payload});
    const Seen result = read_in_steps({}, wire, wire.size());
    expect(result.phase == (legal ? Phase::closed : Phase::failed), std::to_string(code));
    expect_equal(result.close_code, legal ? code : 1002U, "code");
  }
});

struct Violation {
  std::string_view name;
  Bytes wire;
  std::uint16_t close_code;
  std::string_view payload = {};  // what is delivered before it
};

const Test violations("each violation fails with its close code, and nothing is read after it", [] {
  const std::string hundred(100, 'a');
  const Bytes start = data("ok", Opcode::text, false);
  const auto close = [](const Bytes& payload) {
    return encode({.opcode = Opcode::close, .payload = payload});
  };
  std::vector<Violation> cases{
      {"unmasked", hex("82 01 61"), 1002},
      {"unmasked after a good one", data("a") + hex("82 01 61"), 1002, "a"},
      {"ping of 126 bytes", hex("89 fe 007e 00000000"), 1002},
      {"ping with a 64-bit length", hex("89 ff 0000000000000001 00000000"), 1002},
      {"close of 126 bytes", hex("88 fe 007e 00000000"), 1002},
      {"fragmented ping", hex("09 80 00000000"), 1002},
      {"fragmented close", hex("08 80 00000000"), 1002},
      {"fragmented pong", hex("0a 80 00000000"), 1002},
      {"stray continuation", data("x", Opcode::continuation), 1002},
      {"stray continuation after a message", data("a") + data("x", Opcode::continuation), 1002,
       "a"},
      {"text inside a message", start + data("x", Opcode::text), 1002, "ok"},
      {"binary inside a message", start + data("x"), 1002, "ok"},
      {"top bit of a length", hex("82 ff 8000000000000000 00000000"), 1002},
      {"length 125 in 16 bits", hex("82 fe 007d 00000000"), 1002},
      {"length 0 in 16 bits", hex("82 fe 0000 00000000"), 1002},
      {"length 65535 in 64 bits", hex("82 ff 000000000000ffff 00000000"), 1002},
      {"length 0 in 64 bits", hex("82 ff 0000000000000000 00000000"), 1002},
      {"close of one byte", close(hex("03")), 1002},
      {"close code 1005", close(hex("03ed")), 1002},
      {"close reason cut short", close(hex("03e8 e282")), 1007},
      {"close reason not UTF-8", close(hex("03e8 ff")), 1007},
      {"text not UTF-8", data("fine\xff", Opcode::text), 1007, "fine"},
      {"text with a surrogate", data("\xed\xa0\x80", Opcode::text), 1007, "\xed"},
      {"text that ends inside a code point", data("ab\xc3", Opcode::text), 1007, "ab\xc3"},
      {"fragmented text that ends inside one",
       data("ab\xc3", Opcode::text, false) + data("", Opcode::continuation), 1007, "ab\xc3"},
      {"text not UTF-8 across fragments",
       data("\xc3", Opcode::text, false) + data("(", Opcode::continuation), 1007, "\xc3"},
      {"text not UTF-8 behind the fast path", data(hundred + "\xc0", Opcode::text), 1007, hundred},
  };
  for (const unsigned bit : {0x40U, 0x20U, 0x10U}) {
    cases.push_back({"reserved bit", Bytes{static_cast<std::byte>(0x82 | bit)}, 1002});
  }
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
    cases.push_back({"reserved opcode", Bytes{static_cast<std::byte>(0x80 | opcode)}, 1002});
  }
  for (const Violation& test : cases) {
    const Seen result = read(test.wire + data("after"));
    expect(result.phase == Phase::failed, test.name);
    expect_equal(result.close_code, test.close_code, test.name);
    expect(result.payload == bytes(test.payload), test.name);
    expect(!result.failure.empty() && result.failure != "no failure", test.name);
  }
});

const Test early("a violation is seen at the byte that shows it", [] {
  for (const std::string_view wire : {"c1", "83", "82 05", "09", "80", "89 fe", "88 fe"}) {
    expect(read(hex(wire)).phase == Phase::failed, wire);
  }
  const Bytes text = data("abc\xff", Opcode::text, false);
  expect(read(text).phase == Phase::failed, "before the message ends");
});

const Test binary("binary messages may hold anything", [] {
  const Bytes payload = hex("ff c0 80 ed a0 80");
  expect(read(encode({.payload = payload})).payload == payload, "not UTF-8");
  expect(read(data("a", Opcode::text) + encode({.payload = payload})).phase == Phase::header,
         "after a text message");
});

const Test huge("a frame of 2^63 - 1 bytes is only a number", [] {
  Receiver receiver;
  const Bytes wire = hex("82 ff 7fffffffffffffff 00000000 61");
  Bytes out(1);
  const codec::Decoded decoded = codec::decode(receiver, wire, out);
  expect_equal(decoded.produced, 1U, "payload");
  expect_equal(receiver.remaining, 0x7fff'ffff'ffff'fffeU, "what is left");
});

}  // namespace
}  // namespace wswrap::test
