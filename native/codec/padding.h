// What SHA-1 and MD5 share: a message is hashed in blocks of 64 bytes, the last of which end with
// a one bit, zeros and the message's length in bits (RFC 3174 section 4, RFC 1321 section 3).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace wswrap::codec {

using HashBlock = std::span<const std::byte, 64>;

// Calls compress(block) for every block of the padded message. SHA-1 writes the length big-endian,
// MD5 little-endian.
template <typename Compress>
void for_each_block(std::span<const std::byte> message, std::endian order, Compress compress) {
  const std::uint64_t bits = std::uint64_t{message.size()} * 8;
  for (; message.size() >= 64; message = message.subspan(64)) compress(message.first<64>());

  std::array<std::byte, 128> tail{};
  if (!message.empty()) std::memcpy(tail.data(), message.data(), message.size());
  tail[message.size()] = std::byte{0x80};
  const std::size_t size = message.size() < 56 ? 64 : 128;
  for (std::size_t i = 0; i < 8; ++i) {
    tail[size - 8 + i] =
        static_cast<std::byte>(bits >> 8 * (order == std::endian::big ? 7 - i : i));
  }
  for (std::size_t i = 0; i < size; i += 64) compress(HashBlock{tail.data() + i, 64});
}

}  // namespace wswrap::codec
