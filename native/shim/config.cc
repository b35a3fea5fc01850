#include "shim/config.h"

#include <cstring>

namespace wswrap {

constinit Config config;

namespace {

// The values are copied: a server may overwrite its environment (setproctitle does).
constinit std::array<char, 8192> storage{};
constinit std::size_t storage_used = 0;

bool keep(std::string_view value, std::string_view& out) {
  if (value.size() > storage.size() - storage_used) return false;
  std::memcpy(storage.data() + storage_used, value.data(), value.size());
  out = {storage.data() + storage_used, value.size()};
  storage_used += value.size();
  return true;
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

bool parse_pending(std::string_view text) {
  std::uint64_t value = 0;
  if (!parse_count(text, Config::most_pending, value) || value == 0) return false;
  config.max_pending = static_cast<std::uint32_t>(value);
  return true;
}

struct Variable {
  const char* name;
  bool (*parse)(std::string_view value);
};

constexpr Variable variables[] = {
    {"WSWRAP_PORT", parse_ports},
    {"WSWRAP_ORIGIN", [](std::string_view v) { return keep(v, config.origins); }},
    {"WSWRAP_HOST", [](std::string_view v) { return keep(v, config.hosts); }},
    {"WSWRAP_PATH", [](std::string_view v) { return keep(v, config.path); }},
    {"WSWRAP_SUBPROTOCOL", [](std::string_view v) { return keep(v, config.subprotocol); }},
    {"WSWRAP_LOG_FILE", [](std::string_view v) { return keep(v, config.log_file); }},
    {"WSWRAP_LOG_LEVEL", parse_log_level},
    {"WSWRAP_HANDSHAKE_TIMEOUT",
     [](std::string_view v) { return parse_seconds(v, config.handshake_timeout); }},
    {"WSWRAP_HEARTBEAT", [](std::string_view v) { return parse_seconds(v, config.heartbeat); }},
    {"WSWRAP_MAX_PENDING", parse_pending},
    {"WSWRAP_ALLOW_RAW", parse_raw},
    {"WSWRAP_TEXT",
     [](std::string_view v) {
       config.text = v == "1";
       return v == "1" || v == "0";
     }},
};

// DEBUG and TRACE belong to everyone: only "1" is meant for us.
void read_shared_switches(std::string_view entry) {
  if (entry == "DEBUG=1") parse_log_level("debug");
  if (entry == "TRACE=1") parse_log_level("trace");
}

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
    const std::string_view value = entry.substr(equals + 1);
    for (const Variable& variable : variables) {
      if (entry.substr(0, equals) != variable.name || value.empty()) continue;
      if (!variable.parse(value)) return variable.name;
    }
  }
  return nullptr;
}

}  // namespace wswrap
