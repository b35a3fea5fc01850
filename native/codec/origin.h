// Who may connect from where: the Host and Origin headers against the operator's policy.
//
// A web page can make its visitor's browser open a WebSocket to any address, the visitor's own
// machine included. What the page cannot do is lie in Origin and Host, so these two decide.
#pragma once

#include <optional>
#include <string_view>

#include "codec/handshake.h"

namespace wswrap::codec {

struct Authority {
  std::string_view host;  // a name or an address; an IPv6 address in its brackets
  std::string_view port;  // digits, or empty
};

// `host` or `host:port` (RFC 3986 section 3.2) without user information, or nothing if malformed.
std::optional<Authority> parse_authority(std::string_view text);

// On a listener bound to a loopback address: true if Host names this machine itself (localhost,
// *.localhost, 127.0.0.0/8, [::1]) or is one of `policy.hosts`. Any other name that leads here is
// a public name that an attacker pointed to 127.0.0.1 (DNS rebinding). Elsewhere: true.
bool is_host_allowed(std::string_view host, const Policy& policy);

// True if pages from `origin` may connect: its host is `host`, or `policy.origins` lists it.
bool is_origin_allowed(std::string_view origin, std::string_view host, const Policy& policy);

}  // namespace wswrap::codec
