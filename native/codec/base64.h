// Base64 (RFC 4648 section 4) towards the client.
#pragma once

#include <cstddef>
#include <span>

namespace wswrap::codec {

constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

// Writes the padded base64 form of `in` to `out` (base64_size(in.size()) characters, not
// overlapping). Returns the number of characters.
std::size_t base64_encode(std::span<const std::byte> in, std::span<std::byte> out);

// The value 0 to 63 of a base64 character, or -1.
int base64_value(std::byte character);

}  // namespace wswrap::codec
