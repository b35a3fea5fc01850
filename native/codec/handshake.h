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
  std::string_view origins;  // exact origins, `*.example.org` host patterns, or `*`; empty: the
                             // default (no Origin, or its host equals Host's host)
  std::string_view hosts;    // more names that Host may have when `loopback`
  std::string_view path;     // the only path accepted (query string not compared); empty: any
  std::string_view
      subprotocol;  // the only subprotocol spoken; empty: binary, base64, else first offered
  bool loopback =
      false;            // the listener is bound to a loopback address: guard against DNS rebinding
  bool secure = false;  // the client came through TLS (Hixie answers name the URL)
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
