// The log: one line per event, written in one call, without malloc or stdio, so that it may be used
// anywhere (in a signal handler, between fork and exec) and never disturbs the server.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "shim/config.h"
#include "shim/decimal.h"
#include "shim/peer.h"

namespace wswrap {

inline bool logs(LogLevel level) { return config.log_level >= level; }

// Builds a line and writes it when it goes out of scope. What does not fit is cut off.
class LogLine {
 public:
  LogLine();
  // An event of a client that has no connection number yet.
  explicit LogLine(const Peer& peer) : LogLine() { *this << peer << " "; }
  // An event of a connection.
  LogLine(std::uint32_t number, const Peer& peer) : LogLine() {
    *this << "#" << number << " " << peer << " ";
  }
  ~LogLine();
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;

  LogLine& operator<<(std::string_view text);
  LogLine& operator<<(std::integral auto value) {
    const auto bits = static_cast<std::uint64_t>(value);
    if (value < 0) return *this << "-" << Decimal(~bits + 1).text();
    return *this << Decimal(bits).text();
  }
  LogLine& operator<<(const Peer& peer);
  // Text that came from a client: control characters and quotes are replaced.
  LogLine& quoted(std::string_view text);

 private:
  std::array<char, 512> line_;
  std::size_t size_ = 0;
};

// Says something on standard error that the user must know whatever the log level, unless that
// number stands for a client.
void complain(std::initializer_list<std::string_view> parts);

// Opens the log at the start of the process: the log file, or a descriptor of our own for what is
// standard error now. Later that number may stand for a client. Returns false if the file cannot be
// opened.
bool open_log();

// Looks up how large the log may become (RLIMIT_FSIZE), while that can be asked.
void note_log_limit();

}  // namespace wswrap
