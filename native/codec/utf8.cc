// UTF-8 as a state machine: one table look-up per byte, built at compile time from the grammar of
// RFC 3629 section 4, so that the rules can be read off.
#include "codec/utf8.h"

#include <array>
#include <cstring>

namespace wswrap::codec {
namespace {

// What must come next inside a code point.
enum State : std::uint8_t {
  accept = utf8_accept,
  reject = utf8_reject,
  tail1,     // one continuation byte
  tail2,     // two
  tail3,     // three
  after_e0,  // a0..bf (else overlong), then one
  after_ed,  // 80..9f (else a surrogate), then one
  after_f0,  // 90..bf (else overlong), then two
  after_f4,  // 80..8f (else beyond U+10FFFF), then two
  states,
};

constexpr State next_state(State state, unsigned byte) {
  const auto is = [byte](unsigned first, unsigned last) { return byte >= first && byte <= last; };
  switch (state) {
    case accept:
      if (is(0x00, 0x7f)) return accept;
      if (is(0xc2, 0xdf)) return tail1;
      if (is(0xe0, 0xe0)) return after_e0;
      if (is(0xed, 0xed)) return after_ed;
      if (is(0xe1, 0xef)) return tail2;
      if (is(0xf0, 0xf0)) return after_f0;
      if (is(0xf1, 0xf3)) return tail3;
      if (is(0xf4, 0xf4)) return after_f4;
      return reject;
    case tail1:
      return is(0x80, 0xbf) ? accept : reject;
    case tail2:
      return is(0x80, 0xbf) ? tail1 : reject;
    case tail3:
      return is(0x80, 0xbf) ? tail2 : reject;
    case after_e0:
      return is(0xa0, 0xbf) ? tail1 : reject;
    case after_ed:
      return is(0x80, 0x9f) ? tail1 : reject;
    case after_f0:
      return is(0x90, 0xbf) ? tail2 : reject;
    case after_f4:
      return is(0x80, 0x8f) ? tail2 : reject;
    case reject:
    case states:
      return reject;
  }
  return reject;
}

constexpr auto next = [] {
  std::array<std::array<State, 256>, states> table{};
  for (unsigned state = 0; state < states; ++state) {
    for (unsigned byte = 0; byte < 256; ++byte) {
      table[state][byte] = next_state(static_cast<State>(state), byte);
    }
  }
  return table;
}();

// How many whole blocks of `text` are ASCII, in bytes.
std::size_t ascii_prefix(std::span<const std::byte> text) {
  std::array<std::uint64_t, 4> block;
  std::size_t i = 0;
  for (; text.size() - i >= sizeof block; i += sizeof block) {
    std::memcpy(block.data(), text.data() + i, sizeof block);
    if (((block[0] | block[1] | block[2] | block[3]) & 0x8080'8080'8080'8080) != 0) break;
  }
  return i;
}

}  // namespace

std::size_t utf8_advance(std::uint8_t& state, std::span<const std::byte> text) {
  // The state may come from memory that others can write.
  State now = state < states ? static_cast<State>(state) : reject;
  std::size_t i = 0;
  while (i < text.size() && now != reject) {
    if (now == accept) {
      i += ascii_prefix(text.subspan(i));
      if (i == text.size()) break;
    }
    // Non-ASCII text comes in runs: look for the fast path again only after a block of it.
    for (const std::size_t end = text.size() - i < 32 ? text.size() : i + 32; i < end; ++i) {
      now = next[now][std::to_integer<unsigned>(text[i])];
      if (now == reject) break;
    }
  }
  state = now;
  return i;
}

}  // namespace wswrap::codec
