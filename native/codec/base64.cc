// Base64 towards the client.
#include "codec/base64.h"

namespace wswrap::codec {
namespace {

std::byte character(unsigned bits) { return static_cast<std::byte>(base64_alphabet[bits & 63]); }

}  // namespace

std::size_t base64_encode(std::span<const std::byte> in, std::span<std::byte> out) {
  const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(in[i]); };
  std::byte* to = out.data();
  std::size_t i = 0;
  for (; in.size() - i >= 3; i += 3) {
    const unsigned bits = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    for (const int shift : {18, 12, 6, 0}) *to++ = character(bits >> shift);
  }
  if (const std::size_t left = in.size() - i; left > 0) {
    const unsigned bits = at(i) << 16 | (left == 2 ? at(i + 1) << 8 : 0);
    *to++ = character(bits >> 18);
    *to++ = character(bits >> 12);
    *to++ = left == 2 ? character(bits >> 6) : std::byte{'='};
    *to++ = std::byte{'='};
  }
  return static_cast<std::size_t>(to - out.data());
}

}  // namespace wswrap::codec
