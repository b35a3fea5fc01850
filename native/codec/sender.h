// Sender: what goes to the client, framed around the server's own memory.
//
// plan() lays out one gather call: bytes that must go first, then for each frame its header and
// the caller's payload, untouched. commit() is told how many wire bytes the kernel took and turns
// that into payload bytes. A header that went out promises its frame's length; what the kernel did
// not take of it stays promised, and the next write continues that frame (TCP is a stream: the next
// bytes are the next bytes). So nothing is ever buffered but the tail of something small: a header,
// a control frame, or a base64 frame (which is kept small for that reason).
//
// The state is a plain record: several processes may write to one connection in turn.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "codec/frame.h"
#include "codec/protocol.h"

namespace wswrap::codec {

struct Sender {
  Dialect dialect = Dialect::rfc6455;
  Encoding encoding = Encoding::binary;
  Flag text = false;          // data frames are text frames
  Flag close_queued = false;  // a Close frame is in `pending` or was sent: nothing follows it
  Flag in_message =
      false;  // text: the last frame ended inside a code point, a continuation follows
  std::uint8_t utf8_state = 0;           // text: of the payload written so far
  std::uint8_t pending_size = 0;         // bytes of `pending` that are filled
  std::uint8_t pending_sent = 0;         // ... and that the kernel took
  std::uint32_t promised = 0;            // payload bytes that the open frame still owes
  std::array<std::byte, 128> pending{};  // wire bytes that go before everything else
};

// The largest payload of one frame: larger writes become several frames in one gather call, so
// that little is ever promised and no client's message limit is hit.
inline constexpr std::size_t max_frame = 64 * 1024;

// One gather call. `iov[0, count)` is what to hand to the kernel.
struct Plan {
  static constexpr std::size_t max_frames = 16;
  static constexpr std::size_t max_iov = 64;
  static constexpr std::size_t encoded_room = 2048;
  std::size_t count = 0;
  std::size_t wire_size = 0;
  std::array<iovec, max_iov> iov;
  // For commit(): the frames in order.
  std::size_t pending = 0;  // wire bytes of Sender::pending at the front
  std::size_t resumed = 0;  // payload bytes that continue the open frame
  std::size_t frames = 0;
  struct Frame {
    std::uint32_t payload;     // payload bytes in the caller's memory
    std::uint32_t wire;        // encoded: wire bytes of the whole frame
    std::uint8_t header_size;  // plain: bytes of `header`
    bool fin;
    std::uint8_t utf8_after;
    std::array<std::byte, max_server_header> header;
  };
  std::array<Frame, max_frames> frame;
  std::array<std::byte, encoded_room> encoded;  // base64 frames, back to back
};

// Lays out as much of `payload` (the caller's iovecs) as one call may carry. An empty payload plans
// only what is pending.
void plan(const Sender& sender, std::span<const iovec> payload, Plan& plan);

// Lays out what must go before `size` bytes of payload that the kernel fetches by itself
// (sendfile(2)): what is pending, and a header unless a frame is open. Then `promised` bytes may
// follow. Not for text frames and base64, which depend on the payload.
void plan_header(const Sender& sender, std::size_t size, Plan& plan);

// Accounts for `taken` wire bytes of the plan. Returns how many payload bytes count as written.
std::size_t commit(Sender& sender, const Plan& plan, std::size_t taken);

// True if payload of `size` bytes is sent as one binary frame of its own, and if that leaves whole,
// the sender is as it was: then there is nothing to plan and to commit.
inline bool is_simple(const Sender& sender, std::size_t size) {
  return sender.encoding == Encoding::binary && sender.dialect == Dialect::rfc6455 &&
         !sender.text && !sender.close_queued && sender.pending_size == 0 && sender.promised == 0 &&
         size <= max_frame;
}

// True when a control frame may be queued: nothing is pending and no frame is open.
bool at_boundary(const Sender& sender);

// Queues a control frame. Returns false when not at a boundary or after a Close.
bool queue_control(Sender& sender, Opcode opcode, std::span<const std::byte> payload);

// Queues a Close frame (`ff 00` for Hixie; code 1005 means an empty payload). Returns as above.
bool queue_close(Sender& sender, std::uint16_t code, std::span<const std::byte> reason);

// The size of a base64 frame around `payload` bytes, and the frame itself; `out` holds as much. For
// those who have room for a whole frame, and so need not keep it small.
std::size_t encoded_frame_size(Dialect dialect, std::size_t payload);
void write_encoded_frame(Dialect dialect, std::span<const std::byte> payload,
                         std::span<std::byte> out);

// False when the record cannot come from this code: another process of the tree wrote into it.
bool is_plausible(const Sender& sender);

}  // namespace wswrap::codec
