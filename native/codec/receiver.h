// Receiver: what the client sends, decoded in place.
//
// The state is a plain record, so that it may live in memory shared by several processes and may
// be copied to look ahead: decoding into a copy tells what a read would return without touching
// anything. There is no buffer: what cannot be delivered yet is a few header bytes, a control
// payload, or the bits of a base64 character that do not make a byte, and these fit the record.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "codec/protocol.h"

namespace wswrap::codec {

struct Receiver {
  enum class Phase : std::uint8_t {
    header,   // the next wire byte belongs to a frame header (or a Hixie frame type)
    payload,  // inside the payload of a data frame; `remaining` wire bytes of it are left
    control,  // inside the payload of a control frame
    closed,   // a Close frame was received: nothing after it is looked at
    failed,   // the peer broke the protocol: `close_code` says how, failure_text() in words
  };

  alignas(8) std::uint64_t remaining = 0;  // wire bytes left in the frame in progress
  Dialect dialect = Dialect::rfc6455;
  Encoding encoding = Encoding::binary;
  Phase phase = Phase::header;
  Opcode opcode = Opcode::continuation;  // of the frame in progress
  Flag fin = true;                       // FIN of the frame in progress
  Flag in_message = false;               // a fragmented message is open
  Flag text_message = false;             // ... and it is text
  Flag ping_waiting = false;             // control[0, control_size) is a ping nobody answered yet
  std::uint8_t header_size = 0;          // bytes of `header` present
  std::uint8_t control_size = 0;         // bytes of `control` present
  std::uint8_t quad_size = 0;            // characters of the base64 quad in progress, 0 to 3
  std::uint8_t quad_last = 0;            // the value of the last of them; `quad_padding`: 64
  std::uint8_t failure = 0;              // index for failure_text()
  std::uint8_t utf8_state = 0;           // see utf8.h
  std::uint16_t close_code = 0;          // closed: the peer's code or 1005; failed: ours to send
  std::array<std::uint8_t, 4> mask{};    // masking key, rotated so that [0] is for the next byte
  std::array<std::uint8_t, 14> header{};
  std::array<std::uint8_t, 125> control{};  // payload of a ping or close (a pong's is dropped)
};

// What decode() did: `consumed` bytes of `in` were used up, `produced` payload bytes are in `out`.
struct Decoded {
  std::size_t consumed = 0;
  std::size_t produced = 0;
};

// Decodes wire bytes. A byte of them makes at most one of payload. `out` may be the same memory as
// `in`, start before it, or be disjoint, but must not start inside `in` (payload never moves to
// higher addresses). What `out` overlaps of what was consumed is overwritten. Decoding stops when
//  - `in` is used up,
//  - the next wire byte is payload and `out` is full (non-payload bytes that come before it are
//    still consumed),
//  - the phase becomes closed or failed; from then on nothing is consumed.
// Payload that came before a Close frame or a violation in the same call is produced. (For a text
// message that is not UTF-8: the bytes before the offending one are produced.)
// With an empty `out` this consumes exactly the leading bytes that hold no payload.
//
// Each base64 character after the first of a quad completes a byte, which is delivered with it: no
// byte ever waits for the rest of its quad, and none is left when the wire is read to its end.
// Whitespace is skipped; other characters outside of the alphabet are a violation (1007).
//
// Violations (RFC 6455 sections 5 and 7.4, close code 1002 unless noted): unmasked frame, RSV bit,
// reserved opcode, control frame > 125 bytes or without FIN, continuation without a message, data
// frame inside a message, length with the top bit set or not in its shortest form, Close payload of
// one byte, illegal close code, close reason that is not UTF-8 (1007), text that is not UTF-8
// (1007). Hixie (always base64): a frame type other than 00 and ff is a violation; `ff 00` is the
// Close; the type ff with a length other than 0 is skipped (its payload is discarded); `00 ff` is
// an empty frame.
Decoded decode(Receiver& receiver, std::span<const std::byte> in, std::span<std::byte> out);

// How many of the next wire bytes cannot be payload, whatever they are: what is missing of the
// frame header in progress (at least; 6 at a frame boundary, because a header with a masking key
// is never shorter), the rest of a control payload and the smallest header after it, or the first
// character of a base64 quad. For Hixie, 1 between frames and before a quad. 0 in the middle of a
// data frame otherwise, and when closed or failed. Never more than 131.
std::size_t overhead_ahead(const Receiver& receiver);

// True when every wire byte that comes next is certain to be payload that can be delivered at once
// (or a violation): in the middle of a binary data frame.
bool payload_ahead(const Receiver& receiver);

// A quick look at what comes next: true if decode() of it would certainly produce payload. False
// says nothing. Reads little of the receiver, which may be in memory that others write to.
inline bool begins_with_payload(const Receiver& receiver, std::span<const std::byte> wire) {
  if (receiver.phase != Receiver::Phase::header || receiver.header_size != 0) return false;
  if (receiver.in_message || receiver.encoding != Encoding::binary) return false;
  constexpr std::size_t smallest = 7;  // of a frame with payload
  if (receiver.dialect != Dialect::rfc6455 || wire.size() < smallest) return false;
  const auto first = std::to_integer<unsigned>(wire[0]);
  const auto second = std::to_integer<unsigned>(wire[1]);
  constexpr unsigned masked = 0x80;
  const bool is_binary = (first & 0x7f) == static_cast<unsigned>(Opcode::binary);
  return is_binary && second > masked && second < (masked | 126);
}

// False when the record cannot come from this code: another process of the tree wrote into it.
bool is_plausible(const Receiver& receiver);

// A few words for the log on why the phase is failed; never null.
const char* failure_text(const Receiver& receiver);

}  // namespace wswrap::codec
