// What a client can do wrong: the close code it gets (RFC 6455 section 7.4.1) and words for the
// log.
#pragma once

#include <cstdint>

#include "codec/protocol.h"

namespace wswrap::codec {

// In the order in which a frame is looked at.
enum class Failure : std::uint8_t {
  none,
  reserved_bit,
  reserved_opcode,
  fragmented_control,
  stray_continuation,
  unfinished_message,
  unmasked,
  long_control,
  long_form,
  huge_length,
  short_close,
  illegal_close_code,
  close_reason,
  text,
  base64_character,
  hixie_type,
  hixie_length,
};

struct Violation {
  std::uint16_t close_code;
  const char* text;
};

// The close code and the words for a failure; harmless for a value that is none.
constexpr Violation violation(Failure failure) {
  using namespace close_code;
  switch (failure) {
    case Failure::reserved_bit:
      return {protocol_error, "reserved bit set in a frame header"};
    case Failure::reserved_opcode:
      return {protocol_error, "reserved opcode"};
    case Failure::fragmented_control:
      return {protocol_error, "control frame without FIN"};
    case Failure::stray_continuation:
      return {protocol_error, "continuation frame outside of a message"};
    case Failure::unfinished_message:
      return {protocol_error, "new message inside a fragmented message"};
    case Failure::unmasked:
      return {protocol_error, "frame without a mask"};
    case Failure::long_control:
      return {protocol_error, "control frame with more than 125 bytes"};
    case Failure::long_form:
      return {protocol_error, "frame length not in its shortest form"};
    case Failure::huge_length:
      return {protocol_error, "frame length with the top bit set"};
    case Failure::short_close:
      return {protocol_error, "close frame with one byte of payload"};
    case Failure::illegal_close_code:
      return {protocol_error, "illegal close code"};
    case Failure::close_reason:
      return {invalid_payload, "close reason is not UTF-8"};
    case Failure::text:
      return {invalid_payload, "text message is not UTF-8"};
    case Failure::base64_character:
      return {invalid_payload, "payload is not base64"};
    case Failure::hixie_type:
      return {protocol_error, "unknown Hixie frame type"};
    case Failure::hixie_length:
      return {protocol_error, "Hixie frame length out of range"};
    case Failure::none:
      break;
  }
  return {protocol_error, "no failure"};
}

}  // namespace wswrap::codec
