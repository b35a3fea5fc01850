// Masking: every distance, size and alignment against the definition in RFC 6455 section 5.3.
#include "codec/mask.h"

#include <cstring>

#include "bytes.h"
#include "check.h"

namespace wswrap::test {
namespace {

using Key = std::array<std::uint8_t, 4>;
constexpr Key key{0x12, 0x00, 0xfe, 0x77};

Bytes unmasked(std::span<const std::byte> in) {
  Bytes result(in.begin(), in.end());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] ^= std::byte{key[i % 4]};
  return result;
}

// `out` starts `distance` bytes before `in`, in a heap block that ends where `in` ends.
void check_distance(Random& random, std::size_t size, std::size_t distance, bool is_short = false) {
  const Bytes masked = random.bytes(size);
  const Exact memory(distance + size);
  std::byte* const in = memory.span().data() + distance;
  std::copy(masked.begin(), masked.end(), in);
  if (is_short) {
    codec::unmask_short(memory.span().data(), in, size, key);
  } else {
    codec::unmask(memory.span().data(), in, size, key);
  }
  const Bytes expected = unmasked(masked);
  expect(std::equal(expected.begin(), expected.end(), memory.span().begin()),
         "size " + std::to_string(size) + ", distance " + std::to_string(distance));
}

const Test small("unmask moves any size down by any distance", [] {
  Random random(1);
  for (std::size_t size = 0; size <= 150; ++size) {
    for (std::size_t distance = 0; distance <= 80; ++distance) {
      check_distance(random, size, distance);
      check_distance(random, size, distance, true);
    }
  }
});

const Test large("unmask moves large payloads down by any small distance", [] {
  Random random(2);
  for (std::size_t distance = 0; distance <= 16; ++distance) {
    check_distance(random, 10'000 + distance, distance);
  }
});

const Test disjoint("unmask writes to disjoint memory and leaves the rest alone", [] {
  Random random(3);
  for (std::size_t size = 0; size <= 200; ++size) {
    const Exact in(random.bytes(size));
    const Bytes before(in.span().begin(), in.span().end());
    const Exact out(size);
    codec::unmask(out.span().data(), in.span().data(), size, key);
    const Bytes expected = unmasked(before);
    expect(std::equal(expected.begin(), expected.end(), out.span().begin()), "the payload");
    expect(std::equal(before.begin(), before.end(), in.span().begin()), "the wire bytes");
  }
});

const Test rotated("rotate continues the key after any number of bytes", [] {
  Random random(4);
  const Bytes masked = random.bytes(100);
  const Bytes expected = unmasked(masked);
  for (std::size_t cut = 0; cut <= masked.size(); ++cut) {
    Bytes out(masked.size());
    codec::unmask(out.data(), masked.data(), cut, key);
    codec::unmask(out.data() + cut, masked.data() + cut, masked.size() - cut,
                  codec::rotate(key, cut));
    expect(out == expected, "cut at " + std::to_string(cut));
  }
});

}  // namespace
}  // namespace wswrap::test
