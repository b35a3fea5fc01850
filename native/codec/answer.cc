#include "codec/answer.h"

namespace wswrap::codec {
namespace {

constexpr std::string_view status_text(std::uint16_t status) {
  switch (status) {
    case 400:
      return "400 Bad Request";
    case 403:
      return "403 Forbidden";
    case 404:
      return "404 Not Found";
    case 405:
      return "405 Method Not Allowed";
    case 426:
      return "426 Upgrade Required";
    case 431:
      return "431 Request Header Fields Too Large";
  }
  return "500 Internal Server Error";
}

// What a status obliges to say (RFC 9110 sections 15.5.6 and 15.5.22, RFC 6455 section 4.4).
constexpr std::string_view required_headers(std::uint16_t status) {
  switch (status) {
    case 405:
      return "Allow: GET\r\n";
    case 426:
      return "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
  }
  return {};
}

}  // namespace

std::size_t write_refusal(std::uint16_t status, std::string_view reason, std::span<char> buffer) {
  Answer answer(buffer);
  answer.add({"HTTP/1.1 ", status_text(status), "\r\n", required_headers(status),
              "Connection: close\r\n"
              "Content-Type: text/plain\r\n"
              "Content-Length: "});
  answer.add_number(reason.size() + 1);
  answer.add({"\r\n\r\n", reason, "\n"});
  return answer.size();
}

}  // namespace wswrap::codec
