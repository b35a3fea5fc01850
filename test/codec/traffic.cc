#include "traffic.h"

#include "codec/base64.h"
#include "frames.h"

namespace wswrap::test {
namespace {

using codec::Opcode;

constexpr std::size_t text_characters = 5;
constexpr std::string_view characters[text_characters] = {"a", "\xc3\xa9", "\xe2\x82\xac",
                                                          "\xf0\x9f\x98\x80", "\n"};

std::size_t any_size(Random& random) {
  static const std::vector<std::size_t> corners{0, 1, 2, 3, 125, 126, 127, 0xffff, 0x10000};
  if (random.chance(40)) return random.pick(corners);
  return random.chance(4) ? random.below(600) : random.below(24);
}

Bytes any_text(Random& random, std::size_t size) {
  Bytes text;
  while (text.size() < size) append(text, bytes(characters[random.below(text_characters)]));
  return text;
}

Mask any_mask(Random& random) {
  return {random.byte(), random.byte(), random.byte(), random.byte()};
}

void add_control(Bytes& wire, Random& random) {
  append(wire, encode({.opcode = random.chance(2) ? Opcode::ping : Opcode::pong,
                       .payload = random.bytes(random.chance(8) ? 125 : random.below(6)),
                       .mask = any_mask(random)}));
}

void add_message(Bytes& wire, Random& random, Opcode opcode, std::span<const std::byte> payload) {
  const std::size_t fragments = random.chance(2) ? 1 : 1 + random.below(4);
  for (std::size_t i = 0; i < fragments; ++i) {
    const bool last = i + 1 == fragments;
    const std::size_t size = last ? payload.size() : random.below(payload.size() + 1);
    const auto part = payload.first(size);
    append(wire, encode({.opcode = i == 0 ? opcode : Opcode::continuation,
                         .fin = last,
                         .payload = {part.begin(), part.end()},
                         .mask = any_mask(random)}));
    payload = payload.subspan(size);
    if (random.chance(3)) add_control(wire, random);
  }
}

// With blanks between characters, as a mail program would.
Bytes base64(Random& random, std::span<const std::byte> payload) {
  Bytes encoded(codec::base64_size(payload.size()));
  codec::base64_encode(payload, encoded);
  if (!random.chance(4)) return encoded;
  Bytes spaced;
  for (const std::byte character : encoded) {
    if (random.chance(5)) append(spaced, bytes(random.chance(2) ? "\r\n" : " "));
    spaced.push_back(character);
  }
  return spaced;
}

}  // namespace

Traffic binary_traffic(Random& random) {
  Traffic traffic;
  for (std::size_t messages = random.below(8); messages > 0; --messages) {
    const bool text = random.chance(2);
    const std::size_t size = any_size(random);
    const Bytes payload = text ? any_text(random, size) : random.bytes(size);
    add_message(traffic.wire, random, text ? Opcode::text : Opcode::binary, payload);
    append(traffic.payload, payload);
  }
  return traffic;
}

Traffic base64_traffic(Random& random) {
  Traffic traffic;
  traffic.receiver.encoding = codec::Encoding::base64;
  for (std::size_t messages = random.below(8); messages > 0; --messages) {
    const Bytes payload = random.bytes(any_size(random));
    const Opcode opcode = random.chance(4) ? Opcode::binary : Opcode::text;
    add_message(traffic.wire, random, opcode, base64(random, payload));
    append(traffic.payload, payload);
  }
  return traffic;
}

Traffic hixie_traffic(Random& random) {
  Traffic traffic;
  traffic.receiver.dialect = codec::Dialect::hixie;
  traffic.receiver.encoding = codec::Encoding::base64;
  for (std::size_t frames = random.below(8); frames > 0; --frames) {
    if (random.chance(4)) {  // a frame with a length, to be skipped
      const std::size_t size = 1 + random.below(300);
      append(traffic.wire, hex("ff"));
      if (size >= 128) traffic.wire.push_back(static_cast<std::byte>(0x80 | size >> 7));
      traffic.wire.push_back(static_cast<std::byte>(size & 0x7f));
      append(traffic.wire, random.bytes(size));
    }
    const Bytes payload = random.bytes(any_size(random));
    append(traffic.wire, hex("00"));
    append(traffic.wire, base64(random, payload));
    append(traffic.wire, hex("ff"));
    append(traffic.payload, payload);
  }
  return traffic;
}

Traffic any_traffic(Random& random) {
  switch (random.below(3)) {
    case 0:
      return binary_traffic(random);
    case 1:
      return base64_traffic(random);
    default:
      return hixie_traffic(random);
  }
}

}  // namespace wswrap::test
