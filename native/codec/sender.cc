#include "codec/sender.h"

#include <algorithm>
#include <cstring>

#include "codec/base64.h"
#include "codec/segments.h"
#include "codec/utf8.h"

namespace wswrap::codec {
namespace {

constexpr std::byte hixie_start{0x00};
constexpr std::byte hixie_end{0xff};

// A base64 frame whose tail fits Sender::pending, so that a short write never leaves one open: the
// server's next write need not end where a quad ends.
constexpr std::size_t max_encoded_payload = 93;
static_assert(base64_size(max_encoded_payload) < 126);
static_assert(2 + base64_size(max_encoded_payload) <= sizeof(Sender::pending));
static_assert(Plan::max_frames * (2 + base64_size(max_encoded_payload)) <= Plan::encoded_room);

void add(Plan& plan, std::span<const std::byte> bytes) {
  plan.iov[plan.count++] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
  plan.wire_size += bytes.size();
}

void plan_frames(const Sender& sender, Segments& rest, Plan& plan) {
  bool in_message = sender.in_message;
  std::uint8_t utf8_state = sender.utf8_state;
  while (!rest.done() && plan.frames < Plan::max_frames && plan.count + 2 <= Plan::max_iov) {
    Plan::Frame& frame = plan.frame[plan.frames];
    iovec& header = plan.iov[plan.count++];
    std::size_t size = 0;
    while (!rest.done() && size < max_frame && plan.count < Plan::max_iov) {
      const auto run = rest.next(max_frame - size);
      add(plan, run);
      size += run.size();
      if (!sender.text) continue;
      utf8_advance(utf8_state, run);
      if (utf8_state == utf8_reject) utf8_state = utf8_accept;
    }
    frame.payload = static_cast<std::uint32_t>(size);
    frame.fin = !sender.text || utf8_state == utf8_accept;
    frame.utf8_after = utf8_state;
    const Opcode data = sender.text ? Opcode::text : Opcode::binary;
    frame.header_size = static_cast<std::uint8_t>(
        write_header(in_message ? Opcode::continuation : data, frame.fin, size, frame.header));
    header = {frame.header.data(), frame.header_size};
    plan.wire_size += frame.header_size;
    in_message = !frame.fin;
    ++plan.frames;
  }
}

void plan_encoded(const Sender& sender, Segments& rest, Plan& plan) {
  std::size_t used = 0;
  while (!rest.done() && plan.frames < Plan::max_frames) {
    std::array<std::byte, max_encoded_payload> payload;
    const std::size_t size = gather(rest, payload);
    rest.advance(size);
    const std::size_t start = used;
    used += encoded_frame_size(sender.dialect, size);
    write_encoded_frame(sender.dialect, std::span(payload).first(size),
                        std::span(plan.encoded).subspan(start, used - start));
    plan.frame[plan.frames++] = {.payload = static_cast<std::uint32_t>(size),
                                 .wire = static_cast<std::uint32_t>(used - start),
                                 .header_size = 0,
                                 .fin = true,
                                 .utf8_after = utf8_accept,
                                 .header = {}};
  }
  if (used != 0) add(plan, std::span(plan.encoded).first(used));
}

void keep_tail(Sender& sender, std::span<const std::byte> tail) {
  std::memcpy(sender.pending.data(), tail.data(), tail.size());
  sender.pending_size = static_cast<std::uint8_t>(tail.size());
  sender.pending_sent = 0;
}

std::size_t commit_frames(Sender& sender, const Plan& plan, std::size_t taken) {
  std::size_t written = 0;
  for (std::size_t i = 0; i < plan.frames && taken > 0; ++i) {
    const Plan::Frame& frame = plan.frame[i];
    sender.in_message = !frame.fin;
    sender.utf8_state = frame.utf8_after;
    const std::size_t header = std::min<std::size_t>(taken, frame.header_size);
    if (header < frame.header_size) {
      keep_tail(sender, std::span(frame.header).first(frame.header_size).subspan(header));
    }
    taken -= header;
    const std::size_t payload = std::min<std::size_t>(taken, frame.payload);
    sender.promised = static_cast<std::uint32_t>(frame.payload - payload);
    taken -= payload;
    written += payload;
  }
  return written;
}

std::size_t commit_encoded(Sender& sender, const Plan& plan, std::size_t taken) {
  std::size_t written = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < plan.frames && taken > 0; ++i) {
    const Plan::Frame& frame = plan.frame[i];
    const std::size_t size = std::min<std::size_t>(taken, frame.wire);
    if (size < frame.wire) {
      keep_tail(sender, std::span(plan.encoded).subspan(start + size, frame.wire - size));
    }
    start += frame.wire;
    taken -= size;
    written += frame.payload;
  }
  return written;
}

void plan_pending(const Sender& sender, Plan& plan) {
  plan.count = plan.wire_size = plan.frames = plan.resumed = 0;
  plan.pending = static_cast<std::size_t>(sender.pending_size - sender.pending_sent);
  if (plan.pending != 0) {
    add(plan, std::span(sender.pending).subspan(sender.pending_sent, plan.pending));
  }
}

}  // namespace

void plan(const Sender& sender, std::span<const iovec> payload, Plan& plan) {
  plan_pending(sender, plan);
  if (sender.close_queued) return;
  Segments rest(payload);
  if (sender.encoding == Encoding::base64) return plan_encoded(sender, rest, plan);
  while (!rest.done() && plan.resumed < sender.promised && plan.count < Plan::max_iov) {
    const auto run = rest.next(sender.promised - plan.resumed);
    add(plan, run);
    plan.resumed += run.size();
  }
  if (plan.resumed == sender.promised) plan_frames(sender, rest, plan);
}

void plan_header(const Sender& sender, std::size_t size, Plan& plan) {
  plan_pending(sender, plan);
  if (sender.close_queued || sender.promised != 0 || size == 0) return;
  Plan::Frame& frame = plan.frame[plan.frames++];
  frame.payload = static_cast<std::uint32_t>(std::min(size, max_frame));
  frame.fin = true;
  frame.utf8_after = utf8_accept;
  frame.header_size =
      static_cast<std::uint8_t>(write_header(Opcode::binary, true, frame.payload, frame.header));
  add(plan, std::span(frame.header).first(frame.header_size));
}

std::size_t commit(Sender& sender, const Plan& plan, std::size_t taken) {
  const std::size_t pending = std::min(taken, plan.pending);
  sender.pending_sent = static_cast<std::uint8_t>(sender.pending_sent + pending);
  if (sender.pending_sent == sender.pending_size) sender.pending_sent = sender.pending_size = 0;
  taken -= pending;
  const std::size_t resumed = std::min(taken, plan.resumed);
  sender.promised = static_cast<std::uint32_t>(sender.promised - resumed);
  taken -= resumed;
  return resumed + (sender.encoding == Encoding::base64 ? commit_encoded(sender, plan, taken)
                                                        : commit_frames(sender, plan, taken));
}

std::size_t encoded_frame_size(Dialect dialect, std::size_t payload) {
  const std::size_t size = base64_size(payload);
  return size + (dialect == Dialect::hixie ? 2 : header_size(size));
}

void write_encoded_frame(Dialect dialect, std::span<const std::byte> payload,
                         std::span<std::byte> out) {
  if (dialect == Dialect::hixie) {
    out.front() = hixie_start;
    base64_encode(payload, out.subspan(1));
    out.back() = hixie_end;
    return;
  }
  std::array<std::byte, max_server_header> header;
  const std::size_t size = write_header(Opcode::text, true, base64_size(payload.size()), header);
  std::memcpy(out.data(), header.data(), size);
  base64_encode(payload, out.subspan(size));
}

bool at_boundary(const Sender& sender) { return sender.pending_size == 0 && sender.promised == 0; }

bool queue_control(Sender& sender, Opcode opcode, std::span<const std::byte> payload) {
  if (!at_boundary(sender) || sender.close_queued) return false;
  const std::size_t size = std::min(payload.size(), max_control_payload);
  sender.pending[0] = static_cast<std::byte>(0x80 | static_cast<unsigned>(opcode));
  sender.pending[1] = static_cast<std::byte>(size);
  if (size != 0) std::memcpy(sender.pending.data() + 2, payload.data(), size);
  sender.pending_size = static_cast<std::uint8_t>(2 + size);
  sender.pending_sent = 0;
  return true;
}

bool queue_close(Sender& sender, std::uint16_t code, std::span<const std::byte> reason) {
  if (!at_boundary(sender) || sender.close_queued) return false;
  if (sender.dialect == Dialect::hixie) {
    sender.pending[0] = hixie_end;
    sender.pending[1] = std::byte{0};
    sender.pending_size = 2;
    sender.pending_sent = 0;
  } else {
    std::array<std::byte, max_control_payload> payload;
    std::size_t size = 0;
    if (code != close_code::none_received) {
      payload[0] = static_cast<std::byte>(code >> 8);
      payload[1] = static_cast<std::byte>(code & 0xff);
      const std::size_t text = std::min(reason.size(), payload.size() - 2);
      if (text != 0) std::memcpy(payload.data() + 2, reason.data(), text);
      size = 2 + text;
    }
    queue_control(sender, Opcode::close, std::span(payload).first(size));
  }
  sender.close_queued = true;
  return true;
}

bool is_plausible(const Sender& sender) {
  return sender.dialect <= Dialect::hixie && sender.encoding <= Encoding::base64 &&
         sender.pending_size <= sender.pending.size() &&
         sender.pending_sent <= sender.pending_size && sender.promised <= max_frame;
}

}  // namespace wswrap::codec
