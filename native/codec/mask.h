// Masking (RFC 6455 section 5.3): XOR with a four-byte key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace wswrap::codec {

// Writes in[i] ^ key[i % 4] to out[i] for i < size, in the widest registers that the machine has.
// `out` may equal `in`, lie before it (overlapping or not), or be disjoint: unmasking and closing
// the gap that a header leaves are one pass.
void unmask(std::byte* out, const std::byte* in, std::size_t size, std::array<std::uint8_t, 4> key);

// The same for what is short: no call, and nothing to ask the machine.
inline void unmask_short(std::byte* out, const std::byte* in, std::size_t size,
                         std::array<std::uint8_t, 4> key) {
  using Vector [[gnu::vector_size(16)]] = std::uint32_t;
  std::uint32_t word;
  std::memcpy(&word, key.data(), sizeof word);
  const Vector vector{word, word, word, word};
  std::size_t i = 0;
  for (; size - i >= sizeof(Vector); i += sizeof(Vector)) {
    Vector block;
    std::memcpy(&block, in + i, sizeof block);
    block ^= vector;
    std::memcpy(out + i, &block, sizeof block);
  }
  for (; size - i >= sizeof word; i += sizeof word) {
    std::uint32_t block;
    std::memcpy(&block, in + i, sizeof block);
    block ^= word;
    std::memcpy(out + i, &block, sizeof block);
  }
  for (; i < size; ++i) out[i] = in[i] ^ std::byte{key[i % 4]};
}

// The key for what follows after `size` bytes: rotated by size % 4.
constexpr std::array<std::uint8_t, 4> rotate(std::array<std::uint8_t, 4> key, std::size_t size) {
  return {key[size % 4], key[(size + 1) % 4], key[(size + 2) % 4], key[(size + 3) % 4]};
}

}  // namespace wswrap::codec
