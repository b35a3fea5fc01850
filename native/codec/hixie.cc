#include "codec/hixie.h"

#include <cstring>

#include "codec/md5.h"
#include "codec/text.h"

namespace wswrap::codec {

std::optional<std::uint32_t> hixie_key_number(std::string_view key) {
  std::uint64_t number = 0;
  std::uint64_t spaces = 0;
  for (const char c : key) {
    if (c == ' ') ++spaces;
    if (!is_digit(c)) continue;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
    if (number > 0xffff'ffff) return std::nullopt;
  }
  if (spaces == 0 || number % spaces != 0) return std::nullopt;
  return static_cast<std::uint32_t>(number / spaces);
}

std::array<std::byte, 16> hixie_challenge(std::uint32_t key1, std::uint32_t key2, HixieBody body) {
  std::array<std::byte, 16> message;
  for (std::size_t i = 0; i < 4; ++i) {
    message[i] = static_cast<std::byte>(key1 >> (24 - 8 * i));
    message[4 + i] = static_cast<std::byte>(key2 >> (24 - 8 * i));
  }
  std::memcpy(message.data() + 8, body.data(), body.size());
  return md5(message);
}

}  // namespace wswrap::codec
