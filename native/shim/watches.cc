#include "shim/watches.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "codec/text.h"
#include "shim/kernel.h"
#include "shim/proc.h"

namespace wswrap::watches {
namespace {

// Reads the value that follows `key` in a line such as
// "tfd:        5 events:       19 data:               2a  pos:0 ino:1 sdev:1".
template <typename Number>
bool read_value(std::string_view line, std::string_view key, int base, Number& value) {
  const std::size_t at = line.find(key);
  if (at == line.npos) return false;
  const char* from = line.data() + at + key.size();
  const char* const end = line.data() + line.size();
  while (from != end && *from == ' ') ++from;
  return std::from_chars(from, end, value, base).ec == std::errc{};
}

bool read_watch(std::string_view line, int fd, epoll_event& event) {
  int watched = -1;
  std::uint32_t events = 0;
  std::uint64_t data = 0;
  if (!read_value(line, "tfd:", 10, watched) || watched != fd) return false;
  if (!read_value(line, "events:", 16, events) || !read_value(line, "data:", 16, data)) {
    return false;
  }
  event.events = events;
  event.data.u64 = data;
  return true;
}

}  // namespace

bool find(int epfd, int fd, epoll_event& event) {
  ProcPath path;
  path << "self/fdinfo/" << static_cast<std::uint32_t>(epfd);
  const long file = path.open();
  if (file < 0) return false;
  std::array<char, 2048> text;
  std::size_t have = 0;
  bool found = false;
  while (!found) {
    const long got = kernel::invoke(SYS_read, file, text.data() + have, text.size() - have);
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
    std::string_view rest(text.data(), have);
    while (!found && rest.find('\n') != rest.npos) {
      found = read_watch(codec::take_until(rest, '\n'), fd, event);
    }
    // No line is as long as that.
    if (rest.size() == text.size()) break;
    have = rest.size();
    std::copy(rest.begin(), rest.end(), text.begin());
  }
  kernel::invoke(SYS_close, file);
  return found;
}

}  // namespace wswrap::watches
