// The sender against a kernel that takes as little as it likes and a client that is as strict as
// RFC 6455: whatever is written in whatever pieces arrives as the same bytes, in legal frames.
#include "codec/sender.h"

#include "bytes.h"
#include "check.h"
#include "codec/base64.h"
#include "codec/utf8.h"

namespace wswrap::test {
namespace {

using codec::Opcode;
using codec::Plan;
using codec::Sender;

// Hands one plan to the kernel, which takes `most` bytes at most and appends them to `wire`.
std::size_t transmit(Sender& sender, std::span<const iovec> payload, std::size_t most,
                     Bytes& wire) {
  static Plan plan;
  codec::plan(sender, payload, plan);
  std::size_t planned = 0;
  std::size_t taken = 0;
  for (const iovec& part : std::span{plan.iov}.first(plan.count)) {
    planned += part.iov_len;
    const std::size_t size = std::min(part.iov_len, most - taken);
    append(wire, {static_cast<const std::byte*>(part.iov_base), size});
    taken += size;
  }
  expect_equal(planned, plan.wire_size, "wire_size");
  return codec::commit(sender, plan, taken);
}

// What a client makes of the wire bytes.
struct Client {
  Bytes payload;
  int pings = 0;
  bool closed = false;
};

void read_base64(std::span<const std::byte> text, Bytes& payload) {
  expect_equal(text.size() % 4, 0U, "whole quads");
  for (std::size_t i = 0; i + 4 <= text.size(); i += 4) {
    std::uint32_t bits = 0;
    std::size_t padding = 0;
    for (const std::byte character : text.subspan(i, 4)) {
      padding += character == std::byte{'='};
      bits = bits << 6 | static_cast<std::uint32_t>(std::max(codec::base64_value(character), 0));
    }
    for (std::size_t k = 0; k < 3 - padding; ++k) {
      payload.push_back(static_cast<std::byte>(bits >> (16 - 8 * k)));
    }
  }
}

Client read_frames(std::span<const std::byte> wire, const Sender& sender) {
  Client client;
  bool in_message = false;
  std::uint8_t utf8_state = codec::utf8_accept;
  const auto take = [&](std::size_t size) {
    expect(size <= wire.size(), "the frame is whole");
    const auto taken = wire.first(std::min(size, wire.size()));
    wire = wire.subspan(taken.size());
    return taken;
  };
  const auto number = [](std::span<const std::byte> digits) {
    std::uint64_t value = 0;
    for (const std::byte digit : digits) value = value << 8 | std::to_integer<std::uint64_t>(digit);
    return value;
  };
  while (!wire.empty() && !client.closed) {
    const auto first = std::to_integer<unsigned>(take(1)[0]);
    const auto second = std::to_integer<unsigned>(take(1)[0]);
    const auto opcode = static_cast<Opcode>(first & 0x0f);
    const bool fin = (first & 0x80) != 0;
    expect_equal(first & 0x70, 0U, "reserved bits");
    std::uint64_t size = second;
    if (second == 126) {
      size = number(take(2));
      expect(size >= 126, "the shortest form of a length");
    } else if (second == 127) {
      size = number(take(8));
      expect(size >= 0x10000, "the shortest form of a length");
    } else {
      expect(second < 126, "no mask");
    }
    const auto payload = take(size);
    if (opcode >= Opcode::close) {
      expect(fin && size <= 125, "a legal control frame");
      client.pings += opcode == Opcode::ping;
      client.closed = opcode == Opcode::close;
      continue;
    }
    expect(size <= codec::max_frame, "a frame of at most 64 KiB");
    const bool text = sender.text || sender.encoding == codec::Encoding::base64;
    const Opcode expected = in_message ? Opcode::continuation
                            : text     ? Opcode::text
                                       : Opcode::binary;
    expect(opcode == expected, "the opcode");
    in_message = !fin;
    if (sender.encoding == codec::Encoding::base64) {
      read_base64(payload, client.payload);
      continue;
    }
    append(client.payload, payload);
    if (!text) continue;
    codec::utf8_advance(utf8_state, payload);
    expect_equal(fin, utf8_state == codec::utf8_accept, "messages end where code points do");
  }
  expect(wire.empty(), "nothing after a Close");
  return client;
}

Client read_hixie(std::span<const std::byte> wire) {
  Client client;
  while (!wire.empty() && wire[0] == std::byte{0}) {
    const auto end = std::find(wire.begin(), wire.end(), std::byte{0xff});
    expect(end != wire.end(), "the frame is whole");
    if (end == wire.end()) return client;
    const auto size = static_cast<std::size_t>(end - wire.begin());
    read_base64(wire.subspan(1, size - 1), client.payload);
    wire = wire.subspan(size + 1);
  }
  client.closed = to_hex(wire) == "ff00";
  expect(client.closed, "ff 00 and nothing else");
  return client;
}

// Memory of exact sizes, cut like a writev.
struct Gather {
  explicit Gather(std::span<const std::byte> payload, Random& random) {
    while (!payload.empty()) {
      const std::size_t size = random.chance(3) ? payload.size() : random.below(payload.size() + 1);
      parts.emplace_back(payload.first(size));
      iov.push_back({parts.back().span().data(), size});
      payload = payload.subspan(size);
    }
  }
  std::vector<Exact> parts;
  std::vector<iovec> iov;
};

std::size_t any_most(Random& random) {
  switch (random.below(4)) {
    case 0:
      return random.below(4);
    case 1:
      return random.below(200);
    default:
      return random.below(300'000);
  }
}

// A code point may be cut by any write.
Bytes any_payload(Random& random, bool text) {
  const std::size_t size = random.chance(20) ? random.below(200'000) : random.below(600);
  if (!text) return random.bytes(size);
  Bytes payload;
  while (payload.size() < size) append(payload, bytes(random.chance(2) ? "é€😀" : "plain"));
  return payload;
}

void check_stream(Random& random, Sender sender) {
  const bool hixie = sender.dialect == codec::Dialect::hixie;
  const Bytes payload = any_payload(random, sender.text);
  std::span<const std::byte> rest = payload;
  Bytes wire;
  int pings = 0;
  while (!rest.empty()) {
    if (!hixie && random.chance(6)) {
      const bool boundary = codec::at_boundary(sender);
      const bool queued =
          codec::queue_control(sender, Opcode::ping, random.bytes(random.below(126)));
      expect_equal(queued, boundary, "control frames only at a boundary");
      pings += queued;
    }
    const std::size_t size = random.chance(3) ? rest.size() : random.below(rest.size() + 1);
    const Gather gather(rest.first(size), random);
    const std::size_t written = transmit(sender, gather.iov, any_most(random), wire);
    expect(written <= size, "no more than was given");
    expect(codec::is_plausible(sender), "plausible");
    rest = rest.subspan(written);
  }
  while (!codec::at_boundary(sender)) transmit(sender, {}, 1, wire);
  expect(codec::queue_close(sender, 1000, bytes("bye")), "Close at the boundary");
  expect(!codec::queue_control(sender, Opcode::ping, {}), "nothing after a Close");
  const std::byte late{'x'};
  const iovec ignored{const_cast<std::byte*>(&late), 1};
  while (!codec::at_boundary(sender)) {
    expect_equal(transmit(sender, {&ignored, 1}, 3, wire), 0U, "no payload after a Close");
  }

  const Client client = hixie ? read_hixie(wire) : read_frames(wire, sender);
  expect(client.payload == payload, "the same bytes");
  expect(client.closed, "closed");
  expect_equal(client.pings, pings, "pings");
}

const Test streams("any writes and any short writes arrive as the same bytes", [] {
  Random random(30);
  for (int round = 0; round < 1500; ++round) {
    check_stream(random, {});
    check_stream(random, {.encoding = codec::Encoding::base64});
    check_stream(random, {.dialect = codec::Dialect::hixie, .encoding = codec::Encoding::base64});
  }
});

// In text, the bytes after a short write are the ones that were given before: as every server does.
const Test text("text frames hold whole code points, or go on in the next one", [] {
  Random random(31);
  for (int round = 0; round < 1500; ++round) check_stream(random, {.text = true});
});

const Test steady("without a short write, a write is its frames and nothing else", [] {
  Sender sender;
  Bytes wire;
  Bytes payload(2 * codec::max_frame + 1);
  const iovec all{payload.data(), payload.size()};
  expect_equal(transmit(sender, {&all, 1}, ~std::size_t{0}, wire), payload.size(),
               "all is written");
  expect_equal(wire.size(), payload.size() + 10 + 10 + 2, "three headers");
  expect(codec::at_boundary(sender), "nothing is left");
  wire.clear();
  expect_equal(transmit(sender, {}, 100, wire), 0U, "an empty write");
  expect(wire.empty(), "sends no frame");
});

const Test headers("headers have the shortest form", [] {
  const auto header = [](std::uint64_t length) {
    std::array<std::byte, codec::max_server_header> out;
    return to_hex(std::span{out}.first(codec::write_header(Opcode::binary, true, length, out)));
  };
  expect_equal(header(0), "8200", "0");
  expect_equal(header(125), "827d", "125");
  expect_equal(header(126), "827e007e", "126");
  expect_equal(header(0xffff), "827effff", "65535");
  expect_equal(header(0x10000), "827f0000000000010000", "65536");
});

const Test encoded("a base64 frame is as large as foretold, and holds the payload", [] {
  Random random(32);
  const Sender base64{.encoding = codec::Encoding::base64};
  for (int round = 0; round < 200; ++round) {
    // Sizes around those where the header grows.
    const std::size_t near = random.pick<std::size_t>({0, 92, 1000, 49'149});
    const Exact payload(random.bytes(near + random.below(4)));
    for (const auto dialect : {codec::Dialect::rfc6455, codec::Dialect::hixie}) {
      const Exact wire(codec::encoded_frame_size(dialect, payload.span().size()));
      codec::write_encoded_frame(dialect, payload.span(), wire.span());
      if (dialect == codec::Dialect::hixie) {
        expect(wire.span().front() == std::byte{0} && wire.span().back() == std::byte{0xff},
               "00 and ff around");
        Bytes decoded;
        read_base64(wire.span().subspan(1, wire.span().size() - 2), decoded);
        expect(std::ranges::equal(decoded, payload.span()), "the same bytes by Hixie");
        continue;
      }
      const Client client = read_frames(wire.span(), base64);
      expect(std::ranges::equal(client.payload, payload.span()), "the same bytes");
    }
  }
});

const Test garbled("a garbled record is seen to be one", [] {
  expect(codec::is_plausible({}), "a fresh one is fine");
  expect(!codec::is_plausible({.pending_size = 129}), "pending_size");
  expect(!codec::is_plausible({.pending_size = 5, .pending_sent = 6}), "pending_sent");
  expect(!codec::is_plausible({.promised = codec::max_frame + 1}), "promised");
});

}  // namespace
}  // namespace wswrap::test
