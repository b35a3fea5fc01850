// Who holds a record.
//
// The last process to let go ends the connection, so it must be known exactly who that is, however
// many let go at once; and a child that was killed, or whose pid is somebody else's by now, must
// not be waited for. A holder is one word, [since 32][pid 32], that changes by compare-and-exchange
// only: there is no lock that a killed process could leave behind.
#include "shim/holders.h"

#include <algorithm>
#include <atomic>

#include "shim/arena.h"
#include "shim/lifetime.h"
#include "shim/process.h"

namespace wswrap::arena {
namespace {

// The place of a child to come, if the child never came and nobody says so; likewise a message that
// is lost with the socket it was sent to.
constexpr std::uint32_t longest_wait = 60;

using Word = std::atomic_ref<std::uint64_t>;

// Nobody's place is 0.
std::uint64_t make_word(std::uint32_t pid) {
  return pid == 0 ? 0 : static_cast<std::uint64_t>(lifetime::now()) << 32 | pid;
}
std::uint32_t pid_in(std::uint64_t word) { return static_cast<std::uint32_t>(word); }
std::uint32_t since_in(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); }

bool is_recent(std::uint32_t since) { return lifetime::now() - since <= longest_wait; }

// `census` null: any process that has the pid will do.
bool is_alive(std::uint64_t word, lifetime::Census* census) {
  const std::uint32_t pid = pid_in(word);
  if ((pid & reserved_mark) != 0) return is_recent(since_in(word));
  if (census == nullptr && pid == process::id()) return true;
  return lifetime::is_alive(pid & ~leaving_mark, since_in(word), census);
}

// True if any holder other than `except` (a pid) is alive and means to stay.
bool is_any_alive(Record& record, std::uint32_t except, lifetime::Census* census) {
  return std::any_of(record.holders.begin(), record.holders.end(), [&](std::uint64_t& holder) {
    const std::uint64_t word = Word(holder).load();
    const std::uint32_t pid = pid_in(word);
    return word != 0 && (pid & ~leaving_mark) != except && (pid & leaving_mark) == 0 &&
           is_alive(word, census);
  });
}

bool is_travelling(Record& record) {
  return std::atomic_ref(record.travelling).load() != 0 &&
         is_recent(std::atomic_ref(record.departed_at).load());
}

bool is_awaited(Record& record) {
  return is_travelling(record) || std::atomic_ref(record.crowd).load() != 0;
}

// The place of a process; null if it has none.
std::uint64_t* place_of(Record& record, std::uint32_t pid) {
  auto* const found = std::find_if(
      record.holders.begin(), record.holders.end(),
      [&](std::uint64_t& holder) { return (pid_in(Word(holder).load()) & ~leaving_mark) == pid; });
  return found == record.holders.end() ? nullptr : found;
}

// Puts a process into the first place that `is_free` lets it have.
template <typename Predicate>
bool take_place(Record& record, std::uint32_t pid, Predicate is_free) {
  return std::any_of(record.holders.begin(), record.holders.end(), [&](std::uint64_t& holder) {
    std::uint64_t seen = Word(holder).load();
    return is_free(seen) && Word(holder).compare_exchange_strong(seen, make_word(pid));
  });
}

bool is_empty(std::uint64_t word) { return word == 0; }

void take_from(std::uint32_t& shared) {
  std::atomic_ref count(shared);
  std::uint32_t seen = count.load();
  while (seen != 0 && !count.compare_exchange_weak(seen, seen - 1)) {
  }
}

}  // namespace

void join(std::uint32_t index, std::uint32_t pid) {
  Record& record = at(index);
  clear_state(record, ended);
  if (std::uint64_t* const place = place_of(record, pid)) {
    Word(*place).store(make_word(pid));
    return;
  }
  const auto is_taken = [](std::uint64_t& holder) { return Word(holder).load() != 0; };
  if (std::ranges::any_of(record.holders, is_taken)) note_company();
  if (take_place(record, pid, is_empty)) return;
  const auto is_gone = [](std::uint64_t word) { return !is_alive(word, nullptr); };
  if (!take_place(record, pid, is_gone)) std::atomic_ref(record.crowd).fetch_add(1);
}

bool is_last(std::uint32_t index, std::uint32_t pid) {
  Record& record = at(index);
  lifetime::Census census;
  // Asked in this order, because whoever receives a message joins before it arrives.
  return !is_awaited(record) && !is_any_alive(record, pid, &census);
}

// Of several that leave at once, those that see nobody but each other compete for the end.
bool leave(std::uint32_t index, std::uint32_t pid) {
  Record& record = at(index);
  std::uint64_t* const place = place_of(record, pid);
  if (place == nullptr) {
    take_from(record.crowd);
  } else {
    Word(*place).store(make_word(pid | leaving_mark));
  }
  const bool last = is_last(index, pid) && (set_state(record, ended) & ended) == 0;
  for (std::uint64_t& holder : record.holders) {
    // The place reserved for a child and the one that it took by itself may both be there.
    const bool own = (pid_in(Word(holder).load()) & ~leaving_mark) == pid;
    if (own && (!last || &holder != place)) Word(holder).store(0);
  }
  if (!last) return false;
  if (place != nullptr) {
    Word(*place).store(make_word(pid));
  } else {
    take_place(record, pid, is_empty);
  }
  return true;
}

void depart(std::uint32_t index) {
  Record& record = at(index);
  std::atomic_ref(record.departed_at).store(lifetime::now());
  std::atomic_ref(record.travelling).fetch_add(1);
}

void arrive(std::uint32_t index) { take_from(at(index).travelling); }

bool is_shared(std::uint32_t index) {
  if (!has_company()) return false;
  Record& record = at(index);
  return std::atomic_ref(record.crowd).load() != 0 || is_any_alive(record, process::id(), nullptr);
}

bool is_held_by(Record& record, std::uint32_t pid) { return place_of(record, pid) != nullptr; }

bool is_held_by_others(Record& record, std::uint32_t except) {
  return is_any_alive(record, except, nullptr);
}

bool is_held(Record& record, lifetime::Census* census) {
  return is_awaited(record) ||
         std::any_of(record.holders.begin(), record.holders.end(), [&](std::uint64_t& holder) {
           const std::uint64_t word = Word(holder).load();
           return word != 0 && is_alive(word, census);
         });
}

void rename(std::uint32_t index, std::uint32_t from, std::uint32_t to) {
  std::uint64_t* place = place_of(at(index), from);
  if (place == nullptr) return;
  std::uint64_t seen = Word(*place).load();
  if (pid_in(seen) == from) Word(*place).compare_exchange_strong(seen, make_word(to));
}

}  // namespace wswrap::arena
