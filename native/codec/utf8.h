// Incremental UTF-8 validation (RFC 3629; RFC 6455 section 8.1 asks to fail as soon as possible).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace wswrap::codec {

// The state between two calls: 0 between code points, 1 after an error, else inside a code point.
inline constexpr std::uint8_t utf8_accept = 0;
inline constexpr std::uint8_t utf8_reject = 1;

// Advances `state` over `text`. Returns how many bytes are before the first offending byte (all of
// them if none is; then state != utf8_reject). Has a fast path for ASCII.
std::size_t utf8_advance(std::uint8_t& state, std::span<const std::byte> text);

}  // namespace wswrap::codec
