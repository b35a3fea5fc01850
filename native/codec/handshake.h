// The opening handshake, sans I/O: from the bytes a client sent to the answer it gets.
//
// One call decides everything: RFC 6455 (versions 13, 8 and 7), Hixie-76, Hixie-75, or an HTTP
// error for anything else. Nothing is remembered between calls: the caller shows the whole head
// from its first byte each time (it has only peeked at the socket).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "codec/protocol.h"

namespace wswrap::codec {

inline constexpr std::size_t max_head_size = 8192;
inline constexpr std::size_t max_header_lines = 100;
inline constexpr std::size_t max_answer_size = 1024;

// What the operator allows. Lists are comma separated.
struct Policy {
  // Origins beyond the default (no Origin, or its host equals Host's host): exact origins
  // (`https://example.org:8443`), hosts (`example.org`), subdomains (`*.example.org`), or `*`.
  std::string_view origins{};
  // Names that Host may have when `loopback`, beyond the loopback ones; `*.example.org` as above.
  std::string_view hosts{};
  // The only path accepted (the query string is not compared); empty: any.
  std::string_view path{};
  // The only subprotocol spoken; empty: binary, else base64, else the first one offered.
  std::string_view subprotocol{};
  // The listener is bound to a loopback address: guard against DNS rebinding.
  bool loopback = false;
  // The client came through TLS (Hixie answers name the URL).
  bool secure = false;
};

struct Handshake {
  enum class Outcome : std::uint8_t {
    partial,   // more bytes are needed
    accepted,  // send `answer`, then speak `dialect` and `encoding`
    refused,   // send `answer`, then close
  };
  Outcome outcome = Outcome::partial;
  Dialect dialect = Dialect::rfc6455;
  Encoding encoding = Encoding::binary;
  bool upgrade = false;         // the head is complete and asks for WebSocket
  std::uint16_t status = 0;     // HTTP status of the answer: 101, 400, 403, 404, 405, 426, 431, ...
  std::size_t head_size = 0;    // accepted: bytes to take from the socket; frames may follow them
  std::size_t answer_size = 0;  // bytes written to `answer`
  std::string_view
      subprotocol;          // the one answered; a view into `head` or the policy; empty if none
  std::string_view reason;  // refused: a static text for the log and the body of the answer
  std::string_view target;  // the request target without its query (a view into head), for the log
};

// Looks at the bytes received so far. `answer` must hold at least max_answer_size bytes.
Handshake negotiate(std::span<const char> head, const Policy& policy, std::span<char> answer);

}  // namespace wswrap::codec
