// The opening handshake: what is accepted and how, what is refused with which status, and that a
// decision, once made on the first bytes, stands whatever follows.
#include "codec/handshake.h"

#include <optional>

#include "bytes.h"
#include "check.h"

namespace wswrap::test {
namespace {

using codec::Handshake;
using codec::Policy;
using Outcome = Handshake::Outcome;

// What negotiate() gave, in memory of its own.
struct Result {
  Outcome outcome;
  int status;
  std::size_t head_size;
  codec::Dialect dialect;
  codec::Encoding encoding;
  std::string subprotocol;
  std::string target;
  std::string reason;
  std::string answer;
};

Result negotiate(std::string_view head, const Policy& policy = {}) {
  // Both in blocks of their exact size, so that a byte read or written outside is seen.
  const Exact in(std::as_bytes(std::span{head}));
  const Exact out(codec::max_answer_size);
  const auto characters = [](std::span<std::byte> data) {
    return std::span<char>{reinterpret_cast<char*>(data.data()), data.size()};
  };
  const Handshake result = codec::negotiate(characters(in.span()), policy, characters(out.span()));
  return {.outcome = result.outcome,
          .status = result.status,
          .head_size = result.head_size,
          .dialect = result.dialect,
          .encoding = result.encoding,
          .subprotocol = std::string{result.subprotocol},
          .target = std::string{result.target},
          .reason = std::string{result.reason},
          .answer = {characters(out.span()).data(), result.answer_size}};
}

struct Line {
  std::string_view name;
  std::string_view value;
};

constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";

// A request of version 13 in which single headers are replaced, removed (an empty value) or added.
std::string request(const std::vector<Line>& changes = {}, std::string_view target = "/chat") {
  std::vector<Line> lines{{"Host", "server.example.com"},
                          {"Upgrade", "websocket"},
                          {"Connection", "Upgrade"},
                          {"Sec-WebSocket-Key", key},
                          {"Sec-WebSocket-Version", "13"}};
  for (const Line& change : changes) {
    const auto found = std::find_if(lines.begin(), lines.end(),
                                    [&](const Line& line) { return line.name == change.name; });
    if (found != lines.end()) {
      *found = change;
    } else {
      lines.push_back(change);
    }
  }
  std::string head = "GET " + std::string{target} + " HTTP/1.1\r\n";
  for (const auto& [name, value] : lines) {
    if (!value.empty()) head += std::string{name} + ": " + std::string{value} + "\r\n";
  }
  return head + "\r\n";
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

void expect_accepted(const Result& result, std::string_view what,
                     std::source_location place = std::source_location::current()) {
  if (result.outcome == Outcome::accepted) return;
  expect(false, std::string{what} + ": " + result.reason, place);
}

void expect_refused(const Result& result, int status, std::string_view what,
                    std::source_location place = std::source_location::current()) {
  expect(result.outcome == Outcome::refused, what, place);
  expect_equal(result.status, status, what, place);
  // Every refusal is a whole HTTP answer that ends the connection and says why.
  const std::string& text = result.answer;
  expect(text.starts_with("HTTP/1.1 " + std::to_string(status) + " "), what, place);
  expect(has(text, "\r\nConnection: close\r\n"), what, place);
  expect(has(text, "\r\nContent-Type: text/plain\r\n"), what, place);
  const std::size_t end = text.find("\r\n\r\n");
  expect(end != std::string::npos, what, place);
  const std::string body = text.substr(end + 4);
  expect(has(text, "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n"), what, place);
  expect(body.size() > 10 && body.back() == '\n', what, place);
  expect_equal(body.substr(0, body.size() - 1), result.reason, what, place);
}

const Test example("the example of RFC 6455 section 1.3 gets the answer it gives", [] {
  const Result result = negotiate(
      request({{"Origin", "http://example.com"}, {"Sec-WebSocket-Protocol", "chat, superchat"}}),
      {.origins = "*"});
  expect_accepted(result, "the example");
  expect_equal(result.answer,
               "HTTP/1.1 101 Switching Protocols\r\n"
               "Upgrade: websocket\r\n"
               "Connection: Upgrade\r\n"
               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
               "Sec-WebSocket-Protocol: chat\r\n"
               "\r\n",
               "the answer");
  expect_equal(result.status, 101, "status");
  expect_equal(result.subprotocol, "chat", "the first one offered");
  expect(result.dialect == codec::Dialect::rfc6455, "dialect");
  expect(result.encoding == codec::Encoding::binary, "encoding");
});

struct Case {
  std::string_view name;
  std::string head;
  int status;  // 101: accepted
};

const Test table("requests are accepted or refused with the right status", [] {
  const std::string long_value(5000, 'x');
  const std::vector<Case> cases{
      {"plain", request(), 101},
      {"a list in Connection", request({{"Connection", "keep-alive, Upgrade"}}), 101},
      {"Upgrade in a second Connection line",
       request({{"Connection", "keep-alive"}, {"connection", "upgrade"}}), 101},
      {"other cases", request({{"Upgrade", "WebSocket"}, {"Connection", "UPGRADE"}}), 101},
      {"a list in Upgrade", request({{"Upgrade", "h2c, websocket"}}), 101},
      {"version 8", request({{"Sec-WebSocket-Version", "8"}}), 101},
      {"version 7", request({{"Sec-WebSocket-Version", "7"}}), 101},
      {"an empty body", request({{"Content-Length", "0"}}), 101},
      {"a whole URL", request({}, "http://server.example.com/chat"), 101},
      {"a query", request({}, "/chat?token=a&b=/../%41"), 101},
      {"a port in Host", request({{"Host", "server.example.com:8080"}}), 101},
      {"an IPv6 Host", request({{"Host", "[2001:db8::1]:80"}}), 101},
      {"long but bounded", request({{"Cookie", long_value}}), 101},

      {"version 12", request({{"Sec-WebSocket-Version", "12"}}), 426},
      {"version 14", request({{"Sec-WebSocket-Version", "14"}}), 426},
      {"version 013", request({{"Sec-WebSocket-Version", "013"}}), 426},
      {"no version", request({{"Sec-WebSocket-Version", ""}}), 426},
      {"two versions", request({{"sec-websocket-version", "13"}}), 426},
      {"a plain GET", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426},
      {"another upgrade", request({{"Upgrade", "h2c"}}), 426},
      {"an upgrade that only contains the word", request({{"Upgrade", "websocketx"}}), 426},

      {"no Connection", request({{"Connection", ""}}), 400},
      {"no Upgrade in Connection", request({{"Connection", "keep-alive"}}), 400},
      {"no key", request({{"Sec-WebSocket-Key", ""}}), 400},
      {"two keys", request({{"sec-websocket-key", key}}), 400},
      {"a short key", request({{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j"}}), 400},
      {"a key of 17 bytes", request({{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZWU="}}), 400},
      {"a key that is not base64", request({{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j!Q=="}}),
       400},
      {"no Host", request({{"Host", ""}}), 400},
      {"two Hosts", request({{"host", "server.example.com"}}), 400},
      {"a Host with a user", request({{"Host", "a@b"}}), 400},
      {"a Host with a path", request({{"Host", "a/b"}}), 400},
      {"a Host with a list", request({{"Host", "a, b"}}), 400},
      {"a Host with a bad port", request({{"Host", "a:http"}}), 400},
      {"an unclosed Host", request({{"Host", "[::1"}}), 400},
      {"another host in the target", request({}, "http://other.example.com/chat"), 400},
      {"no slash", request({}, "chat"), 400},
      {"an asterisk", request({}, "*"), 400},
      {"two Origins",
       request({{"Origin", "http://server.example.com"}, {"origin", "http://server.example.com"}}),
       400},
      {"an Origin with a quote", request({{"Origin", "http://a\"b"}}), 400},

      {"POST", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      {"HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      {"lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 405},

      {"a head of more than 8 KiB", request({{"Cookie", long_value}, {"Cookie2", long_value}}),
       431},
  };
  for (const Case& test : cases) {
    const Result result = negotiate(test.head);
    if (test.status == 101) {
      expect_accepted(result, test.name);
      expect_equal(result.head_size, test.head.size(), test.name);
    } else {
      expect_refused(result, test.status, test.name);
    }
  }
});

// What an intermediary could read in another way than this parser does (RFC 9112 section 11.2).
const Test smuggling("ambiguous heads are refused", [] {
  const auto with = [](std::string_view line) {
    std::string head = request();
    head.insert(head.size() - 2, line);
    return head;
  };
  const std::string good = request();
  const auto replaced = [&](std::string_view from, std::string_view to) {
    std::string head = good;
    head.replace(head.find(from), from.size(), to);
    return head;
  };
  using namespace std::string_literals;
  const std::vector<Case> cases{
      {"a body", with("Content-Length: 5\r\n"), 400},
      {"two lengths", with("Content-Length: 0\r\nContent-Length: 0\r\n"), 400},
      {"a signed length", with("Content-Length: +0\r\n"), 400},
      {"a list of lengths", with("Content-Length: 0, 5\r\n"), 400},
      {"chunks", with("Transfer-Encoding: chunked\r\n"), 400},
      {"any transfer encoding", with("Transfer-Encoding: identity\r\n"), 400},
      {"both", with("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"a space before the colon", with("Content-Length : 5\r\n"), 400},
      {"a tab before the colon", with("X\t: 5\r\n"), 400},
      {"a folded line", with("X: a\r\n b\r\n"), 400},
      {"a line folded with a tab", with("X: a\r\n\tb\r\n"), 400},
      {"a first line folded", replaced("\r\nHost", "\r\n Host"), 400},
      {"a bare LF", with("X: a\n"), 400},
      {"a bare LF before another header", with("X: a\nTransfer-Encoding: chunked\r\n"), 400},
      {"a bare CR", with("X: a\rb\r\n"), 400},
      {"LF LF at the end", good.substr(0, good.size() - 4) + "\n\n", 400},
      {"a NUL in a value", with("X: a\0b\r\n"s), 400},
      {"a NUL in a name", with("X\0: a\r\n"s), 400},
      {"a NUL in the target", replaced("/chat", "/ch\0at"s), 400},
      {"a control character in a value", with("X: a\x01\r\n"), 400},
      {"DEL in a value", with("X: a\x7f\r\n"), 400},
      {"a line without a colon", with("nonsense\r\n"), 400},
      {"a line without a name", with(": value\r\n"), 400},
      {"a name with a quote", with("\"X\": value\r\n"), 400},
      {"HTTP/1.0", replaced("HTTP/1.1", "HTTP/1.0"), 400},
      {"HTTP/1.10", replaced("HTTP/1.1", "HTTP/1.10"), 400},
      {"HTTP/2", replaced("HTTP/1.1", "HTTP/2"), 400},
      {"lower case http", replaced("HTTP/1.1", "http/1.1"), 400},
      {"no version", replaced(" HTTP/1.1", ""), 400},
      {"two spaces", replaced("GET /chat", "GET  /chat"), 400},
      {"a tab", replaced("GET /chat", "GET\t/chat"), 400},
      {"a space in the target", replaced("/chat", "/ch at"), 400},
      {"a fragment", replaced("/chat", "/chat#a"), 400},
      {"a quote in the target", replaced("/chat", "/\"chat\""), 400},
      {"bytes beyond ASCII in the target", replaced("/chat", "/ch\xc3\xa4t"), 400},
      {"a blank line before", "\r\n" + good, 400},
      {"not HTTP", "\x16\x03\x01\x02", 400},
      {"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", 400},
      {"a method without end", std::string(50, 'A'), 400},
  };
  for (const Case& test : cases) expect_refused(negotiate(test.head), test.status, test.name);
});

const Test bounds("heads end at 8 KiB and 100 lines", [] {
  const auto padded = [](std::size_t size) {
    const std::string bare = request({{"X", "x"}});
    return request({{"X", std::string(size - bare.size() + 1, 'x')}});
  };
  expect_accepted(negotiate(padded(codec::max_head_size)), "8 KiB");
  expect_refused(negotiate(padded(codec::max_head_size + 1)), 431, "8 KiB and one byte");
  expect_refused(negotiate(padded(codec::max_head_size + 1).substr(0, codec::max_head_size)), 431,
                 "8 KiB of a longer head");

  std::string lines = request();
  for (std::size_t i = 5; i < codec::max_header_lines; ++i)
    lines.insert(lines.size() - 2, "X: \r\n");
  expect_accepted(negotiate(lines), "100 lines");
  lines.insert(lines.size() - 2, "X: \r\n");
  expect_refused(negotiate(lines), 431, "101 lines");
});

const Test truncated("a head cut anywhere is partial, or refused as the whole is", [] {
  const std::vector<std::string> heads{
      request(),
      request({{"Sec-WebSocket-Protocol", "binary"}}) + "frames follow",
      request({{"Sec-WebSocket-Version", "14"}}),
      request({{"Origin", "null"}}),
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
      "GET / HTTP/1.0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
      "GET / HTTP/1.1\nHost: a\n\n",
      request({{"Cookie", std::string(9000, 'x')}}),
  };
  for (const std::string& head : heads) {
    const Result whole = negotiate(head);
    expect(whole.outcome != Outcome::partial, "the whole head is decided");
    bool decided = false;
    for (std::size_t size = 0; size <= head.size(); ++size) {
      const Result cut = negotiate(std::string_view{head}.substr(0, size));
      if (cut.outcome == Outcome::partial) {
        expect(!decided, "a decision is never taken back");
        expect_equal(cut.answer, "", "nothing to answer yet");
        continue;
      }
      decided = true;
      expect(cut.outcome == whole.outcome && cut.status == whole.status, "the same decision");
      expect_equal(cut.answer, whole.answer, "the same answer");
      expect_equal(cut.head_size, whole.head_size, "the same head");
    }
  }
});

const Test early("a refusal does not wait for more than the bytes that cause it", [] {
  expect_refused(negotiate("POST "), 405, "the method");
  expect_refused(negotiate("\x80"), 400, "the first byte");
  expect_refused(negotiate("GET / HTTP/1.0"), 400, "the version");
  expect_refused(negotiate("GET / HTTP/1.1\n"), 400, "the first line's end");
  expect_refused(negotiate("GET / HTTP/1.1\r\nX: \x01"), 400, "a control character");
  expect(negotiate("").outcome == Outcome::partial, "nothing");
  expect(negotiate("G").outcome == Outcome::partial, "one byte");
});

const Test frames_follow("bytes after the blank line are left for the decoder", [] {
  const std::string head = request();
  const Result result = negotiate(head + "\x82\x80....");
  expect_accepted(result, "accepted");
  expect_equal(result.head_size, head.size(), "head_size");
});

const Test required("statuses come with the headers they need", [] {
  expect(has(negotiate("PUT / HTTP/1.1\r\n").answer, "\r\nAllow: GET\r\n"), "405");
  for (const std::string& head :
       {request({{"Sec-WebSocket-Version", "99"}}), request({{"Upgrade", ""}})}) {
    const Result result = negotiate(head);
    expect_refused(result, 426, "426");
    expect(has(result.answer, "\r\nSec-WebSocket-Version: 13\r\n"), "version");
    expect(has(result.answer, "\r\nUpgrade: websocket\r\n"), "upgrade");
  }
});

struct Subprotocol {
  std::string_view offered;                  // empty: none
  std::string_view forced;                   // by the policy; empty: none
  std::optional<std::string_view> answered;  // nothing: refused with 400
};

const Test subprotocols("at most one subprotocol is answered, and only one that was offered", [] {
  const std::vector<Subprotocol> cases{
      {"", "", ""},
      {"binary", "", "binary"},
      {"base64", "", "base64"},
      {"base64, binary", "", "binary"},
      {"chat, base64", "", "base64"},
      {"chat, superchat", "", "chat"},
      {"mqtt", "", "mqtt"},
      {"bad name, good", "", "good"},
      {"\"quoted\"", "", ""},
      {", ,", "", ""},
      {"Binary", "", "Binary"},
      {"chat", "chat", "chat"},
      {"binary, chat", "chat", "chat"},
      {"binary", "chat", std::nullopt},
      {"", "chat", ""},
      {"base64, binary", "base64", "base64"},
      {"Chat", "chat", std::nullopt},
  };
  for (const Subprotocol& test : cases) {
    const std::string what = std::string{test.offered} + " / " + std::string{test.forced};
    const std::string head = request({{"Sec-WebSocket-Protocol", test.offered}});
    const Result result = negotiate(head, {.subprotocol = test.forced});
    if (!test.answered) {
      expect_refused(result, 400, what);
      continue;
    }
    expect_accepted(result, what);
    expect_equal(result.subprotocol, *test.answered, what);
    const std::string line = "\r\nSec-WebSocket-Protocol: " + std::string{*test.answered} + "\r\n";
    expect_equal(has(result.answer, "Sec-WebSocket-Protocol"), !test.answered->empty(), what);
    if (!test.answered->empty()) expect(has(result.answer, line), what);
    expect((result.encoding == codec::Encoding::base64) == (*test.answered == "base64"), what);
  }
  const Result lines = negotiate(
      request({{"Sec-WebSocket-Protocol", "chat"}, {"sec-websocket-protocol", "binary"}}));
  expect_equal(lines.subprotocol, "binary", "offered in two header lines");
});

const Test path("only the configured path is served, whatever its query", [] {
  const Policy policy{.path = "/vnc"};
  expect_accepted(negotiate(request({}, "/vnc"), policy), "the path");
  expect_accepted(negotiate(request({}, "/vnc?token=secret"), policy), "with a query");
  expect_equal(negotiate(request({}, "/vnc?token=secret"), policy).target, "/vnc",
               "the target for the log has no query");
  for (const std::string_view target : {"/", "/vnc/", "/VNC", "/vncx", "/v", "/?/vnc"}) {
    expect_refused(negotiate(request({}, target), policy), 404, target);
  }
});

struct OriginCase {
  std::string_view origin;
  std::string_view origins;  // of the policy
  int status;
};

const Test origins("pages connect from Host's host or from a listed origin", [] {
  const std::vector<OriginCase> cases{
      {"", "", 101},
      {"http://server.example.com", "", 101},
      {"https://server.example.com", "", 101},
      {"http://server.example.com:8080", "", 101},
      {"http://SERVER.example.com", "", 101},
      {"http://example.com", "", 403},
      {"http://evil.com", "", 403},
      {"http://server.example.com.evil.com", "", 403},
      {"http://evil.com:80/server.example.com", "", 403},
      {"null", "", 403},
      {"server.example.com", "", 403},
      {"http://", "", 403},
      {"", "https://other.org", 101},
      {"http://server.example.com", "https://other.org", 101},
      {"null", "*", 101},
      {"http://evil.com", "*", 101},
      {"null", "null", 101},
      {"https://other.org", "https://other.org", 101},
      {"https://OTHER.org", "https://other.org", 101},
      {"http://other.org", "https://other.org", 403},
      {"https://other.org:8443", "https://other.org", 403},
      {"https://other.org:8443", "https://other.org:8443", 101},
      {"https://other.org", "https://other.org:8443", 403},
      {"https://a.other.org", "https://other.org", 403},
      {"http://other.org:99", "other.org", 101},
      {"https://other.org", "first.org, other.org", 101},
      {"https://other.org", "first.org,,other.org,", 101},
      {"https://other.org:8443", "other.org:8443", 101},
      {"https://other.org", "other.org:8443", 403},
      {"https://a.other.org", "*.other.org", 101},
      {"https://a.b.other.org:1", "*.other.org", 101},
      {"https://other.org", "*.other.org", 403},
      {"https://another.org", "*.other.org", 403},
      {"https://.other.org", "*.other.org", 403},
      {"https://a.other.org", "https://*.other.org", 101},
      {"http://a.other.org", "https://*.other.org", 403},
      {"http://[::1]:80", "[::1]", 101},
      {"http://[::2]", "[::1]", 403},
  };
  for (const OriginCase& test : cases) {
    const std::string what = std::string{test.origin} + " / " + std::string{test.origins};
    const Result result = negotiate(request({{"Origin", test.origin}}), {.origins = test.origins});
    if (test.status == 101) {
      expect_accepted(result, what);
    } else {
      expect_refused(result, test.status, what);
    }
  }
  expect_refused(negotiate(request({{"Sec-WebSocket-Version", "8"},
                                    {"Sec-WebSocket-Origin", "http://evil.com"}})),
                 403, "the Origin of versions 7 and 8");
});

struct HostCase {
  std::string_view host;
  std::string_view hosts;  // of the policy
  bool accepted;
};

const Test hosts("on a loopback address, Host must name this machine", [] {
  const std::vector<HostCase> cases{
      {"localhost", "", true},
      {"LOCALHOST:5901", "", true},
      {"app.localhost:80", "", true},
      {"127.0.0.1", "", true},
      {"127.255.3.4:99", "", true},
      {"[::1]", "", true},
      {"[::1]:5901", "", true},
      {"evil.com", "", false},
      {"127.0.0.1.evil.com", "", false},
      {"127.evil.com", "", false},
      {"localhost.evil.com", "", false},
      {"notlocalhost", "", false},
      {"128.0.0.1", "", false},
      {"127.0.1", "", false},
      {"[::2]", "", false},
      {"my.machine", "my.machine", true},
      {"MY.machine:80", "other, my.machine", true},
      {"a.my.machine", "my.machine", false},
      {"a.my.machine", "*.my.machine", true},
  };
  for (const HostCase& test : cases) {
    const std::string head = request({{"Host", test.host}});
    const Result guarded = negotiate(head, {.hosts = test.hosts, .loopback = true});
    if (test.accepted) {
      expect_accepted(guarded, test.host);
    } else {
      expect_refused(guarded, 403, test.host);
    }
    expect_accepted(negotiate(head), "elsewhere any name is served");
  }
});

constexpr std::string_view hixie76_head =
    "GET /demo HTTP/1.1\r\n"
    "Host: example.com\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n"
    "Sec-WebSocket-Protocol: sample\r\n"
    "Upgrade: WebSocket\r\n"
    "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n"
    "Origin: http://example.com\r\n"
    "\r\n";

const Test hixie76("the example of draft-hixie-76 gets the answer it gives", [] {
  const std::string head = std::string{hixie76_head} + "^n:ds[4U";
  const Result result = negotiate(head + "more");
  expect_accepted(result, "the example");
  expect_equal(result.answer,
               "HTTP/1.1 101 WebSocket Protocol Handshake\r\n"
               "Upgrade: WebSocket\r\n"
               "Connection: Upgrade\r\n"
               "Sec-WebSocket-Origin: http://example.com\r\n"
               "Sec-WebSocket-Location: ws://example.com/demo\r\n"
               "Sec-WebSocket-Protocol: sample\r\n"
               "\r\n"
               "8jKS'y:G*Co,Wxa-",
               "the answer");
  expect_equal(result.head_size, head.size(), "the eight bytes belong to the head");
  expect(result.dialect == codec::Dialect::hixie, "dialect");
  expect(result.encoding == codec::Encoding::base64, "encoding");

  for (std::size_t size = 0; size < head.size(); ++size) {
    expect(negotiate(std::string_view{head}.substr(0, size)).outcome == Outcome::partial, "cut");
  }
  expect(has(negotiate(head, {.secure = true}).answer, "Location: wss://example.com/demo\r\n"),
         "TLS");
});

const Test hixie76_keys("keys of draft-hixie-76 that hold no number are refused", [] {
  const auto with_key = [](std::string_view value) {
    std::string head{hixie76_head};
    const std::string_view old = "4 @1  46546xW%0l 1 5";
    return head.replace(head.find(old), old.size(), value) + "12345678";
  };
  for (const std::string_view value :
       {"", "1", "12345", "1 2 5 ", "5 5 5", "99999999999 9", "42949672 96"}) {
    expect_refused(negotiate(with_key(value)), 400, value);
  }
  for (const std::string_view value : {"1 1", "42949672 95", "no digits"}) {
    expect_accepted(negotiate(with_key(value)), value);
  }
  std::string one_key{hixie76_head};
  one_key.replace(one_key.find("Sec-WebSocket-Key2"), 18, "X-WebSocket-Key22");
  expect_refused(negotiate(one_key), 400, "only one key");
});

const Test hixie75("draft-hixie-75 is answered when nothing says otherwise", [] {
  const std::string head =
      "GET /demo?a=b HTTP/1.1\r\n"
      "Upgrade: WebSocket\r\n"
      "Connection: Upgrade\r\n"
      "Host: example.com\r\n"
      "Origin: http://example.com\r\n"
      "WebSocket-Protocol: sample\r\n"
      "\r\n";
  const Result result = negotiate(head);
  expect_accepted(result, "the example");
  expect_equal(result.answer,
               "HTTP/1.1 101 Web Socket Protocol Handshake\r\n"
               "Upgrade: WebSocket\r\n"
               "Connection: Upgrade\r\n"
               "WebSocket-Origin: http://example.com\r\n"
               "WebSocket-Location: ws://example.com/demo?a=b\r\n"
               "WebSocket-Protocol: sample\r\n"
               "\r\n",
               "the answer");
  expect(result.dialect == codec::Dialect::hixie, "dialect");
  expect_equal(result.head_size, head.size(), "head_size");
});

const Test long_echo("what is too long to be answered is refused, not cut", [] {
  const std::string target = "/" + std::string(2000, 'a');
  const std::string hixie = "GET " + target +
                            " HTTP/1.1\r\nHost: example.com\r\nUpgrade: WebSocket\r\n"
                            "Connection: Upgrade\r\n\r\n";
  expect_refused(negotiate(hixie), 431, "the location of Hixie-75");
  expect_accepted(negotiate(request({}, target)), "RFC 6455 repeats no target");
  expect_refused(negotiate(request({{"Sec-WebSocket-Protocol", std::string(2000, 'a')}})), 431,
                 "a subprotocol");
});

}  // namespace
}  // namespace wswrap::test
