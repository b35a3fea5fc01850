#include "shim/arena.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "shim/arena_layout.h"
#include "shim/clock.h"
#include "shim/fds.h"
#include "shim/holders.h"
#include "shim/kernel.h"
#include "shim/proc.h"
#include "shim/process.h"

namespace wswrap::arena {
namespace {

using Word = std::atomic_ref<std::uint64_t>;

constinit Layout view{};

// Where there is no arena there are no holders.
constinit std::uint32_t no_company = 0;

// Sparse: a page costs memory only once a record in it was used.
bool map(int fd, std::uint32_t records) {
  void* const memory = kernel::map(Layout::size_of(records), MAP_SHARED | MAP_NORESERVE, fd);
  if (memory == nullptr) return false;
  view = Layout::of(memory, records);
  company = &view.header->company;
  return true;
}

Word cookie_word(std::uint32_t index) { return Word(view.cookies[index]); }

Word bits_around(std::uint32_t index) { return Word(view.used[index / Layout::bits]); }

std::uint64_t bit_of(std::uint32_t index) { return std::uint64_t{1} << index % Layout::bits; }

// In the place of a cookie: a record that is just being made, by that process since that time.
// A real cookie has not got the top bit (net/core/sock_diag.c counts up).
constexpr std::uint64_t claim_mark = std::uint64_t{1} << 63;

std::uint64_t make_claim() {
  return claim_mark | static_cast<std::uint64_t>(lifetime::now()) << 32 | process::id();
}

bool is_abandoned(std::uint64_t claim, lifetime::Census* census) {
  const auto pid = static_cast<std::uint32_t>(claim);
  const auto since = static_cast<std::uint32_t>(claim >> 32 & INT32_MAX);
  return !lifetime::is_alive(pid, since, census);
}

// Gives a record back, unless its cookie has changed since it was `seen`. Whoever changes the bit
// has claimed the record: no two do so at once.
void free_if(std::uint32_t index, std::uint64_t seen) {
  if (!cookie_word(index).compare_exchange_strong(seen, make_claim())) return;
  vacate(index, seen);
  bits_around(index).fetch_and(~bit_of(index));
  cookie_word(index).store(0);
}

// Gives the record back if it belongs to nobody any more.
void sweep(std::uint32_t index, lifetime::Census* census) {
  const std::uint64_t cookie = cookie_at(index);
  const bool claimed = (cookie & claim_mark) != 0;
  if (cookie == 0 || (claimed ? is_abandoned(cookie, census) : !is_held(index, census))) {
    free_if(index, cookie);
  }
}

// The first record from `index` up to `end` that is marked as used; `end` if there is none.
std::uint32_t next_used(std::uint32_t index, std::uint32_t end) {
  while (index < end) {
    const std::uint64_t bits = bits_around(index).load(std::memory_order_relaxed);
    const std::uint64_t rest = bits >> index % Layout::bits;
    if (rest != 0) return std::min(end, index + static_cast<std::uint32_t>(std::countr_zero(rest)));
    index = (index / Layout::bits + 1) * Layout::bits;
  }
  return end;
}

// The first record in use for which `is_wanted` holds, or `none`.
template <typename Predicate>
std::uint32_t find_used(Predicate is_wanted) {
  for (std::uint32_t index = next_used(0, view.count); index < view.count;
       index = next_used(index + 1, view.count)) {
    if (is_wanted(index)) return index;
  }
  return none;
}

template <typename Visit>
void for_each_used(Visit visit) {
  find_used([&](std::uint32_t index) {
    visit(index);
    return false;
  });
}

// Looks after a few records, so that those of processes that were killed do not pile up: after as
// many allocations as there are records, each was looked at. Most of a large arena is empty: that
// is crossed in steps, too, or each client would pay for the size of the arena.
void sweep_some() {
  constexpr std::uint32_t stretch = 8 * Layout::bits;
  static constinit std::atomic<std::uint32_t> next{0};
  std::uint32_t index = next.load(std::memory_order_relaxed) % view.count;
  const std::uint32_t end = std::min(index + stretch, view.count);
  for (int i = 0; i < 2; ++i) {
    index = next_used(index, end);
    if (index == end) break;
    sweep(index, nullptr);
    ++index;
  }
  next.store(index, std::memory_order_relaxed);
}

// Looks after all records, closely. With thousands of processes that takes a while, and clients
// that are refused may come in any number: it gets a twentieth of the time, at most. Returns false
// if it was not done.
bool sweep_all() {
  static constinit std::atomic<Nanoseconds> next{0};
  const Nanoseconds begun = monotonic_now();
  if (begun < next.load(std::memory_order_relaxed)) return false;
  lifetime::Census census;
  for_each_used([&](std::uint32_t index) { sweep(index, &census); });
  const Nanoseconds done = monotonic_now();
  next.store(done + 20 * (done - begun), std::memory_order_relaxed);
  return true;
}

// Low records first, so that few pages are touched.
std::uint32_t take_free(std::uint32_t first, std::uint32_t end, std::uint64_t cookie) {
  for (std::uint32_t base = first; base < end; base += Layout::bits) {
    Word used = bits_around(base);
    for (std::uint64_t bits = used.load(std::memory_order_relaxed); ~bits != 0;) {
      const std::uint32_t index = base + static_cast<std::uint32_t>(std::countr_one(bits));
      if (index >= end) return none;
      bits |= bit_of(index);
      std::uint64_t free = 0;
      if (!cookie_word(index).compare_exchange_strong(free, make_claim())) continue;
      used.fetch_or(bit_of(index));
      view.records[index] = Record{};
      join(index, process::id());
      cookie_word(index).store(cookie);
      return index;
    }
  }
  return none;
}

}  // namespace

constinit std::uint32_t* company = &no_company;

bool open() {
  if (view.header != nullptr) return true;
  const long fd = kernel::invoke(SYS_memfd_create, memory_name, MFD_ALLOW_SEALING);
  if (fd < 0) return false;
  const int hidden = fds::hide(static_cast<int>(fd), true);
  const std::uint32_t records = Layout::records_for(config.max_connections);
  // A smaller file would make every process of the tree die of SIGBUS.
  constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (kernel::invoke(SYS_ftruncate, hidden, Layout::size_of(records)) == 0 &&
      kernel::invoke(SYS_fcntl, hidden, F_ADD_SEALS, seals) == 0 && map(hidden, records)) {
    return true;
  }
  fds::close_internal(hidden);
  return false;
}

void adopt(int fd) {
  if (view.header != nullptr) return;
  const long seals = kernel::invoke(SYS_fcntl, fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) return;
  const std::uint32_t records = Layout::records_in(kernel::seek(fd, 0, SEEK_END));
  if (records == 0) return;
  // Not by its contents, which a process that wants to be let alone might have changed.
  std::array<char, 64> link;
  if ((ProcPath() << "self/fd/" << static_cast<std::uint32_t>(fd)).target(link) != memory_link)
    return;
  if (map(fd, records)) fds::set(fd, fds::Entry::of(fds::Kind::internal, 0));
}

std::uint64_t cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (kernel::invoke(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0) return 0;
  return cookie;
}

std::uint32_t allocate(std::uint64_t cookie, Purpose purpose) {
  const bool connection = purpose == Purpose::connection;
  const std::uint32_t first = connection ? 0 : view.connections;
  const std::uint32_t end =
      connection ? std::min(view.connections, config.max_connections) : view.count;
  sweep_some();
  const std::uint32_t index = take_free(first, end, cookie);
  return index == none && sweep_all() ? take_free(first, end, cookie) : index;
}

std::uint32_t find(std::uint64_t cookie) {
  if (view.header == nullptr || cookie == 0) return none;
  return find_used([&](std::uint32_t index) {
    return cookie_word(index).load(std::memory_order_relaxed) == cookie;
  });
}

std::uint64_t cookie_at(std::uint32_t index) {
  return cookie_word(index < view.count ? index : 0).load();
}

SparePlaces& spare_places() { return view.header->spare_places; }

Record& at(std::uint32_t index) { return view.records[index < view.count ? index : 0]; }

void release(std::uint32_t index) {
  if (index < view.count && is_held_by(index, process::id())) {
    free_if(index, cookie_at(index));
  }
}

void leave_unless(std::uint32_t pid, bool (*keeps)(std::uint32_t index)) {
  for_each_used([&](std::uint32_t index) {
    if (!is_held_by(index, pid) || keeps(index)) return;
    if (leave(index, pid)) release(index);
  });
}

Ends& ends_of(std::uint32_t listener) {
  return view.header->ends[(listener - view.connections) % most_listeners];
}

void note_listener(std::size_t place, std::uint32_t index) {
  std::atomic_ref(view.header->listeners[place]).store(index + 1, std::memory_order_release);
}

bool is_served(std::size_t place, std::uint32_t except) {
  if (view.header == nullptr) return false;
  const std::uint32_t index =
      std::atomic_ref(view.header->listeners[place]).load(std::memory_order_acquire) - 1;
  return index < view.count && cookie_at(index) != 0 && is_held_by_others(index, except);
}

void rename_everywhere(std::uint32_t from, std::uint32_t to) {
  for_each_used([&](std::uint32_t index) { rename(index, from, to); });
}

std::uint32_t next_reservation() {
  std::atomic_ref count(view.header->reservations);
  return (count.fetch_add(1, std::memory_order_relaxed) & ~mark_bits) | reserved_mark;
}

std::uint32_t next_number() {
  return std::atomic_ref(view.header->numbers).fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace wswrap::arena
