#include "shim/config.h"

#include <sys/un.h>

#include <cstring>
#include <iterator>
#include <tuple>

namespace wswrap {

constinit Config config;

namespace {

// The values are copied: a server may overwrite its environment (setproctitle does).
constinit std::array<char, 8192> storage{};
constinit std::size_t storage_used = 0;

// Returns the kept line, null-terminated; an empty one if there is no room.
std::string_view keep(std::string_view line) {
  if (line.size() >= storage.size() - storage_used) return {};
  char* const kept = storage.data() + storage_used;
  std::memcpy(kept, line.data(), line.size());
  kept[line.size()] = '\0';
  storage_used += line.size() + 1;
  return {kept, line.size()};
}

bool parse_count(std::string_view text, std::uint64_t most, std::uint64_t& out) {
  if (text.empty() || text.size() > 12) return false;
  out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return out <= most;
}

// Seconds with an optional fraction, at most a day.
bool parse_seconds(std::string_view text, Nanoseconds& out) {
  const std::size_t dot = text.find('.');
  std::uint64_t whole = 0;
  if (!parse_count(text.substr(0, dot), 86400, whole)) return false;
  out = static_cast<Nanoseconds>(whole) * 1'000'000'000;
  if (dot == std::string_view::npos) return true;
  const std::string_view digits = text.substr(dot + 1);
  std::uint64_t fraction = 0;
  if (digits.size() > 9 || !parse_count(digits, 999'999'999, fraction)) return false;
  for (std::size_t i = digits.size(); i < 9; ++i) fraction *= 10;
  out += static_cast<Nanoseconds>(fraction);
  return true;
}

bool parse_ports(std::string_view text) {
  config.port_count = 0;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::uint64_t port = 0;
    if (!parse_count(text.substr(0, comma), 65535, port) || port == 0) return false;
    if (config.port_count == Config::max_ports) return false;
    config.ports[config.port_count++] = static_cast<std::uint16_t>(port);
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
  return false;
}

bool parse_log_level(std::string_view text) {
  constexpr std::array<std::string_view, 4> names{"quiet", "info", "debug", "trace"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (text != names[i]) continue;
    if (static_cast<LogLevel>(i) > config.log_level) config.log_level = static_cast<LogLevel>(i);
    return true;
  }
  return false;
}

bool parse_raw(std::string_view text) {
  std::uint64_t value = 0;
  if (!parse_count(text, 86'400'000, value)) return false;
  config.allow_raw = true;
  config.raw_after = milliseconds(static_cast<std::int64_t>(value));
  return true;
}

bool parse_limit(std::string_view text, std::uint32_t most, std::uint32_t& out) {
  std::uint64_t value = 0;
  if (!parse_count(text, most, value) || value == 0) return false;
  out = static_cast<std::uint32_t>(value);
  return true;
}

bool parse_move_port(std::string_view text) {
  std::uint64_t value = 0;
  if (!parse_count(text, 65535, value) || value == 0) return false;
  config.move.port = static_cast<std::uint16_t>(value);
  return true;
}

// The server may change its working folder.
bool parse_move_report(std::string_view text) {
  config.move.report = text;
  return text.starts_with('/') && text.size() < sizeof sockaddr_un{}.sun_path;
}

bool parse_move_key(std::string_view text) {
  config.move.key = text;
  return text.size() <= 128 &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

// All of them, or none.
const char* missing_for_move() {
  const Move& move = config.move;
  const bool none = move.port == 0 && move.report.empty() && move.key.empty();
  if (none) return nullptr;
  if (move.port == 0) return "WSWRAP_MOVE";
  if (move.report.empty()) return "WSWRAP_MOVE_REPORT";
  return move.key.empty() ? "WSWRAP_MOVE_KEY" : nullptr;
}

template <std::string_view Config::*member>
bool keep_in(std::string_view value) {
  config.*member = value;
  return true;
}

struct Variable {
  const char* name;
  bool (*parse)(std::string_view value);
};

constexpr Variable variables[] = {
    // These two come first: see Config::lines.
    {"WSWRAP_PORT", parse_ports},
    {"WSWRAP_LOG_LEVEL", parse_log_level},
    {"WSWRAP_ORIGIN", keep_in<&Config::origins>},
    {"WSWRAP_HOST", keep_in<&Config::hosts>},
    {"WSWRAP_PATH", keep_in<&Config::path>},
    {"WSWRAP_SUBPROTOCOL", keep_in<&Config::subprotocol>},
    {"WSWRAP_LOG_FILE", keep_in<&Config::log_file>},
    {"WSWRAP_HANDSHAKE_TIMEOUT",
     [](std::string_view v) { return parse_seconds(v, config.handshake_timeout); }},
    {"WSWRAP_HEARTBEAT", [](std::string_view v) { return parse_seconds(v, config.heartbeat); }},
    {"WSWRAP_MAX_PENDING",
     [](std::string_view v) { return parse_limit(v, Config::most_pending, config.max_pending); }},
    {"WSWRAP_MAX_CONNECTIONS",
     [](std::string_view v) {
       return parse_limit(v, Config::most_connections, config.max_connections);
     }},
    {"WSWRAP_ALLOW_RAW", parse_raw},
    {"WSWRAP_TEXT",
     [](std::string_view v) {
       config.text = v == "1";
       return v == "1" || v == "0";
     }},
    {"WSWRAP_MOVE", parse_move_port},
    {"WSWRAP_MOVE_REPORT", parse_move_report},
    {"WSWRAP_MOVE_KEY", parse_move_key},
};

// DEBUG and TRACE belong to everyone: only "1" is meant for us.
void read_shared_switches(std::string_view entry) {
  if (entry == "DEBUG=1") parse_log_level("debug");
  if (entry == "TRACE=1") parse_log_level("trace");
}

// A program whose environment was cleaned logs what this one does, however it was told to.
constexpr std::array<const char*, 4> level_lines{
    nullptr, "WSWRAP_LOG_LEVEL=info", "WSWRAP_LOG_LEVEL=debug", "WSWRAP_LOG_LEVEL=trace"};

static_assert(std::size(variables) <= std::tuple_size_v<decltype(Config::lines)>);

}  // namespace

const char* read_config(char** environment) {
  for (char** line = environment; line != nullptr && *line != nullptr; ++line) {
    const std::string_view entry(*line);
    if (!entry.starts_with("WSWRAP_")) {
      read_shared_switches(entry);
      continue;
    }
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    for (std::size_t i = 0; i < std::size(variables); ++i) {
      if (entry.substr(0, equals) != variables[i].name || entry.size() == equals + 1) continue;
      const std::string_view line = keep(entry);
      if (line.empty() || !variables[i].parse(line.substr(equals + 1))) return variables[i].name;
      config.lines[i] = line.data();
    }
  }
  config.lines[1] = level_lines[static_cast<std::size_t>(config.log_level)];
  return missing_for_move();
}

}  // namespace wswrap
