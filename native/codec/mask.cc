// Masking at memory speed.
//
// Whole blocks are loaded before they are stored, front to back, so that every distance between
// `out` and `in` is safe as long as `out` is not the higher of the two: what a store overwrites has
// been loaded already. A vector type says so to the compiler; left to itself it would have to prove
// that the two do not overlap, and gcc does not vectorise `p[i] ^= key[i & 3]` at all.
#include "codec/mask.h"

#include <cstring>

namespace wswrap::codec {
namespace {

using Word = std::uint64_t;
using Vector [[gnu::vector_size(16)]] = Word;

// XORs `count` words or vectors, all of them loaded before the first is stored.
template <std::size_t count, typename T>
[[gnu::always_inline]] inline void unmask_block(std::byte* out, const std::byte* in, const T& key) {
  std::array<T, count> block;
#pragma GCC unroll 8
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(&block[i], in + i * sizeof(T), sizeof(T));
    block[i] ^= key;
  }
#pragma GCC unroll 8
  for (std::size_t i = 0; i < count; ++i) std::memcpy(out + i * sizeof(T), &block[i], sizeof(T));
}

}  // namespace

void unmask(std::byte* out, const std::byte* in, std::size_t size,
            std::array<std::uint8_t, 4> key) {
  std::uint32_t half;
  std::memcpy(&half, key.data(), sizeof half);
  const Word word = Word{half} << 32 | half;
  const Vector vector{word, word};

  std::size_t i = 0;
  for (; size - i >= 64; i += 64) unmask_block<4>(out + i, in + i, vector);
  for (; size - i >= 8; i += 8) unmask_block<1>(out + i, in + i, word);
  for (; i < size; ++i) out[i] = in[i] ^ std::byte{key[i % 4]};
}

}  // namespace wswrap::codec
