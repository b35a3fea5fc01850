// The opening handshake of draft-hixie-thewebsocketprotocol-76, as browsers spoke it in 2010.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace wswrap::codec {

inline constexpr std::size_t hixie_body_size = 8;
using HixieBody = std::span<const char, hixie_body_size>;

// The number hidden in a Sec-WebSocket-Key1 or -Key2: its digits as one number, divided by how many
// spaces it has. Nothing if that is no 32-bit number without remainder (a key without spaces, say).
std::optional<std::uint32_t> hixie_key_number(std::string_view key);

// The sixteen bytes that follow the answer's head: proof that both numbers and the eight bytes
// after the request's head were read.
std::array<std::byte, 16> hixie_challenge(std::uint32_t key1, std::uint32_t key2, HixieBody body);

}  // namespace wswrap::codec
