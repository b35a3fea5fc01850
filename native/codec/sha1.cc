// SHA-1 as FIPS 180-4 section 6.1 writes it.
#include "codec/sha1.h"

#include <bit>
#include <cstdint>

#include "codec/padding.h"

namespace wswrap::codec {
namespace {

using Digest = std::array<std::uint32_t, 5>;

void compress(Digest& digest, HashBlock block) {
  std::array<std::uint32_t, 80> w;
  for (std::size_t t = 0; t < 16; ++t) {
    w[t] = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      w[t] = w[t] << 8 | std::to_integer<std::uint32_t>(block[4 * t + i]);
    }
  }
  for (std::size_t t = 16; t < 80; ++t) {
    w[t] = std::rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
  }

  auto [a, b, c, d, e] = digest;
  for (std::size_t t = 0; t < 80; ++t) {
    const std::uint32_t f = t < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                            : t < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                            : t < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                                     : (b ^ c ^ d) + 0xca62c1d6;
    const std::uint32_t next = std::rotl(a, 5) + f + e + w[t];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  const Digest added{a, b, c, d, e};
  for (std::size_t i = 0; i < digest.size(); ++i) digest[i] += added[i];
}

}  // namespace

std::array<std::byte, 20> sha1(std::span<const std::byte> message) {
  Digest digest{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  for_each_block(message, std::endian::big, [&](HashBlock block) { compress(digest, block); });
  std::array<std::byte, 20> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(digest[i / 4] >> 8 * (3 - i % 4));
  }
  return bytes;
}

}  // namespace wswrap::codec
