// Masking (RFC 6455 section 5.3): XOR with a four-byte key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace wswrap::codec {

// Writes in[i] ^ key[i % 4] to out[i] for i < size, in 64-bit words (the compiler vectorises them).
// `out` may equal `in`, lie before it (overlapping or not), or be disjoint: unmasking and closing
// the gap that a header leaves are one pass.
void unmask(std::byte* out, const std::byte* in, std::size_t size, std::array<std::uint8_t, 4> key);

// The key for what follows after `size` bytes: rotated by size % 4.
constexpr std::array<std::uint8_t, 4> rotate(std::array<std::uint8_t, 4> key, std::size_t size) {
  return {key[size % 4], key[(size + 1) % 4], key[(size + 2) % 4], key[(size + 3) % 4]};
}

}  // namespace wswrap::codec
