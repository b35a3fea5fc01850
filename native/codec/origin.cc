#include "codec/origin.h"

#include "codec/text.h"

namespace wswrap::codec {
namespace {

constexpr std::string_view scheme_end = "://";

struct Origin {
  std::string_view scheme;
  Authority authority;
};

bool ends_with_ignoring_case(std::string_view text, std::string_view end) {
  if (text.size() < end.size()) return false;
  text.remove_prefix(text.size() - end.size());
  return equal_ignoring_case(text, end);
}

bool is_host_character(char c) { return is_alphanumeric(c) || c == '-' || c == '.' || c == '_'; }

bool is_ipv6_character(char c) {
  return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f') || c == ':' || c == '.';
}

// 127.0.0.0/8 in dotted decimal; a name may well begin with "127." too.
bool is_loopback_ipv4(std::string_view host) {
  for (int part = 0; part < 4; ++part) {
    const std::string_view number = take_until(host, '.');
    if (number.empty() || number.size() > 3) return false;
    if (!std::all_of(number.begin(), number.end(), is_digit)) return false;
    if (part == 0 && number != "127") return false;
    if (part < 3 && host.empty()) return false;
  }
  return host.empty();
}

bool is_loopback(std::string_view host) {
  return equal_ignoring_case(host, "localhost") || ends_with_ignoring_case(host, ".localhost") ||
         host == "[::1]" || is_loopback_ipv4(host);
}

// `pattern` is a host, or `*.` and a domain whose subdomains match.
bool host_matches(std::string_view pattern, std::string_view host) {
  if (pattern.starts_with("*.")) {
    pattern.remove_prefix(1);
    return host.size() > pattern.size() && ends_with_ignoring_case(host, pattern);
  }
  return equal_ignoring_case(pattern, host);
}

std::optional<Origin> parse_origin(std::string_view text) {
  const std::size_t size = text.find(scheme_end);
  if (size == 0 || size == std::string_view::npos) return std::nullopt;
  const std::string_view scheme{text.data(), size};
  text.remove_prefix(size + scheme_end.size());
  const std::optional<Authority> authority = parse_authority(text);
  if (!authority) return std::nullopt;
  return Origin{.scheme = scheme, .authority = *authority};
}

// A pattern with a scheme fixes scheme and port; without one, the port only if it names one.
bool origin_matches(std::string_view pattern, std::string_view text,
                    const std::optional<Origin>& origin) {
  if (pattern == "*" || equal_ignoring_case(pattern, text)) return true;
  if (!origin) return false;
  bool same_port = true;
  if (const std::size_t size = pattern.find(scheme_end); size != std::string_view::npos) {
    if (!equal_ignoring_case({pattern.data(), size}, origin->scheme)) return false;
    pattern.remove_prefix(size + scheme_end.size());
  } else {
    same_port = false;
  }
  std::string_view port;
  if (const std::size_t colon = pattern.rfind(':');
      colon != std::string_view::npos && pattern.back() != ']') {
    port = {pattern.data() + colon + 1, pattern.size() - colon - 1};
    pattern.remove_suffix(pattern.size() - colon);
    same_port = true;
  }
  return (!same_port || port == origin->authority.port) &&
         host_matches(pattern, origin->authority.host);
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
  std::string_view host;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || end < 3) return std::nullopt;
    if (!std::all_of(text.begin() + 1, text.begin() + end, is_ipv6_character)) return std::nullopt;
    host = {text.data(), end + 1};
  } else {
    const auto* const end = std::find_if_not(text.begin(), text.end(), is_host_character);
    host = {text.begin(), end};
  }
  text.remove_prefix(host.size());
  if (host.empty()) return std::nullopt;
  if (text.empty()) return Authority{.host = host, .port = {}};
  if (text.front() != ':') return std::nullopt;
  text.remove_prefix(1);
  if (text.size() > 5 || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  return Authority{.host = host, .port = text};
}

bool is_host_allowed(std::string_view host, const Policy& policy) {
  return !policy.loopback || is_loopback(host) ||
         any_element(policy.hosts,
                     [&](std::string_view pattern) { return host_matches(pattern, host); });
}

bool is_origin_allowed(std::string_view origin, std::string_view host, const Policy& policy) {
  const std::optional<Origin> parsed = parse_origin(origin);
  if (parsed && equal_ignoring_case(parsed->authority.host, host)) return true;
  return any_element(policy.origins, [&](std::string_view pattern) {
    return origin_matches(pattern, origin, parsed);
  });
}

}  // namespace wswrap::codec
