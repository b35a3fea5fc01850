#include "shim/lifetime.h"

#include <time.h>

#include <cerrno>
#include <string_view>

#include "shim/kernel.h"
#include "shim/proc.h"

namespace wswrap::lifetime {
namespace {

// Of starttime: USER_HZ, which is 100 wherever this shim runs.
constexpr std::uint64_t ticks_per_second = 100;

// In /proc/PID/stat, counted from the state, which follows the name in parentheses (proc(5)).
constexpr int starttime_field = 19;

std::uint32_t read_started(std::uint32_t pid) {
  std::array<char, 512> buffer;
  const std::string_view stat = (ProcPath() << pid << "/stat").read(buffer);
  std::size_t at = stat.rfind(')');
  for (int field = 0; field <= starttime_field && at != std::string_view::npos; ++field) {
    at = stat.find(' ', at + 1);
  }
  std::uint64_t ticks = 0;
  if (at == std::string_view::npos) return 0;
  for (++at; at < stat.size() && stat[at] >= '0' && stat[at] <= '9'; ++at) {
    ticks = ticks * 10 + static_cast<std::uint64_t>(stat[at] - '0');
  }
  return static_cast<std::uint32_t>(ticks / ticks_per_second);
}

}  // namespace

std::uint32_t now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint32_t>(now.tv_sec);
}

std::uint32_t Census::started(std::uint32_t pid) {
  Known& known = known_[pid % known_.size()];
  if (known.pid != pid) known = {.pid = pid, .started = read_started(pid)};
  return known.started;
}

bool is_alive(std::uint32_t pid, std::uint32_t since, Census* census) {
  // What is no pid would mean a group of processes, or all of them.
  if (pid == 0 || pid > INT32_MAX) return false;
  // Cheaper than all else, where a child lets go of many that it got by fork(2).
  if (kernel::call(SYS_getppid) == static_cast<long>(pid)) return true;
  if (kernel::invoke(SYS_kill, pid, 0) == -ESRCH) return false;
  // Pids are given out in turn: none comes back within a second.
  return census == nullptr || now() - since <= 1 || census->started(pid) <= since + 1;
}

}  // namespace wswrap::lifetime
