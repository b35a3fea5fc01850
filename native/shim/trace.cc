#include "shim/trace.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "shim/fds.h"
#include "shim/kernel.h"
#include "shim/process.h"

namespace wswrap {
namespace {

constexpr int standard_error = 2;

constinit std::atomic<int> log_descriptor{-1};

long open_log_file() {
  std::array<char, 4096> path;
  if (config.log_file.size() >= path.size()) return -ENAMETOOLONG;
  std::memcpy(path.data(), config.log_file.data(), config.log_file.size());
  path[config.log_file.size()] = '\0';
  return kernel::invoke(SYS_openat, AT_FDCWD, path.data(),
                        O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
}

// Whether the log is a file, which has a size that may be limited.
constinit std::atomic<bool> is_file{false};
constinit std::atomic<std::uint64_t> most_bytes{RLIM64_INFINITY};

// Where the next line goes, or -errno.
std::int64_t position(int fd) {
  // The offset of what was standard error is not ours to move.
  return kernel::seek(fd, 0, config.log_file.empty() ? SEEK_CUR : SEEK_END);
}

// A write beyond RLIMIT_FSIZE would bring the server SIGXFSZ.
bool has_room(int fd, std::size_t size) {
  if (!is_file.load(std::memory_order_relaxed)) return true;
  note_log_limit();
  const std::uint64_t most = most_bytes.load(std::memory_order_relaxed);
  if (most == RLIM64_INFINITY) return true;
  const std::int64_t at = position(fd);
  return at >= 0 && static_cast<std::uint64_t>(at) + size <= most;
}

constexpr std::string_view hex_digits = "0123456789abcdef";

}  // namespace

bool open_log() {
  long fd = config.log_file.empty() ? kernel::invoke(SYS_fcntl, standard_error, F_DUPFD_CLOEXEC, 3)
                                    : open_log_file();
  if (fd >= 0) {
    log_descriptor.store(fds::hide(static_cast<int>(fd)));
    is_file.store(position(log_descriptor.load()) >= 0);
  }
  return fd >= 0 || config.log_file.empty();
}

void complain(std::initializer_list<std::string_view> parts) {
  if (!fds::get(standard_error).plain()) return;
  std::array<char, 1024> line;
  std::size_t size = 0;
  const auto put = [&](std::string_view text) {
    size += text.copy(line.data() + size, line.size() - 1 - size);
  };
  put("wswrap: ");
  for (const std::string_view part : parts) put(part);
  line[size++] = '\n';
  kernel::invoke(SYS_write, standard_error, line.data(), size);
}

void note_log_limit() {
  rlimit64 limits{};
  if (kernel::invoke(SYS_prlimit64, 0, RLIMIT_FSIZE, nullptr, &limits) < 0) return;
  most_bytes.store(limits.rlim_cur, std::memory_order_relaxed);
}

LogLine::LogLine() {
  timespec now{};
  if (!seccomp::is_strict()) clock_gettime(CLOCK_REALTIME, &now);
  const auto second_of_day = static_cast<std::uint64_t>(now.tv_sec % 86400);
  const auto two = [&](std::uint64_t value) {
    line_[size_++] = static_cast<char>('0' + value / 10);
    line_[size_++] = static_cast<char>('0' + value % 10);
  };
  two(second_of_day / 3600);
  line_[size_++] = ':';
  two(second_of_day / 60 % 60);
  line_[size_++] = ':';
  two(second_of_day % 60);
  line_[size_++] = '.';
  const auto thousandths = static_cast<std::uint64_t>(now.tv_nsec / 1'000'000);
  line_[size_++] = static_cast<char>('0' + thousandths / 100);
  two(thousandths % 100);
  *this << " wswrap[" << process::id() << "] ";
}

LogLine::~LogLine() {
  line_[size_++] = '\n';
  const int fd = log_descriptor.load(std::memory_order_relaxed);
  if (has_room(fd, size_)) kernel::invoke(SYS_write, fd, line_.data(), size_);
}

LogLine& LogLine::operator<<(std::string_view text) {
  const std::size_t room = line_.size() - 1 - size_;
  const std::size_t size = text.size() < room ? text.size() : room;
  std::memcpy(line_.data() + size_, text.data(), size);
  size_ += size;
  return *this;
}

LogLine& LogLine::operator<<(const Peer& peer) {
  const auto& host = peer.host;
  const auto is_zero = [](std::uint8_t byte) { return byte == 0; };
  if (std::ranges::all_of(host, is_zero)) return *this << "unknown";
  if (std::all_of(&host[0], &host[10], is_zero) && host[10] == 0xff && host[11] == 0xff) {
    return *this << host[12] << "." << host[13] << "." << host[14] << "." << host[15] << ":"
                 << peer.port;
  }
  // RFC 5952 is for people; groups without the longest run of zeros folded are enough for a log.
  *this << "[";
  for (std::size_t group = 0; group < 8; ++group) {
    const unsigned value = host[2 * group] * 256u + host[2 * group + 1];
    bool leading = true;
    for (int shift = 12; shift >= 0; shift -= 4) {
      const unsigned digit = value >> shift & 15;
      if (leading && digit == 0 && shift != 0) continue;
      leading = false;
      *this << hex_digits.substr(digit, 1);
    }
    if (group < 7) *this << ":";
  }
  return *this << "]:" << peer.port;
}

LogLine& LogLine::quoted(std::string_view text) {
  *this << "\"";
  for (const char& c : text) {
    const bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
    *this << (plain ? std::string_view(&c, 1) : std::string_view("?"));
  }
  return *this << "\"";
}

}  // namespace wswrap
