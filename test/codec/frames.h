// Frames as a client writes them, and as one that breaks the protocol would.
#pragma once

#include <array>
#include <cstdint>

#include "bytes.h"
#include "codec/protocol.h"

namespace wswrap::test {

using Mask = std::array<std::byte, 4>;

struct Frame {
  codec::Opcode opcode = codec::Opcode::binary;
  bool fin = true;
  Bytes payload{};
  Mask mask{std::byte{0x37}, std::byte{0xfa}, std::byte{0x21}, std::byte{0x3d}};
};

inline Bytes encode(const Frame& frame) {
  const std::uint64_t size = frame.payload.size();
  Bytes wire{static_cast<std::byte>((frame.fin ? 0x80 : 0) | static_cast<int>(frame.opcode))};
  const auto length = [&](unsigned code, int length_bytes) {
    wire.push_back(static_cast<std::byte>(0x80 | code));
    for (int i = length_bytes - 1; i >= 0; --i) {
      wire.push_back(static_cast<std::byte>(size >> (8 * i)));
    }
  };
  if (size < 126) {
    length(static_cast<unsigned>(size), 0);
  } else if (size < 0x10000) {
    length(126, 2);
  } else {
    length(127, 8);
  }
  append(wire, frame.mask);
  for (std::size_t i = 0; i < size; ++i) wire.push_back(frame.payload[i] ^ frame.mask[i % 4]);
  return wire;
}

}  // namespace wswrap::test
