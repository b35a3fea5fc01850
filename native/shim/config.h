// What the launcher asked for, from the environment, in fixed storage.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "shim/clock.h"

namespace wswrap {

enum class LogLevel : std::uint8_t { quiet, info, debug, trace };

// A port that is moved out of the way (relocation.h); 0: none.
struct Move {
  std::uint16_t port = 0;
  std::string_view report;  // the path of the Unix socket where it is told to which
  std::string_view key;     // by which that is believed
};

struct Config {
  static constexpr std::size_t max_ports = 64;
  static constexpr std::uint32_t most_pending = 16384;
  static constexpr std::uint32_t most_connections = 65536;
  std::array<std::uint16_t, max_ports> ports{};
  std::size_t port_count = 0;  // 0: nothing is wrapped in this process
  std::string_view origins;
  std::string_view hosts;
  std::string_view path;
  std::string_view subprotocol;
  std::string_view log_file;
  Move move;
  // The settings as they came, for programs that this one starts; the ports first, then the log
  // level. Null where nothing was set.
  std::array<const char*, 16> lines{};
  bool text = false;
  bool allow_raw = false;
  Nanoseconds raw_after = milliseconds(1000);
  Nanoseconds handshake_timeout = milliseconds(10'000);
  Nanoseconds heartbeat = 0;  // 0: none
  std::uint32_t max_pending = 1024;
  std::uint32_t max_connections = most_connections;
  LogLevel log_level = LogLevel::quiet;

  bool wraps(std::uint16_t port) const { return place_of(port) != port_count; }

  // Which of `ports` it is; port_count if none.
  std::size_t place_of(std::uint16_t port) const {
    std::size_t place = 0;
    while (place < port_count && ports[place] != port) ++place;
    return place;
  }
};

extern constinit Config config;

// Reads the WSWRAP_* variables, DEBUG and TRACE. Returns null, or the name of the variable whose
// value makes no sense: the process must not go on then, because its port would not be wrapped.
const char* read_config(char** environment);

}  // namespace wswrap
