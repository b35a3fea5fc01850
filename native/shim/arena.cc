#include "shim/arena.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "shim/clock.h"
#include "shim/config.h"
#include "shim/fds.h"
#include "shim/kernel.h"

namespace wswrap::arena {
namespace {

constexpr std::uint64_t magic = 0x3361726177737700;  // changes with the layout

struct Arena {
  std::uint64_t magic = 0;
  std::uint32_t numbers = 0;
  std::uint32_t hint = 0;  // where to look for a free record first
  std::uint32_t peak = 0;  // one more than the highest record ever used
  std::array<std::uint32_t, Config::max_ports> listeners;  // the latest listener's record + 1
  alignas(8) std::array<std::uint64_t, capacity> cookies;  // 0: the record is free
  std::array<Record, capacity> records;
};

constinit Arena* arena = nullptr;

constexpr const char* memory_name = "wswrap-arena";

bool map(int fd) {
  arena = static_cast<Arena*>(kernel::map(sizeof(Arena), MAP_SHARED | MAP_NORESERVE, fd));
  return arena != nullptr;
}

// A pid with the top bit is a place kept for a child that is just being forked.
bool is_alive(std::uint32_t pid) {
  if ((pid & reserved_holder) != 0) return true;
  return kernel::invoke(SYS_kill, pid, 0) != -ESRCH;
}

}  // namespace

bool open() {
  if (arena != nullptr) return true;
  const long fd = kernel::invoke(SYS_memfd_create, memory_name, MFD_ALLOW_SEALING);
  if (fd < 0) return false;
  const int hidden = fds::hide(static_cast<int>(fd), true);
  if (kernel::invoke(SYS_ftruncate, hidden, sizeof(Arena)) < 0) return false;
  // A smaller file would make every process of the tree die of SIGBUS.
  kernel::invoke(SYS_fcntl, hidden, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  if (!map(hidden)) {
    fds::close_internal(hidden);
    return false;
  }
  arena->magic = magic;
  return true;
}

void adopt(int fd) {
  if (arena != nullptr) return;
  const long seals = kernel::invoke(SYS_fcntl, fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) return;
  if (kernel::seek(fd, 0, SEEK_END) != sizeof(Arena)) return;
  if (!map(fd)) return;
  if (arena->magic != magic) {
    kernel::invoke(SYS_munmap, arena, sizeof(Arena));
    arena = nullptr;
    return;
  }
  fds::set(fd, fds::Entry::of(fds::Kind::internal, 0));
}

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (kernel::invoke(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0) return 0;
  return cookie;
}

namespace {

std::uint32_t take_free(std::uint64_t cookie) {
  std::atomic_ref hint(arena->hint);
  const std::uint32_t start = hint.load(std::memory_order_relaxed) % capacity;
  for (std::uint32_t step = 0; step < capacity; ++step) {
    const std::uint32_t index = (start + step) % capacity;
    std::uint64_t free = 0;
    if (std::atomic_ref(arena->cookies[index]).load(std::memory_order_relaxed) != 0) continue;
    if (!std::atomic_ref(arena->cookies[index]).compare_exchange_strong(free, cookie)) continue;
    hint.store(index + 1, std::memory_order_relaxed);
    std::atomic_ref peak(arena->peak);
    std::uint32_t seen = peak.load(std::memory_order_relaxed);
    while (seen <= index && !peak.compare_exchange_weak(seen, index + 1)) {
    }
    Record& record = arena->records[index];
    record = Record{};
    record.holders[0] = static_cast<std::uint32_t>(kernel::call(SYS_getpid));
    return index;
  }
  return none;
}

// A message that is lost with the socket it was sent to never arrives; nobody is told.
constexpr Nanoseconds longest_journey = milliseconds(60'000);

bool is_travelling(Record& record) {
  return std::atomic_ref(record.travelling).load() != 0 &&
         monotonic_now() - std::atomic_ref(record.departed_at).load() < longest_journey;
}

bool is_held(Record& record) {
  return is_travelling(record) ||
         std::any_of(record.holders.begin(), record.holders.end(),
                     [](std::uint32_t pid) { return pid != 0 && is_alive(pid); });
}

// Gives back the records whose holders were all killed.
void reclaim() {
  for (std::uint32_t index = 0; index < capacity; ++index) {
    const bool used = std::atomic_ref(arena->cookies[index]).load(std::memory_order_relaxed) != 0;
    if (used && !is_held(arena->records[index])) release(index);
  }
}

}  // namespace

std::uint32_t allocate(std::uint64_t cookie) {
  const std::uint32_t index = take_free(cookie);
  if (index != none) return index;
  reclaim();
  return take_free(cookie);
}

std::uint32_t find(std::uint64_t cookie) {
  if (arena == nullptr || cookie == 0) return none;
  const std::uint32_t peak = std::atomic_ref(arena->peak).load(std::memory_order_acquire);
  for (std::uint32_t index = 0; index < peak && index < capacity; ++index) {
    if (std::atomic_ref(arena->cookies[index]).load(std::memory_order_relaxed) == cookie) {
      return index;
    }
  }
  return none;
}

Record& at(std::uint32_t index) { return arena->records[index % capacity]; }

void release(std::uint32_t index) {
  index %= capacity;
  std::atomic_ref(arena->cookies[index]).store(0, std::memory_order_release);
  // Low records first, so that few pages are touched.
  std::atomic_ref hint(arena->hint);
  std::uint32_t seen = hint.load(std::memory_order_relaxed);
  while (index < seen && !hint.compare_exchange_weak(seen, index, std::memory_order_relaxed)) {
  }
}

void join(std::uint32_t index, std::uint32_t pid) {
  Record& record = at(index);
  for (std::uint32_t& holder : record.holders) {
    std::atomic_ref slot(holder);
    std::uint32_t seen = slot.load(std::memory_order_relaxed);
    if (seen == pid) return;
    if (seen != 0 && is_alive(seen)) continue;
    if (slot.compare_exchange_strong(seen, pid)) return;
  }
  record.crowded = true;
}

bool is_last(std::uint32_t index, std::uint32_t pid) {
  Record& record = at(index);
  // Asked before the holders: who receives a message joins them first.
  if (record.crowded || std::atomic_ref(record.travelling).load() != 0) return false;
  return std::none_of(record.holders.begin(), record.holders.end(), [&](std::uint32_t& holder) {
    const std::uint32_t seen = std::atomic_ref(holder).load();
    return seen != 0 && seen != pid && is_alive(seen);
  });
}

bool leave(std::uint32_t index, std::uint32_t pid) {
  // First out, then the look around: of two that leave at once, one at least is the last.
  for (std::uint32_t& holder : at(index).holders) {
    std::uint32_t seen = pid;
    std::atomic_ref(holder).compare_exchange_strong(seen, 0);
  }
  return is_last(index, pid);
}

void leave_unless(std::uint32_t pid, bool (*keeps)(std::uint32_t index)) {
  const std::uint32_t peak = std::atomic_ref(arena->peak).load(std::memory_order_acquire);
  for (std::uint32_t index = 0; index < peak && index < capacity; ++index) {
    if (std::atomic_ref(arena->cookies[index]).load(std::memory_order_relaxed) == 0) continue;
    const auto& holders = arena->records[index].holders;
    if (std::find(holders.begin(), holders.end(), pid) == holders.end() || keeps(index)) continue;
    if (leave(index, pid)) release(index);
  }
}

void depart(std::uint32_t index) {
  Record& record = at(index);
  std::atomic_ref(record.departed_at).store(monotonic_now());
  std::atomic_ref(record.travelling).fetch_add(1);
}

void arrive(std::uint32_t index) {
  std::atomic_ref travelling(at(index).travelling);
  std::uint32_t seen = travelling.load();
  while (seen != 0 && !travelling.compare_exchange_weak(seen, seen - 1)) {
  }
}

bool is_shared(std::uint32_t index) {
  const Record& record = at(index);
  const auto held = [](std::uint32_t pid) { return pid != 0; };
  return record.crowded || std::count_if(record.holders.begin(), record.holders.end(), held) > 1;
}

void rename(std::uint32_t index, std::uint32_t from, std::uint32_t to) {
  for (std::uint32_t& holder : at(index).holders) {
    std::uint32_t seen = from;
    if (std::atomic_ref(holder).compare_exchange_strong(seen, to)) return;
  }
}

void note_listener(std::size_t place, std::uint32_t index) {
  std::atomic_ref(arena->listeners[place]).store(index + 1, std::memory_order_release);
}

bool is_served(std::size_t place, std::uint32_t except) {
  if (arena == nullptr) return false;
  const std::uint32_t index =
      std::atomic_ref(arena->listeners[place]).load(std::memory_order_acquire) - 1;
  if (index >= capacity) return false;
  if (std::atomic_ref(arena->cookies[index]).load(std::memory_order_relaxed) == 0) return false;
  const auto& holders = arena->records[index].holders;
  return std::any_of(holders.begin(), holders.end(),
                     [&](std::uint32_t pid) { return pid != 0 && pid != except && is_alive(pid); });
}

void rename_everywhere(std::uint32_t from, std::uint32_t to) {
  const std::uint32_t peak = std::atomic_ref(arena->peak).load(std::memory_order_acquire);
  for (std::uint32_t index = 0; index < peak && index < capacity; ++index) {
    const bool used = std::atomic_ref(arena->cookies[index]).load(std::memory_order_relaxed) != 0;
    if (used) rename(index, from, to);
  }
}

std::uint32_t next_number() {
  return std::atomic_ref(arena->numbers).fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace wswrap::arena
