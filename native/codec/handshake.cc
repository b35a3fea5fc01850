// The decision, step by step: each step looks at one thing and refuses with a reason that tells the
// person on the other side what to change. The order is from what makes a request unreadable, over
// who may connect, to how they want to speak.
#include "codec/handshake.h"

#include <array>
#include <optional>

#include "codec/answer.h"
#include "codec/base64.h"
#include "codec/hixie.h"
#include "codec/origin.h"
#include "codec/request.h"
#include "codec/sha1.h"
#include "codec/text.h"

namespace wswrap::codec {
namespace {

using Outcome = Handshake::Outcome;

struct Refusal {
  std::uint16_t status;
  std::string_view reason;
};

// Nothing when a step has no objection.
using Verdict = std::optional<Refusal>;

bool mentions(const Request& request, std::string_view header, std::string_view word) {
  return request.lists(
      header, [&](std::string_view element) { return equal_ignoring_case(element, word); });
}

std::string_view without_query(std::string_view target) { return take_until(target, '?'); }

Verdict check_body(const Request& request) {
  const std::string_view length = request.value("Content-Length");
  const bool empty = std::all_of(length.begin(), length.end(), [](char c) { return c == '0'; });
  if (!empty || request.count("Content-Length") > 1 || request.count("Transfer-Encoding") > 0) {
    return Refusal{400, "A WebSocket request must not have a body."};
  }
  return {};
}

// Sets `host` to the name in Host.
Verdict check_host(const Request& request, const Policy& policy, std::string_view& host) {
  if (request.count("Host") != 1) return Refusal{400, "The request needs one Host header."};
  const auto authority = parse_authority(request.value("Host"));
  if (!authority) return Refusal{400, "The Host header must be a name and perhaps a port."};
  host = authority->host;
  if (!is_host_allowed(host, policy)) {
    return Refusal{403, "This Host is not served here; --host adds a name."};
  }
  return {};
}

// A request for a proxy has a whole URL as its target (RFC 9112 section 3.2.2): it is cut to path
// and query when it names the same place as Host.
Verdict check_target(Request& request, const Policy& policy) {
  static constexpr std::array<std::string_view, 4> schemes{"http://", "https://", "ws://",
                                                           "wss://"};
  for (const std::string_view scheme : schemes) {
    if (!request.target.starts_with(scheme)) continue;
    request.target.remove_prefix(scheme.size());
    const std::size_t size = std::min(request.target.find('/'), request.target.size());
    const std::string_view authority{request.target.data(), size};
    if (!equal_ignoring_case(authority, request.value("Host"))) {
      return Refusal{400, "The request target names another host than the Host header."};
    }
    request.target.remove_prefix(size);
    break;
  }
  if (!request.target.starts_with('/')) {
    return Refusal{400, "The request target must be a path that begins with a slash."};
  }
  if (!policy.path.empty() && without_query(request.target) != policy.path) {
    return Refusal{404, "There is no WebSocket at this path."};
  }
  return {};
}

bool asks_for_websocket(const Request& request) {
  return mentions(request, "Upgrade", "websocket");
}

Verdict check_upgrade(const Request& request) {
  if (!asks_for_websocket(request)) {
    return Refusal{426, "This port speaks WebSocket: connect with a WebSocket client."};
  }
  if (!mentions(request, "Connection", "Upgrade")) {
    return Refusal{400, "The Connection header must list Upgrade."};
  }
  return {};
}

// What serialized origins are made of; nothing that could mean more when an answer repeats it.
bool is_origin_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || std::string_view{"-._~:/[]%+"}.find(c) != std::string_view::npos;
  });
}

// Versions 7 and 8 call it Sec-WebSocket-Origin. A client without any is no browser.
Verdict check_origin(const Request& request, const Policy& policy, std::string_view host) {
  static constexpr std::array<std::string_view, 2> names{"Origin", "Sec-WebSocket-Origin"};
  for (const std::string_view name : names) {
    const std::size_t count = request.count(name);
    if (count > 1) return Refusal{400, "The request has more than one Origin."};
    if (!is_origin_text(request.value(name))) return Refusal{400, "The Origin is malformed."};
    if (count == 1 && !is_origin_allowed(request.value(name), host, policy)) {
      return Refusal{403, "Pages of this Origin may not connect; --origin adds it."};
    }
  }
  return {};
}

// Which generation of the protocol the client speaks.
enum class Generation : std::uint8_t { rfc6455, hixie76, hixie75 };

Verdict check_version(const Request& request, Generation& generation) {
  constexpr Refusal unsupported{426, "The WebSocket version must be 13."};
  if (request.count("Sec-WebSocket-Version") > 0) {
    const std::string_view version = request.value("Sec-WebSocket-Version");
    const bool known = version == "13" || version == "8" || version == "7";
    if (!known || request.count("Sec-WebSocket-Version") > 1) return unsupported;
    generation = Generation::rfc6455;
    return {};
  }
  if (request.count("Sec-WebSocket-Key") > 0) return unsupported;
  const bool keys = request.count("Sec-WebSocket-Key1") + request.count("Sec-WebSocket-Key2") > 0;
  generation = keys ? Generation::hixie76 : Generation::hixie75;
  return {};
}

// Sixteen bytes in base64 are 22 characters and two of padding.
bool is_key(std::string_view key) {
  const auto is_base64 = [](char c) { return base64_value(static_cast<std::byte>(c)) >= 0; };
  return key.size() == 24 && key.ends_with("==") &&
         std::all_of(key.begin(), key.begin() + 22, is_base64);
}

// Sets `chosen` to the subprotocol to answer, if any. Names without a meaning here are as good as
// each other: browsers only insist on getting one that they offered.
Verdict choose_subprotocol(const Request& request, std::string_view header, const Policy& policy,
                           std::string_view& chosen) {
  const auto offers = [&](std::string_view name) {
    return request.lists(header, [&](std::string_view offered) {
      chosen = offered;
      return is_token(offered) && (name.empty() || offered == name);
    });
  };
  constexpr std::string_view any;
  bool found = false;
  if (!policy.subprotocol.empty()) {
    found = offers(policy.subprotocol);
    if (!found && offers(any)) {
      chosen = {};
      return Refusal{400, "None of the subprotocols offered is spoken here."};
    }
  } else {
    found = offers("binary") || offers("base64") || offers(any);
  }
  if (!found) chosen = {};
  return {};
}

std::array<char, 28> accept_value(std::string_view key) {
  constexpr std::string_view suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<char, 24 + suffix.size()> joined;
  std::copy(key.begin(), key.begin() + 24, joined.begin());
  std::copy(suffix.begin(), suffix.end(), joined.begin() + 24);
  const auto digest = sha1(std::as_bytes(std::span{joined}));
  std::array<char, 28> value;
  base64_encode(digest, std::as_writable_bytes(std::span{value}));
  return value;
}

template <std::size_t size>
std::string_view view(const std::array<char, size>& text) {
  return {text.data(), size};
}

class Negotiation {
 public:
  Negotiation(std::span<const char> head, const Policy& policy, std::span<char> answer)
      : head_(head),
        policy_(policy),
        buffer_(answer.first(std::min(answer.size(), max_answer_size))),
        answer_(buffer_) {}

  Handshake result() {
    const Parsed parsed = parse_request({head_.data(), head_.size()}, request_);
    if (parsed.outcome == Parsed::Outcome::partial) return result_;
    if (parsed.outcome == Parsed::Outcome::refused) return refuse({parsed.status, parsed.reason});
    result_.head_size = request_.size;
    result_.upgrade = asks_for_websocket(request_);

    const Verdict verdict = decide();
    result_.target = without_query(request_.target);
    if (verdict) return refuse(*verdict);
    if (result_.outcome == Outcome::accepted) {
      if (!answer_.fits()) return refuse({431, "The request is too long to be answered."});
      result_.status = 101;
      result_.answer_size = answer_.size();
    }
    return result_;
  }

 private:
  // Refuses, accepts, or leaves the outcome at partial.
  Verdict decide() {
    std::string_view host;
    Generation generation{};
    if (const Verdict verdict = check_body(request_)) return verdict;
    if (const Verdict verdict = check_host(request_, policy_, host)) return verdict;
    if (const Verdict verdict = check_target(request_, policy_)) return verdict;
    if (const Verdict verdict = check_upgrade(request_)) return verdict;
    if (const Verdict verdict = check_origin(request_, policy_, host)) return verdict;
    if (const Verdict verdict = check_version(request_, generation)) return verdict;
    switch (generation) {
      case Generation::rfc6455:
        return accept_rfc6455();
      case Generation::hixie76:
        return accept_hixie76();
      case Generation::hixie75:
        return accept_hixie75();
    }
    return {};
  }

  Verdict accept_rfc6455() {
    const std::string_view key = request_.value("Sec-WebSocket-Key");
    if (request_.count("Sec-WebSocket-Key") != 1 || !is_key(key)) {
      return Refusal{400, "The request needs one Sec-WebSocket-Key of sixteen bytes in base64."};
    }
    if (const Verdict verdict = choose("Sec-WebSocket-Protocol")) return verdict;
    answer_.add(
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n");
    add_header("Sec-WebSocket-Accept", view(accept_value(key)));
    add_optional_header("Sec-WebSocket-Protocol", result_.subprotocol);
    answer_.add("\r\n");
    if (result_.subprotocol == "base64") result_.encoding = Encoding::base64;
    result_.outcome = Outcome::accepted;
    return {};
  }

  Verdict accept_hixie76() {
    const auto number = [&](std::string_view name) -> std::optional<std::uint32_t> {
      if (request_.count(name) != 1) return std::nullopt;
      return hixie_key_number(request_.value(name));
    };
    const auto key1 = number("Sec-WebSocket-Key1");
    const auto key2 = number("Sec-WebSocket-Key2");
    if (!key1 || !key2) {
      return Refusal{400, "Sec-WebSocket-Key1 or Sec-WebSocket-Key2 holds no valid number."};
    }
    if (const Verdict verdict = choose("Sec-WebSocket-Protocol")) return verdict;
    const std::span<const char> body = head_.subspan(request_.size);
    if (body.size() < hixie_body_size) return {};
    result_.head_size += hixie_body_size;

    answer_.add(
        "HTTP/1.1 101 WebSocket Protocol Handshake\r\n"
        "Upgrade: WebSocket\r\n"
        "Connection: Upgrade\r\n");
    add_optional_header("Sec-WebSocket-Origin", request_.value("Origin"));
    add_location("Sec-WebSocket-Location");
    add_optional_header("Sec-WebSocket-Protocol", result_.subprotocol);
    const auto proof = hixie_challenge(*key1, *key2, body.first<hixie_body_size>());
    answer_.add(
        {"\r\n", std::string_view{reinterpret_cast<const char*>(proof.data()), proof.size()}});
    accept_hixie();
    return {};
  }

  Verdict accept_hixie75() {
    if (const Verdict verdict = choose("WebSocket-Protocol")) return verdict;
    answer_.add(
        "HTTP/1.1 101 Web Socket Protocol Handshake\r\n"
        "Upgrade: WebSocket\r\n"
        "Connection: Upgrade\r\n");
    add_optional_header("WebSocket-Origin", request_.value("Origin"));
    add_location("WebSocket-Location");
    add_optional_header("WebSocket-Protocol", result_.subprotocol);
    answer_.add("\r\n");
    accept_hixie();
    return {};
  }

  // Hixie frames hold text only, so their payload is always base64.
  void accept_hixie() {
    result_.dialect = Dialect::hixie;
    result_.encoding = Encoding::base64;
    result_.outcome = Outcome::accepted;
  }

  Verdict choose(std::string_view header) {
    return choose_subprotocol(request_, header, policy_, result_.subprotocol);
  }

  void add_header(std::string_view name, std::string_view value) {
    answer_.add({name, ": ", value, "\r\n"});
  }

  void add_optional_header(std::string_view name, std::string_view value) {
    if (!value.empty()) add_header(name, value);
  }

  void add_location(std::string_view name) {
    static constexpr std::string_view plain_scheme = "ws://";
    static constexpr std::string_view secure_scheme = "wss://";
    const std::string_view scheme = policy_.secure ? secure_scheme : plain_scheme;
    answer_.add({name, ": ", scheme, request_.value("Host"), request_.target, "\r\n"});
  }

  Handshake refuse(const Refusal& refusal) {
    result_.outcome = Outcome::refused;
    result_.status = refusal.status;
    result_.reason = refusal.reason;
    result_.head_size = 0;
    result_.answer_size = write_refusal(refusal.status, refusal.reason, buffer_);
    return result_;
  }

  std::span<const char> head_;
  const Policy& policy_;
  std::span<char> buffer_;
  Answer answer_;
  Request request_;
  Handshake result_;
};

}  // namespace

Handshake negotiate(std::span<const char> head, const Policy& policy, std::span<char> answer) {
  return Negotiation(head, policy, answer).result();
}

}  // namespace wswrap::codec
