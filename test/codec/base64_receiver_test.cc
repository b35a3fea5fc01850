// The base64 subprotocol and Hixie frames, example by example.
#include "check.h"
#include "frames.h"
#include "reader.h"

namespace wswrap::test {
namespace {

using codec::Opcode;
using codec::Receiver;
using Phase = Receiver::Phase;

const Receiver base64{.encoding = codec::Encoding::base64};
const Receiver hixie{.dialect = codec::Dialect::hixie, .encoding = codec::Encoding::base64};

Seen read(const Receiver& receiver, std::span<const std::byte> wire,
          std::source_location place = std::source_location::current()) {
  const Seen whole = read_in_steps(receiver, wire, wire.size());
  expect_equal(read_in_steps(receiver, wire, 1), whole, "read byte by byte", place);
  return whole;
}

Bytes text(std::string_view payload, bool fin = true, Opcode opcode = Opcode::text) {
  return encode({.opcode = opcode, .fin = fin, .payload = bytes(payload)});
}

Bytes operator+(Bytes a, const Bytes& b) {
  append(a, b);
  return a;
}

const Test decoded("base64 payload is decoded, padding and blanks included", [] {
  const std::vector<std::pair<std::string_view, std::string_view>> cases{
      {"", ""},
      {"Zg==", "f"},
      {"Zm8=", "fo"},
      {"Zm9v", "foo"},
      {"Zm9vYmFy", "foobar"},
      {"Zm 9v\r\nYm\tFy\n", "foobar"},
      {"Zg==Zm8=Zm9v", "ffofoo"},  // several encoded pieces in one message
      {"  ", ""},
  };
  for (const auto& [encoded, payload] : cases) {
    expect(read(base64, text(encoded)).payload == bytes(payload), encoded);
  }
});

const Test across("a quad may be split across frames of one message", [] {
  const Seen result = read(base64, text("Z", false) + text("m9", false, Opcode::continuation) +
                                       encode({.opcode = Opcode::ping}) +
                                       text("vYg==", true, Opcode::continuation));
  expect(result.payload == bytes("foob"), "decoded");
  expect(result.phase == Phase::header, "complete");
});

const Test across_messages("a quad may go on in the next message", [] {
  expect(read(base64, text("Zm") + text("9vYg") + text("==")).payload == bytes("foob"), "base64");
  expect(read(hixie, hex("00") + bytes("Zm9") + hex("ff 00") + bytes("v") + hex("ff")).payload ==
             bytes("foo"),
         "Hixie");
});

const Test refused("what is not base64 is refused with 1007", [] {
  for (const std::string_view payload : {"Zm9v!", "Zm-_", "=", "Z===", "Zg=v", "Zm9v\xff"}) {
    const Seen result = read(base64, text(payload));
    expect(result.phase == Phase::failed, payload);
    expect_equal(result.close_code, 1007, payload);
  }
  expect(read(base64, text("Zm9v*")).payload == bytes("foo"), "what came before is delivered");
});

const Test partial("each character after the first of a quad brings a byte", [] {
  Receiver receiver = base64;
  Bytes out(10);
  const Bytes wire = text("Zm9v");
  const codec::Decoded first = codec::decode(receiver, std::span{wire}.first(7), out);
  expect(first.consumed == 7 && first.produced == 0, "six bits are none");
  expect_equal(codec::overhead_ahead(receiver), 0U, "the next may be");
  const codec::Decoded blocked = codec::decode(receiver, std::span{wire}.subspan(7), {});
  expect_equal(blocked.consumed, 0U, "without room the second stays");
  for (const char byte : std::string_view("foo")) {
    const std::size_t at = wire.size() - (byte == 'f' ? 3 : receiver.quad_size == 2 ? 2 : 1);
    const codec::Decoded one =
        codec::decode(receiver, std::span{wire}.subspan(at), std::span{out}.first(1));
    expect(one.consumed == 1 && one.produced == 1, "one for one");
    expect(out[0] == std::byte{static_cast<unsigned char>(byte)}, "in order");
  }
});

const Test hixie_frames("Hixie frames are read; what has a length is skipped", [] {
  const Bytes foo = hex("00") + bytes("Zm9v") + hex("ff");
  expect(read(hixie, foo + foo).payload == bytes("foofoo"), "two frames");
  expect(read(hixie, hex("00ff") + foo).payload == bytes("foo"), "an empty frame");
  const Seen skipped = read(hixie, hex("ff 03 616263") + foo);
  expect(skipped.payload == bytes("foo"), "three bytes are skipped");
  const Bytes long_frame = hex("ff 81 00") + Bytes(128);
  expect(read(hixie, long_frame + foo).payload == bytes("foo"), "128 bytes are skipped");
});

const Test hixie_close("ff 00 closes a Hixie connection", [] {
  const Seen result = read(hixie, hex("00") + bytes("Zm9v") + hex("ff ff00 00"));
  expect(result.payload == bytes("foo"), "what came before");
  expect(result.phase == Phase::closed, "closed");
  expect_equal(result.close_code, codec::close_code::none_received, "no code");
});

const Test hixie_refused("unknown Hixie frame types and lengths out of range are refused", [] {
  for (const std::string_view wire : {"01", "7f", "80", "81", "fe"}) {
    const Seen result = read(hixie, hex(wire));
    expect(result.phase == Phase::failed, wire);
    expect_equal(result.close_code, 1002, wire);
  }
  expect(read(hixie, hex("ff ffffffffffffffffffff")).phase == Phase::failed, "length");
});

const Test base64_ahead("the first character of a quad cannot be payload, the next may be", [] {
  Receiver receiver = base64;
  const Bytes wire = text("Zm9v");
  codec::decode(receiver, std::span{wire}.first(6), {});
  expect_equal(codec::overhead_ahead(receiver), 1U, "before the quad");
  codec::decode(receiver, std::span{wire}.subspan(6, 1), {});
  expect_equal(codec::overhead_ahead(receiver), 0U, "inside of it");
  expect(!codec::payload_ahead(receiver), "it may be a blank");
});

const Test hixie_ahead("little is promised about the next bytes of Hixie", [] {
  Receiver receiver = hixie;
  expect_equal(codec::overhead_ahead(receiver), 1U, "between frames");
  codec::decode(receiver, hex("00 5a"), {});
  expect_equal(codec::overhead_ahead(receiver), 0U, "inside a quad");
  expect(!codec::payload_ahead(receiver), "the next byte may end the frame");
});

}  // namespace
}  // namespace wswrap::test
