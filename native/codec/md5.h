// MD5 (RFC 1321), for the Hixie-76 challenge only: not for anything secret.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace wswrap::codec {

std::array<std::byte, 16> md5(std::span<const std::byte> message);

}  // namespace wswrap::codec
