// Masking at memory speed.
//
// Whole blocks are loaded before they are stored, front to back, so that every distance between
// `out` and `in` is safe as long as `out` is not the higher of the two: what a store overwrites has
// been loaded already. A vector type says so to the compiler; left to itself it would have to prove
// that the two do not overlap, and gcc does not vectorise `p[i] ^= key[i & 3]` at all.
#include "codec/mask.h"

#include <cstring>

#include "codec/machine.h"

namespace wswrap::codec {
namespace {

using Word = std::uint64_t;
using Vector [[gnu::vector_size(16)]] = Word;
using WideVector [[gnu::vector_size(32)]] = Word;

// From here on it pays to ask what the machine has.
constexpr std::size_t large = 512;

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

// Four vectors at a time, as long as there are as many. Returns how many bytes that makes.
template <typename T>
[[gnu::always_inline]] inline std::size_t unmask_blocks(std::byte* out, const std::byte* in,
                                                        std::size_t size, const T& key) {
  constexpr std::size_t step = 4 * sizeof(T);
  std::size_t i = 0;
  for (; size - i >= step; i += step) unmask_block<4>(out + i, in + i, key);
  return i;
}

#ifdef __x86_64__
[[gnu::target("avx2")]] std::size_t unmask_wide(std::byte* out, const std::byte* in,
                                                std::size_t size, Word word) {
  return unmask_blocks(out, in, size, WideVector{word, word, word, word});
}
#endif

}  // namespace

void unmask(std::byte* out, const std::byte* in, std::size_t size,
            std::array<std::uint8_t, 4> key) {
  std::uint32_t half;
  std::memcpy(&half, key.data(), sizeof half);
  const Word word = Word{half} << 32 | half;

  std::size_t i = 0;
#ifdef __x86_64__
  if (size >= large && machine::has_avx2()) i = unmask_wide(out, in, size, word);
#endif
  i += unmask_blocks(out + i, in + i, size - i, Vector{word, word});
  for (; size - i >= 8; i += 8) unmask_block<1>(out + i, in + i, word);
  for (; i < size; ++i) out[i] = in[i] ^ std::byte{key[i % 4]};
}

}  // namespace wswrap::codec
