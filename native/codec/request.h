// The head of an HTTP request (RFC 9112), read strictly and within bounds.
//
// Whatever other software might read differently is refused: a bare CR or LF, control characters,
// folded lines, a space before the colon. So this parser and a proxy in front of it can never
// disagree about where a head ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "codec/handshake.h"
#include "codec/text.h"

namespace wswrap::codec {

struct Header {
  std::string_view name;
  std::string_view value;  // without blanks around it
};

// All views point into the text that was parsed.
struct Request {
  std::string_view target;  // of the method GET; HTTP/1.1 is the only version
  std::size_t size = 0;     // up to and including the blank line
  std::size_t header_count = 0;
  std::array<Header, max_header_lines> header;

  std::span<const Header> headers() const { return {header.data(), header_count}; }

  // How many header lines have this name (in any case).
  std::size_t count(std::string_view name) const;

  // The value of the first of them, or an empty view.
  std::string_view value(std::string_view name) const;

  // True if `is_wanted` holds for an element of the list that all of them make up.
  template <typename Predicate>
  bool lists(std::string_view name, Predicate is_wanted) const {
    for (const Header& line : headers()) {
      if (equal_ignoring_case(line.name, name) && any_element(line.value, is_wanted)) return true;
    }
    return false;
  }
};

struct Parsed {
  enum class Outcome : std::uint8_t { partial, complete, refused };
  Outcome outcome = Outcome::partial;
  std::uint16_t status = 0;   // refused: 400, 405 or 431
  std::string_view reason{};  // refused: a static text
};

// Parses the head that `text` begins with. What is refused is refused at the first byte that shows
// it, and then for every longer text in the same way.
Parsed parse_request(std::string_view text, Request& request);

}  // namespace wswrap::codec
