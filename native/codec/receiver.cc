// The decoder: one pass over the wire bytes, payload moved to where it belongs on the way.
//
// The record may live in memory that a less privileged process can write. So whatever is used as an
// index or a size is clamped where it is used, and every step makes progress or stops: a garbled
// record garbles its own connection and nothing else.
#include "codec/receiver.h"

#include <algorithm>
#include <cstring>

#include "codec/base64.h"
#include "codec/mask.h"
#include "codec/utf8.h"
#include "codec/violation.h"

namespace wswrap::codec {
namespace {

using Phase = Receiver::Phase;

constexpr std::size_t smallest_header = 6;
// The largest payload whose length is in the header's second byte.
constexpr std::size_t most_in_short_form = 125;

constexpr std::byte padding{'='};
// In place of a value: a quad can only go on with more of it.
constexpr std::uint8_t quad_padding = 64;

// The size of a masked header as far as its first bytes tell.
std::size_t header_wanted(const std::uint8_t* header, std::size_t present) {
  if (present < 2) return smallest_header;
  const unsigned length = header[1] & 0x7f;
  return smallest_header + (length == 127 ? 8 : length == 126 ? 2 : 0);
}

bool is_control(Opcode opcode) { return opcode >= Opcode::close; }

// RFC 6455 section 7.4: what may stand in a Close frame.
bool is_legal_close_code(unsigned code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

bool is_hixie(const Receiver& receiver) { return receiver.dialect == Dialect::hixie; }

bool is_base64(const Receiver& receiver) {
  return receiver.encoding == Encoding::base64 || is_hixie(receiver);
}

// One call of decode(). Each step returns false when the call is over.
class Decoding {
 public:
  Decoding(Receiver& receiver, std::span<const std::byte> in, std::span<std::byte> out)
      : state_(receiver),
        in_(in.data()),
        in_end_(in.data() + in.size()),
        out_(out.data()),
        out_end_(out.data() + out.size()) {}

  void run() {
    while (step()) {
    }
  }

  const std::byte* in() const { return in_; }
  const std::byte* out() const { return out_; }

 private:
  bool step() {
    switch (state_.phase) {
      case Phase::header:
        return is_hixie(state_) ? hixie_header() : header();
      case Phase::payload:
        return is_base64(state_) ? base64_payload() : payload();
      case Phase::control:
        return control();
      case Phase::closed:
      case Phase::failed:
        break;
    }
    return false;
  }

  std::size_t available() const { return static_cast<std::size_t>(in_end_ - in_); }
  std::size_t room() const { return static_cast<std::size_t>(out_end_ - out_); }

  bool fail(Failure failure) {
    state_.phase = Phase::failed;
    state_.failure = static_cast<std::uint8_t>(failure);
    state_.close_code = violation(failure).close_code;
    return false;
  }

  // Takes `size` wire bytes of the frame in progress.
  void skip(std::size_t size) {
    in_ += size;
    state_.remaining -= size;
    state_.mask = rotate(state_.mask, size);
  }

  bool header() {
    if (state_.header_size != 0) return split_header();
    if (!state_.in_message && !is_base64(state_)) small_messages();
    if (available() < smallest_header) return split_header();
    const auto* whole = reinterpret_cast<const std::uint8_t*>(in_);
    const std::size_t size = header_wanted(whole, smallest_header);
    if (available() < size) return split_header();
    if (!check_first(whole[0]) || !check_second(whole[0], whole[1])) return false;
    in_ += size;
    return begin_frame(whole);
  }

  // The fast path: binary messages of one small frame, as long as they are whole and there is room.
  void small_messages() {
    constexpr std::byte final_binary{0x80 | static_cast<std::uint8_t>(Opcode::binary)};
    constexpr std::byte masked{0x80};
    const std::byte* const start = in_;
    while (available() >= smallest_header && in_[0] == final_binary) {
      const auto size = std::to_integer<std::size_t>(in_[1] ^ masked);
      if (size > most_in_short_form || size > available() - smallest_header || size > room()) {
        break;
      }
      std::array<std::uint8_t, 4> key;
      std::memcpy(key.data(), in_ + 2, key.size());
      unmask_short(out_, in_ + smallest_header, size, key);
      in_ += smallest_header + size;
      out_ += size;
    }
    if (in_ == start) return;
    state_.opcode = Opcode::binary;
    state_.fin = true;
    state_.text_message = false;
  }

  // Gathers a header byte by byte; a violation is seen at the first byte that shows it.
  bool split_header() {
    std::size_t size = std::min<std::size_t>(state_.header_size, state_.header.size() - 1);
    while (in_ != in_end_) {
      state_.header[size++] = std::to_integer<std::uint8_t>(*in_++);
      state_.header_size = static_cast<std::uint8_t>(size);
      if (size == 1 && !check_first(state_.header[0])) return false;
      if (size == 2 && !check_second(state_.header[0], state_.header[1])) return false;
      if (size >= header_wanted(state_.header.data(), size))
        return begin_frame(state_.header.data());
    }
    return false;
  }

  bool check_first(std::uint8_t first) {
    if ((first & 0x70) != 0) return fail(Failure::reserved_bit);
    const bool fin = (first & 0x80) != 0;
    switch (static_cast<Opcode>(first & 0x0f)) {
      case Opcode::continuation:
        return state_.in_message || fail(Failure::stray_continuation);
      case Opcode::text:
      case Opcode::binary:
        return !state_.in_message || fail(Failure::unfinished_message);
      case Opcode::close:
      case Opcode::ping:
      case Opcode::pong:
        return fin || fail(Failure::fragmented_control);
    }
    return fail(Failure::reserved_opcode);
  }

  bool check_second(std::uint8_t first, std::uint8_t second) {
    if ((second & 0x80) == 0) return fail(Failure::unmasked);
    if (is_control(static_cast<Opcode>(first & 0x0f)) && (second & 0x7f) > 125) {
      return fail(Failure::long_control);
    }
    return true;
  }

  // `header` is complete, and its first two bytes were checked.
  bool begin_frame(const std::uint8_t* header) {
    std::uint64_t length = header[1] & 0x7f;
    const std::uint8_t* next = header + 2;
    if (length >= 126) {
      const std::size_t size = length == 126 ? 2 : 8;
      length = 0;
      for (const std::uint8_t* end = next + size; next != end; ++next) length = length << 8 | *next;
      if (length >> 63 != 0) return fail(Failure::huge_length);
      if (length < (size == 2 ? 126U : 0x1'0000U)) return fail(Failure::long_form);
    }
    std::memcpy(state_.mask.data(), next, state_.mask.size());
    state_.header_size = 0;
    state_.opcode = static_cast<Opcode>(header[0] & 0x0f);
    state_.fin = (header[0] & 0x80) != 0;
    state_.remaining = length;

    if (is_control(state_.opcode)) {
      state_.phase = Phase::control;
      if (state_.opcode != Opcode::pong) {
        state_.control_size = 0;
        state_.ping_waiting = false;
      }
      return true;
    }
    if (state_.opcode != Opcode::continuation) state_.text_message = state_.opcode == Opcode::text;
    state_.in_message = !state_.fin;
    state_.phase = Phase::payload;
    return length > 0 || end_frame();
  }

  bool payload() {
    const std::size_t size = static_cast<std::size_t>(
        std::min<std::uint64_t>(state_.remaining, std::min(available(), room())));
    unmask(out_, in_, size, state_.mask);
    const std::size_t valid =
        state_.text_message ? utf8_advance(state_.utf8_state, {out_, size}) : size;
    out_ += valid;
    if (valid < size) {
      in_ += valid;
      return fail(Failure::text);
    }
    skip(size);
    return state_.remaining == 0 && end_frame();
  }

  // The payload of a data frame is complete.
  bool end_frame() {
    state_.phase = Phase::header;
    if (!state_.fin) return true;
    // Text of base64 characters is UTF-8, and a quad may go on in the next message: it is one
    // stream.
    if (is_base64(state_)) return true;
    return !state_.text_message || state_.utf8_state == utf8_accept || fail(Failure::text);
  }

  bool control() {
    const std::size_t size =
        static_cast<std::size_t>(std::min<std::uint64_t>(state_.remaining, available()));
    if (state_.opcode != Opcode::pong) {
      const std::size_t present = std::min<std::size_t>(state_.control_size, state_.control.size());
      if (size > state_.control.size() - present) return fail(Failure::long_control);
      unmask(reinterpret_cast<std::byte*>(state_.control.data() + present), in_, size, state_.mask);
      state_.control_size = static_cast<std::uint8_t>(present + size);
    }
    skip(size);
    if (state_.remaining > 0) return false;
    if (state_.opcode == Opcode::close) return close();
    state_.ping_waiting = state_.ping_waiting || state_.opcode == Opcode::ping;
    state_.phase = Phase::header;
    return true;
  }

  bool close() {
    if (state_.control_size == 1) return fail(Failure::short_close);
    std::uint16_t code = close_code::none_received;
    if (state_.control_size > 0) {
      code = static_cast<std::uint16_t>(state_.control[0] << 8 | state_.control[1]);
      if (!is_legal_close_code(code)) return fail(Failure::illegal_close_code);
      const auto reason =
          std::as_bytes(std::span{state_.control}.subspan(2, state_.control_size - 2U));
      std::uint8_t state = utf8_accept;
      utf8_advance(state, reason);
      if (state != utf8_accept) return fail(Failure::close_reason);
    }
    state_.close_code = code;
    state_.phase = Phase::closed;
    return false;
  }

  // A Hixie frame is `00`, base64, `ff`; or any type with the top bit set, a length in groups of
  // seven bits, and that many bytes, of which only `ff 00` has a meaning.
  bool hixie_header() {
    for (; in_ != in_end_; ++in_) {
      const auto byte = std::to_integer<std::uint8_t>(*in_);
      if (state_.header_size == 0) {
        if (byte != 0x00 && byte != 0xff) return fail(Failure::hixie_type);
        state_.remaining = 0;
        state_.fin = true;
        if (byte == 0xff) {
          state_.header_size = 1;
          continue;
        }
        ++in_;
        state_.opcode = Opcode::text;
        state_.remaining = ~std::uint64_t{0};
        state_.mask = {};
        state_.phase = Phase::payload;
        return true;
      }
      if (state_.remaining >> 56 != 0) return fail(Failure::hixie_length);
      state_.remaining = state_.remaining << 7 | (byte & 0x7f);
      if ((byte & 0x80) != 0) continue;
      ++in_;
      state_.header_size = 0;
      if (state_.remaining == 0) {
        state_.close_code = close_code::none_received;
        state_.control_size = 0;
        state_.phase = Phase::closed;
        return false;
      }
      state_.opcode = Opcode::pong;
      state_.phase = Phase::control;
      return true;
    }
    return false;
  }

  bool base64_payload() {
    for (;;) {
      if (state_.quad_size == 0) whole_quads();
      if (state_.remaining == 0) return end_frame();
      if (in_ == in_end_) return false;
      const std::byte character = *in_ ^ std::byte{state_.mask[0]};
      if (is_hixie(state_) && character == std::byte{0xff}) {
        ++in_;
        return end_frame();
      }
      if (is_space(character)) {
        skip(1);
      } else if (!base64_character(character)) {
        return false;
      }
    }
  }

  // The fast path: four characters in, three bytes out, until anything else comes.
  void whole_quads() {
    std::uint64_t quads =
        std::min<std::uint64_t>(std::min(available() / 4, room() / 3), state_.remaining / 4);
    const std::byte* const start = in_;
    for (; quads > 0; --quads, in_ += 4, out_ += 3) {
      const auto value = [&](std::size_t i) {
        return base64_value(in_[i] ^ std::byte{state_.mask[i]});
      };
      const int bits = value(0) << 18 | value(1) << 12 | value(2) << 6 | value(3);
      if (bits < 0) break;
      for (std::size_t i = 0; i < 3; ++i) out_[i] = static_cast<std::byte>(bits >> (16 - 8 * i));
    }
    state_.remaining -= static_cast<std::uint64_t>(in_ - start);
  }

  static bool is_space(std::byte character) {
    return character == std::byte{' '} ||
           (character >= std::byte{'\t'} && character <= std::byte{'\r'});
  }

  // Adds one character to the quad: six bits, of which those that are over complete a byte with
  // what the character before has left.
  bool base64_character(std::byte character) {
    const unsigned place = state_.quad_size & 3;
    const bool padded = state_.quad_last == quad_padding && place != 0;
    const int value = base64_value(character);
    const bool legal = character == padding ? place >= 2 : value >= 0 && !padded;
    if (!legal) return fail(Failure::base64_character);
    if (place > 0 && character != padding) {
      if (out_ == out_end_) return false;
      *out_++ = static_cast<std::byte>(state_.quad_last << (2 * place) | value >> (6 - 2 * place));
    }
    state_.quad_size = static_cast<std::uint8_t>((place + 1) & 3);
    state_.quad_last = character == padding ? quad_padding : static_cast<std::uint8_t>(value);
    skip(1);
    return true;
  }

  Receiver& state_;
  const std::byte* in_;
  const std::byte* const in_end_;
  std::byte* out_;
  std::byte* const out_end_;
};

}  // namespace

Decoded decode(Receiver& receiver, std::span<const std::byte> in, std::span<std::byte> out) {
  Decoding decoding(receiver, in, out);
  decoding.run();
  return {.consumed = static_cast<std::size_t>(decoding.in() - in.data()),
          .produced = static_cast<std::size_t>(decoding.out() - out.data())};
}

std::size_t overhead_ahead(const Receiver& receiver) {
  if (is_hixie(receiver) && receiver.phase != Phase::payload) {
    return receiver.phase == Phase::header || receiver.phase == Phase::control ? 1 : 0;
  }
  switch (receiver.phase) {
    case Phase::header: {
      const std::size_t present = receiver.header_size;
      const std::size_t wanted = header_wanted(receiver.header.data(), present);
      return wanted - std::min(present, wanted);
    }
    case Phase::control: {
      const auto left = static_cast<std::size_t>(
          std::min<std::uint64_t>(receiver.remaining, receiver.control.size()));
      return receiver.opcode == Opcode::close ? left : left + smallest_header;
    }
    case Phase::payload:
      return is_base64(receiver) && receiver.quad_size == 0 ? 1 : 0;
    case Phase::closed:
    case Phase::failed:
      break;
  }
  return 0;
}

bool payload_ahead(const Receiver& receiver) {
  return receiver.phase == Phase::payload && !is_base64(receiver);
}

bool is_plausible(const Receiver& receiver) {
  return receiver.dialect <= Dialect::hixie && receiver.encoding <= Encoding::base64 &&
         receiver.phase <= Phase::failed && receiver.header_size < receiver.header.size() &&
         receiver.control_size <= receiver.control.size() && receiver.quad_size <= 3 &&
         receiver.quad_last <= quad_padding;
}

const char* failure_text(const Receiver& receiver) {
  return violation(static_cast<Failure>(receiver.failure)).text;
}

}  // namespace wswrap::codec
