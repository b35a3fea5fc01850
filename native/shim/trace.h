// The log: one line per event, written in one call, without malloc or stdio, so that it may be used
// anywhere (in a signal handler, between fork and exec) and never disturbs the server.
#pragma once

#include <sys/socket.h>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/config.h"

namespace wswrap {

inline bool logs(LogLevel level) { return config.log_level >= level; }

// Builds a line and writes it when it goes out of scope. What does not fit is cut off.
class LogLine {
 public:
  // `number` is the connection's, 0 if the event belongs to none.
  explicit LogLine(std::uint32_t number = 0);
  ~LogLine();
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;

  LogLine& operator<<(std::string_view text);
  LogLine& operator<<(std::integral auto value) {
    if (value < 0) return (*this << "-").decimal(~static_cast<std::uint64_t>(value) + 1);
    return decimal(static_cast<std::uint64_t>(value));
  }
  LogLine& operator<<(const sockaddr_storage& address);
  // Text that came from a client: control characters and quotes are replaced.
  LogLine& quoted(std::string_view text);

 private:
  LogLine& decimal(std::uint64_t value);
  std::array<char, 512> line_;
  std::size_t size_ = 0;
};

}  // namespace wswrap
