// Small tools for the text of HTTP heads. Nothing here allocates or throws (std::string_view's
// substr does).
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace wswrap::codec {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

constexpr bool is_alphanumeric(char c) {
  return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z');
}

// RFC 9110 section 5.6.2: what methods, header names and subprotocols are made of.
constexpr bool is_token_character(char c) {
  return is_alphanumeric(c) ||
         std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

constexpr bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

// ASCII only, as HTTP wants it.
constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return to_lower(x) == to_lower(y); });
}

// The part of `text` before the first `separator`; what follows it stays in `text`, or nothing.
constexpr std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t size = std::min(text.find(separator), text.size());
  const std::string_view taken{text.data(), size};
  text.remove_prefix(std::min(size + 1, text.size()));
  return taken;
}

// Without the spaces and tabs at both ends.
constexpr std::string_view trim(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// True if `is_wanted` holds for an element of a comma separated list (RFC 9110 section 5.6.1:
// blanks around elements and empty elements do not count).
template <typename Predicate>
constexpr bool any_element(std::string_view list, Predicate is_wanted) {
  while (!list.empty()) {
    const std::string_view element = trim(take_until(list, ','));
    if (!element.empty() && is_wanted(element)) return true;
  }
  return false;
}

}  // namespace wswrap::codec
