// Any payload, any framing, any split, any room: the same bytes. And what the receiver says about
// the bytes ahead is true, which is what readiness in the shim rests on.
#include "check.h"
#include "reader.h"
#include "traffic.h"

namespace wswrap::test {
namespace {

using codec::Decoded;
using codec::Receiver;
using Phase = Receiver::Phase;

std::size_t any_step(Random& random) {
  return random.chance(3) ? 1 + random.below(4) : 1 + random.below(400);
}

// Shows random pieces of the wire to decode(), lets it write to `place(piece)`, and takes what it
// gives, until nothing is left. What was not consumed is shown again, as a peeking reader does.
template <typename Place>
Bytes read_at_random(const Traffic& traffic, Random& random, Place place) {
  Receiver receiver = traffic.receiver;
  std::span<const std::byte> wire = traffic.wire;
  Bytes payload;
  int idle = 0;
  while (!wire.empty() && idle < 100) {
    const auto piece = wire.first(std::min(any_step(random), wire.size()));
    const auto [consumed, produced] = place(receiver, piece, payload);
    wire = wire.subspan(consumed);
    idle = consumed + produced > 0 ? 0 : idle + 1;
  }
  expect(wire.empty(), "all of the wire is consumed");
  return payload;
}

Decoded take(Receiver& receiver, std::span<const std::byte> in, std::span<std::byte> out,
             Bytes& payload) {
  const Decoded decoded = codec::decode(receiver, in, out);
  expect(decoded.consumed <= in.size() && decoded.produced <= out.size(), "within bounds");
  append(payload, out.first(decoded.produced));
  return decoded;
}

const Test apart("payload survives any split when decoded to other memory", [] {
  Random random(10);
  for (int round = 0; round < 6000; ++round) {
    const Traffic traffic = any_traffic(random);
    const Bytes result = read_at_random(
        traffic, random, [&](Receiver& receiver, std::span<const std::byte> piece, Bytes& payload) {
          const Exact in(piece);
          const Exact out(random.chance(3) ? random.below(3) : random.below(400));
          return take(receiver, in.span(), out.span(), payload);
        });
    expect(result == traffic.payload, "round " + std::to_string(round));
  }
});

const Test in_place("payload survives any split when decoded in place or to lower memory", [] {
  Random random(11);
  for (int round = 0; round < 6000; ++round) {
    const Traffic traffic = any_traffic(random);
    const std::size_t distance = random.chance(2) ? 0 : random.below(20);
    const Bytes result = read_at_random(
        traffic, random, [&](Receiver& receiver, std::span<const std::byte> piece, Bytes& payload) {
          const Exact memory(distance + piece.size());
          const auto in = memory.span().subspan(distance);
          std::copy(piece.begin(), piece.end(), in.begin());
          const std::size_t room =
              random.chance(3) ? random.below(memory.span().size() + 1) : memory.span().size();
          return take(receiver, in, memory.span().first(room), payload);
        });
    expect(result == traffic.payload, "round " + std::to_string(round));
  }
});

const Test no_room("without room, exactly the bytes that hold no payload are consumed", [] {
  Random random(12);
  for (int round = 0; round < 1500; ++round) {
    const Traffic traffic = any_traffic(random);
    Receiver receiver = traffic.receiver;
    std::span<const std::byte> wire = traffic.wire;
    Bytes payload;
    while (!wire.empty()) {
      const Exact in(wire.first(std::min(any_step(random), wire.size())));
      const Decoded skipped = take(receiver, in.span(), {}, payload);
      wire = wire.subspan(skipped.consumed);
      if (skipped.consumed == in.span().size()) continue;
      // The next byte must be payload.
      const Exact next(wire.first(1));
      const Exact out(3);
      const Decoded taken = take(receiver, next.span(), out.span(), payload);
      expect(taken.consumed == 1 && taken.produced == 1, "a byte of payload");
      wire = wire.subspan(1);
    }
    expect(payload == traffic.payload, "round " + std::to_string(round));
  }
});

const Test undelivered("no base64 quad keeps a byte back", [] {
  Random random(13);
  for (int round = 0; round < 1500; ++round) {
    const Traffic traffic = random.chance(2) ? base64_traffic(random) : hixie_traffic(random);
    Receiver receiver = traffic.receiver;
    std::span<const std::byte> wire = traffic.wire;
    Bytes payload;
    while (!wire.empty()) {
      const Exact in(wire.first(std::min(any_step(random), wire.size())));
      const Exact out(1);
      const Decoded decoded = take(receiver, in.span(), out.span(), payload);
      wire = wire.subspan(decoded.consumed);
    }
    expect_equal(int{receiver.quad_size}, 0, "no quad in progress");
    expect(payload == traffic.payload, "round " + std::to_string(round));
  }
});

const Test ahead("overhead_ahead and payload_ahead tell the truth at every byte", [] {
  Random random(14);
  for (int round = 0; round < 1500; ++round) {
    const Traffic traffic = any_traffic(random);
    Receiver receiver = traffic.receiver;
    std::span<const std::byte> wire = traffic.wire;
    Bytes payload;
    // Long payloads have nothing new to tell: their middle is taken in one step.
    while (!wire.empty()) {
      const std::size_t overhead = codec::overhead_ahead(receiver);
      expect(overhead <= 131, "bounded");
      expect(overhead == 0 || !codec::payload_ahead(receiver), "one of the two");
      Bytes out(overhead + 3);
      Receiver copy = receiver;
      const auto covered = wire.first(std::min(overhead, wire.size()));
      const Decoded over = codec::decode(copy, covered, out);
      expect_equal(over.produced, 0U, "payload in the overhead");
      expect_equal(over.consumed, covered.size(), "the overhead is consumed");

      copy = receiver;
      const Decoded next = codec::decode(copy, wire.first(1), out);
      if (codec::payload_ahead(receiver)) {
        expect(next.consumed == 1 && next.produced == 1, "a byte of payload");
      }
      const bool at_end = receiver.phase == Phase::header && receiver.header_size == 0;
      const bool hixie = receiver.dialect == codec::Dialect::hixie;
      if (at_end && !hixie) expect_equal(overhead, 6U, "at a frame boundary");

      const bool middle = codec::payload_ahead(receiver) && receiver.remaining > 20;
      const std::size_t step = middle ? receiver.remaining - 10 : 1;
      Bytes room(step + 2);
      const Decoded taken =
          take(receiver, wire.first(std::min<std::size_t>(step, wire.size())), room, payload);
      wire = wire.subspan(taken.consumed);
    }
    expect(payload == traffic.payload, "round " + std::to_string(round));
  }
});

// Fields only: a copy may carry other padding.
bool same(const Receiver& a, const Receiver& b) {
  return seen(a, {}) == seen(b, {}) && a.opcode == b.opcode && a.fin == b.fin &&
         a.in_message == b.in_message && a.header_size == b.header_size && a.mask == b.mask &&
         a.quad_size == b.quad_size && a.quad_last == b.quad_last && a.utf8_state == b.utf8_state &&
         a.remaining == b.remaining;
}

const Test look_ahead("decoding a copy looks ahead without changing anything", [] {
  Random random(15);
  for (int round = 0; round < 1500; ++round) {
    const Traffic traffic = any_traffic(random);
    Receiver receiver = traffic.receiver;
    std::span<const std::byte> wire = traffic.wire;
    Bytes payload;
    while (!wire.empty()) {
      const auto piece = wire.first(std::min(any_step(random), wire.size()));
      const Receiver before = receiver;
      Receiver copy = receiver;
      Bytes expected_out(piece.size() + 3);
      const Decoded expected = codec::decode(copy, piece, expected_out);
      expect(same(receiver, before), "the receiver is untouched");

      Bytes out(piece.size() + 3);
      const Decoded decoded = take(receiver, piece, out, payload);
      expect_equal(decoded.consumed, expected.consumed, "consumed as foreseen");
      expect_equal(decoded.produced, expected.produced, "produced as foreseen");
      expect(out == expected_out && same(receiver, copy), "the same in every respect");
      wire = wire.subspan(decoded.consumed);
    }
    expect(payload == traffic.payload, "round " + std::to_string(round));
  }
});

const Test one_byte_steps("every traffic reads the same whole and byte by byte", [] {
  Random random(16);
  for (int round = 0; round < 3000; ++round) {
    Traffic traffic = any_traffic(random);
    // A violation or a change of meaning somewhere: still the same.
    if (random.chance(2) && !traffic.wire.empty()) {
      traffic.wire[random.below(std::min<std::size_t>(traffic.wire.size(), 200))] = random.byte();
    }
    const Seen whole = read_in_steps(traffic.receiver, traffic.wire, traffic.wire.size());
    expect_equal(read_in_steps(traffic.receiver, traffic.wire, 1), whole, "byte by byte");
    expect_equal(read_in_steps(traffic.receiver, traffic.wire, 7), whole, "in steps of seven");
  }
});

}  // namespace
}  // namespace wswrap::test
