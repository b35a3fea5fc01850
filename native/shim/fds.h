// What each descriptor number of this process is: plain unless proven otherwise.
//
// One relaxed load tells a plain descriptor from ours, and that is all a call on a plain one pays.
// Entries may go stale, since libc closes descriptors without calling us: whoever gives out a
// number resets it, and a call that finds no socket behind a number demotes it.
#pragma once

#include <atomic>
#include <cstdint>

namespace wswrap::fds {

enum class Kind : std::uint32_t {
  plain = 0,
  listener = 1,    // index: listeners.h
  connection = 2,  // index: the record in the arena
  epoll = 3,       // index: epoll.h
  internal = 4,    // ours, the server does not know it; index: record + 1 if it lingers, else 0
};

struct Entry {
  std::uint32_t word = 0;
  static constexpr Entry of(Kind kind, std::uint32_t index) {
    return {(index << 3) | static_cast<std::uint32_t>(kind)};
  }
  // A connection that the server is done with; `index` may be arena::none.
  static constexpr Entry lingering(std::uint32_t index) { return of(Kind::internal, index + 1); }
  constexpr Kind kind() const { return static_cast<Kind>(word & 7); }
  constexpr std::uint32_t index() const { return word >> 3; }
  constexpr bool plain() const { return word == 0; }
  constexpr bool is(Kind other) const { return kind() == other; }
};

// Numbers beyond this are always plain; a connection or listener is never given such a number.
inline constexpr unsigned limit = 1u << 20;

// Zero pages until they are used: nothing is allocated for it.
extern constinit std::atomic<std::uint32_t> table[limit];

inline Entry get(int fd) {
  if (static_cast<unsigned>(fd) >= limit) return {};
  return {table[fd].load(std::memory_order_relaxed)};
}

void set(int fd, Entry entry);
inline void reset(int fd) {
  if (!get(fd).plain()) set(fd, {});
}

// One more than the highest number that ever had an entry.
int high_water();

// Calls visit(fd, index) for each descriptor of that kind.
template <typename Visit>
void for_each(Kind kind, Visit visit) {
  const int end = high_water();
  for (int fd = 0; fd < end; ++fd) {
    const Entry entry = get(fd);
    if (entry.is(kind)) visit(fd, entry.index());
  }
}

extern constinit std::atomic<bool> used;
// True once any descriptor of this process stood for something of ours: before that no wait needs a
// second look.
inline bool any() { return used.load(std::memory_order_relaxed); }

inline bool is_internal(int fd) { return get(fd).is(Kind::internal); }

// Moves a descriptor of the shim's own out of the server's sight: to a high number, close-on-exec
// as `inheritable` says. Returns the new number, or the old one if there is no room up there.
int hide(int fd, bool inheritable = false);

// Moves a descriptor to the lowest number from `lowest` up, close-on-exec. Returns -errno on
// failure (the old one stays open then).
int move_up(int fd, int lowest);

// Closes one of our own descriptors.
void close_internal(int fd);

// The soft limit of open descriptors, at most INT_MAX.
int most_open();

// Where descriptors that wait for their handshake are parked, above what select() can name if the
// limits allow it.
int parking_base();

}  // namespace wswrap::fds
