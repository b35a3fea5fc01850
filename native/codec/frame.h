// Frames towards the client: headers and control frames (RFC 6455 section 5.2, unmasked).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "codec/protocol.h"

namespace wswrap::codec {

inline constexpr std::size_t max_server_header = 10;
inline constexpr std::size_t max_control_payload = 125;
inline constexpr std::size_t max_control_frame = 2 + max_control_payload;

// What write_header() returns for `length` payload bytes.
constexpr std::size_t header_size(std::uint64_t length) {
  if (length < 126) return 2;
  return length <= 0xffff ? 4 : 10;
}

// Writes the header of an unmasked frame with `length` payload bytes. Returns its size (2, 4 or
// 10).
constexpr std::size_t write_header(Opcode opcode, bool fin, std::uint64_t length,
                                   std::span<std::byte, max_server_header> out) {
  out[0] = static_cast<std::byte>((fin ? 0x80 : 0x00) | static_cast<std::uint8_t>(opcode));
  const auto big_endian = [&](std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) {
      out[2 + i] = static_cast<std::byte>(length >> (8 * (bytes - 1 - i)));
    }
    return 2 + bytes;
  };
  if (length < 126) {
    out[1] = static_cast<std::byte>(length);
    return 2;
  }
  if (length <= 0xffff) {
    out[1] = std::byte{126};
    return big_endian(2);
  }
  out[1] = std::byte{127};
  return big_endian(8);
}

}  // namespace wswrap::codec
