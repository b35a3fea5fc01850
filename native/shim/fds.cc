#include "shim/fds.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>

#include "shim/kernel.h"

namespace wswrap::fds {

constinit std::atomic<std::uint32_t> table[limit]{};

namespace {

constinit std::atomic<int> highest{0};

// The kernel's own table grows to the highest number in use: 4096 keeps it at 32 KiB.
constexpr int high_enough = 4096;
constexpr int reserved = 64;

// Standard streams are never ours, whatever the server has closed.
constexpr int first_hidden = 3;

int soft_limit() { return std::min(most_open(), high_enough); }

// Where our own descriptors begin: at the top, but a process that may have few has most of them for
// itself.
int hiding_base() {
  const int most = soft_limit();
  return std::max(first_hidden, most - std::min(reserved, most / 4));
}

}  // namespace

constinit std::atomic<bool> used{false};

void set(int fd, Entry entry) {
  if (static_cast<unsigned>(fd) >= limit) return;
  table[fd].store(entry.word, std::memory_order_relaxed);
  if (entry.plain()) return;
  if (!entry.is(Kind::internal)) used.store(true, std::memory_order_relaxed);
  int seen = highest.load(std::memory_order_relaxed);
  while (seen <= fd && !highest.compare_exchange_weak(seen, fd + 1, std::memory_order_relaxed)) {
  }
}

int most_open() {
  // The kernel's struct: libc's has 32-bit members on 32-bit systems.
  struct {
    std::uint64_t soft;
    std::uint64_t hard;
  } limits{};
  const long failed = kernel::invoke(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &limits);
  if (failed < 0 || limits.soft > INT32_MAX) return INT32_MAX;
  return static_cast<int>(limits.soft);
}

int high_water() { return highest.load(std::memory_order_relaxed); }

int move_up(int fd, int lowest) {
  const long moved = kernel::invoke(SYS_fcntl, fd, F_DUPFD_CLOEXEC, lowest);
  if (moved < 0) return static_cast<int>(moved);
  kernel::invoke(SYS_close, fd);
  return static_cast<int>(moved);
}

int hide(int fd, bool inheritable) {
  int hidden = move_up(fd, hiding_base());
  if (hidden < 0) hidden = move_up(fd, first_hidden);
  if (hidden < 0) hidden = fd;
  if (inheritable) kernel::invoke(SYS_fcntl, hidden, F_SETFD, 0);
  set(hidden, Entry::of(Kind::internal, 0));
  return hidden;
}

void close_internal(int fd) {
  if (fd < 0) return;
  reset(fd);
  kernel::invoke(SYS_close, fd);
}

int parking_base() {
  // Asked once: a limit that changes later changes only how well the numbers are chosen.
  static constinit std::atomic<int> base{0};
  const int known = base.load(std::memory_order_relaxed);
  if (known != 0) return known;
  constexpr int above_select = 1024;
  const int most = soft_limit();
  base.store(most > 2 * above_select ? above_select : most / 2, std::memory_order_relaxed);
  return base.load(std::memory_order_relaxed);
}

}  // namespace wswrap::fds
