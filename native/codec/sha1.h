// SHA-1 (FIPS 180-4, RFC 3174), for Sec-WebSocket-Accept only: not for anything secret.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace wswrap::codec {

std::array<std::byte, 20> sha1(std::span<const std::byte> message);

}  // namespace wswrap::codec
