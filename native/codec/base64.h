// Base64 (RFC 4648 section 4): encoding, and the table for decoding (receiver.cc puts quads
// together).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace wswrap::codec {

inline constexpr char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

// Writes the padded base64 form of `in` to `out` (base64_size(in.size()) characters, not
// overlapping). Returns the number of characters.
std::size_t base64_encode(std::span<const std::byte> in, std::span<std::byte> out);

// The value 0 to 63 of a base64 character, or -1.
inline int base64_value(std::byte character) {
  static constexpr auto values = [] {
    std::array<std::int8_t, 256> table{};
    table.fill(-1);
    for (std::int8_t i = 0; i < 64; ++i) table[static_cast<unsigned char>(base64_alphabet[i])] = i;
    return table;
  }();
  return values[std::to_integer<unsigned>(character)];
}

}  // namespace wswrap::codec
