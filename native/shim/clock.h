// Time for deadlines: CLOCK_MONOTONIC, because a wall clock may jump.
//
// It is the kernel's, not the clock_gettime(2) that the process sees: a preloaded library that lies
// to the server about the time (faketime) must not change how long our clients may take, and timers
// (timerfd_create(2)) count in the kernel's time.
#pragma once

#include <sys/time.h>
#include <time.h>

#include <cstdint>

namespace wswrap {

using Nanoseconds = std::int64_t;

inline constexpr Nanoseconds milliseconds(std::int64_t count) { return count * 1'000'000; }
inline constexpr Nanoseconds forever = INT64_MAX;

// Nanoseconds since some moment, the same for all processes. Costs no system call. 0 where reading
// the clock would be the end of the process (SECCOMP_MODE_STRICT).
Nanoseconds monotonic_now();

// The same as of the kernel's last tick, some milliseconds ago, for a fifth of the price.
Nanoseconds coarse_now();

// time_t may have 32 bits: widened before it is multiplied.
inline constexpr Nanoseconds to_nanoseconds(const timespec& span) {
  return Nanoseconds{span.tv_sec} * 1'000'000'000 + span.tv_nsec;
}
inline constexpr Nanoseconds to_nanoseconds(const timeval& span) {
  return Nanoseconds{span.tv_sec} * 1'000'000'000 + Nanoseconds{span.tv_usec} * 1000;
}

// Rounded up, as poll(2) and epoll_wait(2) take it; -1 for forever.
inline constexpr int to_milliseconds(Nanoseconds span) {
  if (span == forever) return -1;
  const Nanoseconds rounded = (span + milliseconds(1) - 1) / milliseconds(1);
  return rounded > INT32_MAX ? INT32_MAX : static_cast<int>(rounded);
}

inline constexpr timespec to_timespec(Nanoseconds span) {
  if (span < 0) span = 0;
  return {.tv_sec = static_cast<time_t>(span / 1'000'000'000),
          .tv_nsec = static_cast<long>(span % 1'000'000'000)};
}
inline constexpr timeval to_timeval(Nanoseconds span) {
  const timespec fine = to_timespec(span);
  return {.tv_sec = fine.tv_sec, .tv_usec = static_cast<suseconds_t>(fine.tv_nsec / 1000)};
}

// The time between two moments. One of them may be garbage from memory that others can write: then
// so is the result, and nothing worse.
inline constexpr std::uint64_t elapsed(Nanoseconds from, Nanoseconds to) {
  return static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
}

// When a wait that began at the construction of this object ends.
class Deadline {
 public:
  // Negative: never.
  explicit Deadline(Nanoseconds timeout)
      : zero_(timeout == 0), at_(timeout < 0 || timeout == forever ? forever : timeout) {
    if (at_ != forever && !zero_) {
      const Nanoseconds now = monotonic_now();
      at_ = timeout > forever - now ? forever : now + timeout;
    }
  }
  bool never() const { return at_ == forever; }
  // What is left, at least 0; forever when there is no deadline.
  Nanoseconds left() const {
    if (zero_) return 0;
    if (never()) return forever;
    const Nanoseconds left = at_ - monotonic_now();
    return left > 0 ? left : 0;
  }

 private:
  bool zero_;
  Nanoseconds at_;
};

}  // namespace wswrap
