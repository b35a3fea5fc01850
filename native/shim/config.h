// What the launcher asked for, from the environment, in fixed storage.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "shim/clock.h"

namespace wswrap {

enum class LogLevel : std::uint8_t { quiet, info, debug, trace };

struct Config {
  static constexpr std::size_t max_ports = 64;
  static constexpr std::uint32_t most_pending = 16384;
  std::array<std::uint16_t, max_ports> ports{};
  std::size_t port_count = 0;  // 0: nothing is wrapped in this process
  std::string_view origins;
  std::string_view hosts;
  std::string_view path;
  std::string_view subprotocol;
  std::string_view log_file;
  bool text = false;
  bool allow_raw = false;
  Nanoseconds raw_after = milliseconds(1000);
  Nanoseconds handshake_timeout = milliseconds(10'000);
  Nanoseconds heartbeat = 0;  // 0: none
  std::uint32_t max_pending = 1024;
  LogLevel log_level = LogLevel::quiet;

  bool wraps(std::uint16_t port) const {
    for (std::size_t i = 0; i < port_count; ++i) {
      if (ports[i] == port) return true;
    }
    return false;
  }
};

extern constinit Config config;

// Reads the WSWRAP_* variables, DEBUG and TRACE. Returns null, or the name of the variable whose
// value makes no sense: the process must not go on then, because its port would not be wrapped.
const char* read_config(char** environment);

}  // namespace wswrap
