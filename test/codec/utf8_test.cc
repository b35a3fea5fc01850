// UTF-8 against an independent reading of RFC 3629: a decoder that works on whole strings.
#include "codec/utf8.h"

#include <optional>

#include "bytes.h"
#include "check.h"

namespace wswrap::test {
namespace {

constexpr std::size_t npos = ~std::size_t{0};

struct Result {
  std::size_t valid;  // bytes before the first offending one
  std::uint8_t state;
};

Result advance(std::span<const std::byte> text) {
  const Exact exact(text);
  std::uint8_t state = codec::utf8_accept;
  const std::size_t valid = codec::utf8_advance(state, exact.span());
  return {valid, state};
}

std::string encode_code_point(std::uint32_t c) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xc0 | c >> 6), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xe0 | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xf0 | c >> 18), tail(12), tail(6), tail(0)};
}

const Test code_points("every code point is accepted, every surrogate refused", [] {
  for (std::uint32_t c = 0; c <= 0x10ffff; ++c) {
    const std::string text = encode_code_point(c);
    std::uint8_t state = codec::utf8_accept;
    const std::size_t valid = codec::utf8_advance(state, std::as_bytes(std::span{text}));
    const bool is_surrogate = c >= 0xd800 && c <= 0xdfff;
    const bool accepted = valid == text.size() && state == codec::utf8_accept;
    if (accepted == is_surrogate) expect_equal(accepted, !is_surrogate, std::to_string(c));
  }
});

struct Case {
  std::string_view hex;
  std::size_t offending;  // index of the first offending byte, or npos: the text just ends early
};

const Test invalid("malformed text is refused at its first offending byte", [] {
  const std::vector<Case> cases{
      {"80", 0},                         // a lone continuation byte
      {"bf", 0},          {"c0 80", 0},  // overlong
      {"c1 bf", 0},       {"e0 80 80", 1},
      {"e0 9f bf", 1},    {"f0 80 80 80", 1},
      {"f0 8f bf bf", 1}, {"ed a0 80", 1},     // surrogates
      {"ed bf bf", 1},    {"f4 90 80 80", 1},  // beyond U+10FFFF
      {"f5", 0},          {"f8 88 80 80 80", 0},
      {"fe", 0},          {"ff", 0},
      {"c2 41", 1},  // cut short by another character
      {"e2 82 41", 2},    {"f0 9f 98 c3", 3},
      {"41 42 ff", 2},    {"ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64", 12},
      {"c2", npos},  // cut short by the end
      {"e2 82", npos},    {"f0 9f 98", npos},
  };
  for (const Case& test : cases) {
    const Bytes text = hex(test.hex);
    // Anywhere relative to the fast path's blocks.
    for (std::size_t before = 0; before <= 70; ++before) {
      Bytes padded(before, std::byte{'a'});
      append(padded, text);
      const Result result = advance(padded);
      if (test.offending == npos) {
        expect_equal(result.valid, padded.size(), test.hex);
        expect(result.state != codec::utf8_accept && result.state != codec::utf8_reject, test.hex);
      } else {
        expect_equal(result.valid, before + test.offending, test.hex);
        expect_equal(int{result.state}, int{codec::utf8_reject}, test.hex);
      }
    }
  }
});

const Test split("text split anywhere is judged the same", [] {
  Random random(5);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    while (text.size() < 60) {
      text += encode_code_point(
          static_cast<std::uint32_t>(random.chance(2) ? random.below(0x80) : random.below(0xd800)));
    }
    Bytes mutated = bytes(text);
    if (random.chance(2)) mutated[random.below(mutated.size())] = random.byte();
    const Result whole = advance(mutated);
    const std::size_t cut = random.below(mutated.size() + 1);
    std::uint8_t state = codec::utf8_accept;
    std::size_t valid = codec::utf8_advance(state, std::span{mutated}.first(cut));
    if (valid == cut) valid += codec::utf8_advance(state, std::span{mutated}.subspan(cut));
    expect_equal(valid, whole.valid, "valid bytes");
    expect_equal(int{state}, int{whole.state}, "state");
  }
});

const Test garbled("a state that cannot be is a refusal", [] {
  for (int value = 9; value < 256; ++value) {
    auto state = static_cast<std::uint8_t>(value);
    expect_equal(codec::utf8_advance(state, bytes("text")), 0U, "valid bytes");
    expect_equal(int{state}, int{codec::utf8_reject}, "state");
  }
});

}  // namespace
}  // namespace wswrap::test
