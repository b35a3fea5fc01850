// A caller of decode() in the simplest way, and what it has seen at the end.
#pragma once

#include <algorithm>
#include <ostream>

#include "bytes.h"
#include "codec/receiver.h"

namespace wswrap::test {

struct Seen {
  Bytes payload;
  codec::Receiver::Phase phase;
  std::uint16_t close_code;
  std::string_view failure;
  bool ping_waiting;
  Bytes control;

  bool operator==(const Seen&) const = default;
};

inline Seen seen(const codec::Receiver& receiver, Bytes payload) {
  const auto control = std::as_bytes(std::span{receiver.control}.first(receiver.control_size));
  return {.payload = std::move(payload),
          .phase = receiver.phase,
          .close_code = receiver.close_code,
          .failure = codec::failure_text(receiver),
          .ping_waiting = receiver.ping_waiting,
          .control = {control.begin(), control.end()}};
}

inline std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << "{phase " << static_cast<int>(seen.phase) << ", code " << seen.close_code << ", "
             << seen.failure << ", ping " << seen.ping_waiting << ", control "
             << to_hex(seen.control) << ", " << seen.payload.size() << " bytes "
             << to_hex(
                    std::span{seen.payload}.first(std::min<std::size_t>(seen.payload.size(), 40)))
             << '}';
}

// Shows `wire` to decode() in pieces of at most `step` bytes and takes the payload with enough
// room.
inline Seen read_in_steps(codec::Receiver receiver, std::span<const std::byte> wire,
                          std::size_t step) {
  Bytes payload;
  while (!wire.empty()) {
    const Exact in(wire.first(std::min(step, wire.size())));
    const Exact out(in.span().size());
    const codec::Decoded decoded = codec::decode(receiver, in.span(), out.span());
    append(payload, out.span().first(decoded.produced));
    wire = wire.subspan(decoded.consumed);
    if (decoded.consumed < in.span().size()) break;  // closed or failed
  }
  return seen(receiver, std::move(payload));
}

}  // namespace wswrap::test
