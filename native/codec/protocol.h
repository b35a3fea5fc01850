// The vocabulary of RFC 6455 that the whole codec shares.
#pragma once

#include <cstdint>

namespace wswrap::codec {

// RFC 6455 section 5.2.
enum class Opcode : std::uint8_t {
  continuation = 0x0,
  text = 0x1,
  binary = 0x2,
  close = 0x8,
  ping = 0x9,
  pong = 0xa,
};

// A bool in memory that others may write to. There is no byte that it cannot hold, while a bool
// with a byte other than 0 and 1 makes the program's behaviour undefined.
class Flag {
 public:
  constexpr Flag() = default;
  constexpr Flag(bool value) : byte_(value ? 1 : 0) {}
  constexpr operator bool() const { return byte_ != 0; }

 private:
  std::uint8_t byte_ = 0;
};

// How frames are delimited. Hixie-75 and Hixie-76 differ in the handshake only.
enum class Dialect : std::uint8_t { rfc6455 = 0, hixie = 1 };

// How payload bytes are written inside of frames, in both directions.
enum class Encoding : std::uint8_t { binary = 0, base64 = 1 };

// RFC 6455 section 7.4.1 and the IANA registry.
namespace close_code {
inline constexpr std::uint16_t normal = 1000;
inline constexpr std::uint16_t going_away = 1001;
inline constexpr std::uint16_t protocol_error = 1002;
inline constexpr std::uint16_t unsupported_data = 1003;
inline constexpr std::uint16_t none_received = 1005;
inline constexpr std::uint16_t abnormal = 1006;
inline constexpr std::uint16_t invalid_payload = 1007;
inline constexpr std::uint16_t too_big = 1009;
inline constexpr std::uint16_t internal_error = 1011;
}  // namespace close_code

}  // namespace wswrap::codec
