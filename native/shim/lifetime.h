// Whether the process that had a pid at some time is alive.
//
// The kernel gives a pid to somebody else when its process is gone. So a pid alone names nobody: it
// takes a moment at which the process was seen alive. What has the pid now is the same process if
// it was started before that.
#pragma once

#include <array>
#include <cstdint>

namespace wswrap::lifetime {

// Seconds since the system was booted, the clock of proc(5)'s starttime.
std::uint32_t now();

// Remembers start times while many processes are asked about, perhaps one of them many times.
class Census {
 public:
  // The second in which the process that has `pid` now was started; 0 if that cannot be known.
  std::uint32_t started(std::uint32_t pid);

 private:
  struct Known {
    std::uint32_t pid = 0;
    std::uint32_t started = 0;
  };
  std::array<Known, 64> known_{};
};

// True if the process that had `pid` at `since` is alive. With a null `census` a process that has
// the pid now is taken for it; that costs one system call. No signal is sent.
bool is_alive(std::uint32_t pid, std::uint32_t since, Census* census);

}  // namespace wswrap::lifetime
