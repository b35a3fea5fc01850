// The parser goes through the text once, from its first byte, each time it is called: heads are
// small, and nothing has to be remembered.
#include "codec/request.h"

namespace wswrap::codec {
namespace {

using Outcome = Parsed::Outcome;

constexpr Parsed refused(std::uint16_t status, std::string_view reason) {
  return {.outcome = Outcome::refused, .status = status, .reason = reason};
}

constexpr Parsed partial{};
constexpr Parsed complete{.outcome = Outcome::complete};

constexpr bool is_target_character(char c) {
  return c > ' ' && c <= '~' && std::string_view{"\"<>#"}.find(c) == std::string_view::npos;
}

constexpr bool is_value_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

class Parser {
 public:
  Parser(std::string_view text, Request& request) : rest_(text), request_(request) {}

  Parsed parse() {
    const std::size_t size = rest_.size();
    request_.header_count = 0;
    if (const Parsed line = request_line(); line.outcome != Outcome::complete) return line;
    for (;;) {
      if (rest_.empty()) return partial;
      if (rest_.front() == '\r') break;
      if (const Parsed line = header_line(); line.outcome != Outcome::complete) return line;
    }
    if (const Parsed blank = line_end(); blank.outcome != Outcome::complete) return blank;
    request_.size = size - rest_.size();
    return complete;
  }

 private:
  Parsed request_line() {
    const std::string_view method = take_while(is_token_character);
    if (method.size() > 20) return refused(400, not_http);
    if (rest_.empty()) return partial;
    if (method.empty() || rest_.front() != ' ') return refused(400, not_http);
    if (method != "GET") return refused(405, "Only GET can open a WebSocket.");
    rest_.remove_prefix(1);

    request_.target = take_while(is_target_character);
    if (rest_.empty()) return partial;
    if (request_.target.empty() || rest_.front() != ' ') {
      return refused(400, "The request target holds a character that must be percent-encoded.");
    }
    rest_.remove_prefix(1);

    for (const char expected : std::string_view{"HTTP/1.1"}) {
      if (rest_.empty()) return partial;
      if (rest_.front() != expected) return refused(400, "The request must be HTTP/1.1.");
      rest_.remove_prefix(1);
    }
    return line_end();
  }

  Parsed header_line() {
    if (rest_.front() == ' ' || rest_.front() == '\t') {
      return refused(400, "A header line must not be folded.");
    }
    if (request_.header_count == max_header_lines) {
      return refused(431, "The request has more than 100 header lines.");
    }
    const std::string_view name = take_while(is_token_character);
    if (rest_.empty()) return partial;
    if (name.empty() || rest_.front() != ':') {
      return refused(400, "A header line must be a name, a colon and a value.");
    }
    rest_.remove_prefix(1);
    const std::string_view value = take_while(is_value_character);
    if (rest_.empty()) return partial;
    request_.header[request_.header_count++] = {.name = name, .value = trim(value)};
    return line_end();
  }

  Parsed line_end() {
    for (const char expected : std::string_view{"\r\n"}) {
      if (rest_.empty()) return partial;
      if (rest_.front() != expected) {
        return refused(400, "A line must end with CR LF and hold no control character.");
      }
      rest_.remove_prefix(1);
    }
    return complete;
  }

  template <typename Predicate>
  std::string_view take_while(Predicate is_wanted) {
    const auto* const end = std::find_if_not(rest_.begin(), rest_.end(), is_wanted);
    const std::string_view taken{rest_.begin(), end};
    rest_.remove_prefix(taken.size());
    return taken;
  }

  static constexpr std::string_view not_http = "This is not an HTTP request.";

  std::string_view rest_;
  Request& request_;
};

}  // namespace

std::size_t Request::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(headers().begin(), headers().end(),
                    [&](const Header& line) { return equal_ignoring_case(line.name, name); }));
}

std::string_view Request::value(std::string_view name) const {
  for (const Header& line : headers()) {
    if (equal_ignoring_case(line.name, name)) return line.value;
  }
  return {};
}

Parsed parse_request(std::string_view text, Request& request) {
  const std::string_view window{text.data(), std::min(text.size(), max_head_size)};
  const Parsed parsed = Parser{window, request}.parse();
  if (parsed.outcome == Outcome::partial && window.size() == max_head_size) {
    return refused(431, "The request head is larger than 8 KiB.");
  }
  return parsed;
}

}  // namespace wswrap::codec
