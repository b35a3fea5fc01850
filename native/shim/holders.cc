// Who holds a record.
//
// The last process to let go ends the connection, so it must be known exactly who that is, however
// many let go at once; and a child that was killed, or whose pid is somebody else's by now, must
// not be waited for. A holder is one word, [since 32][pid 32], that changes by compare-and-exchange
// only: there is no lock that a killed process could leave behind.
//
// A record has places for a few, for each of them is memory that every idle connection takes. A
// connection that many have (a shell's with all that it started) borrows from the spare places that
// all records share.
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
using Peak = std::atomic_ref<std::uint32_t>;

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

// Visits the spare places that a cookie's record has, until visit(holder, word) is true. Whoever
// takes a place writes the cookie before a word that counts: a word that was read before its cookie
// is that record's.
template <typename Visit>
bool any_spare(std::uint64_t cookie, Visit visit) {
  SparePlaces& spare = spare_places();
  const std::size_t peak = std::min<std::size_t>(Peak(spare.peak).load(), spare.all.size());
  return std::any_of(spare.all.begin(), spare.all.begin() + peak, [&](SparePlace& place) {
    const std::uint64_t word = Word(place.holder).load();
    return word != 0 && Word(place.cookie).load() == cookie && visit(place.holder, word);
  });
}

// The same for all places of a record.
template <typename Visit>
bool any_place(std::uint32_t index, Visit visit) {
  Record& record = at(index);
  const auto visit_own = [&](std::uint64_t& holder) {
    const std::uint64_t word = Word(holder).load();
    return word != 0 && visit(holder, word);
  };
  return std::ranges::any_of(record.holders, visit_own) ||
         ((state_of(record) & crowded) != 0 && any_spare(cookie_at(index), visit));
}

// True if any holder other than `except` (a pid) is alive and means to stay.
bool is_any_alive(std::uint32_t index, std::uint32_t except, lifetime::Census* census) {
  return any_place(index, [&](std::uint64_t&, std::uint64_t word) {
    const std::uint32_t pid = pid_in(word);
    return (pid & ~leaving_mark) != except && (pid & leaving_mark) == 0 && is_alive(word, census);
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
std::uint64_t* place_of(std::uint32_t index, std::uint32_t pid) {
  std::uint64_t* place = nullptr;
  any_place(index, [&](std::uint64_t& holder, std::uint64_t word) {
    if ((pid_in(word) & ~leaving_mark) != pid) return false;
    place = &holder;
    return true;
  });
  return place;
}

bool is_empty(std::uint64_t word) { return word == 0; }
bool is_gone(std::uint64_t word) { return !is_alive(word, nullptr); }

// Puts a process into the first place of the record's own that `is_free` lets it have.
template <typename Predicate>
bool take_place(Record& record, std::uint32_t pid, Predicate is_free) {
  return std::any_of(record.holders.begin(), record.holders.end(), [&](std::uint64_t& holder) {
    std::uint64_t seen = Word(holder).load();
    return is_free(seen) && Word(holder).compare_exchange_strong(seen, make_word(pid));
  });
}

// The same for a spare place. Until it has the cookie it is as good as left.
template <typename Predicate>
bool take_spare(std::uint32_t index, std::uint32_t pid, Predicate is_free) {
  SparePlaces& spare = spare_places();
  set_state(at(index), crowded);
  for (SparePlace& place : spare.all) {
    std::uint64_t seen = Word(place.holder).load();
    std::uint64_t claim = make_word(pid | leaving_mark);
    if (!is_free(seen) || !Word(place.holder).compare_exchange_strong(seen, claim)) continue;
    Word(place.cookie).store(cookie_at(index));
    const auto count = static_cast<std::uint32_t>(&place - spare.all.data()) + 1;
    std::uint32_t peak = Peak(spare.peak).load();
    while (peak < count && !Peak(spare.peak).compare_exchange_weak(peak, count)) {
    }
    if (Word(place.holder).compare_exchange_strong(claim, make_word(pid))) return true;
  }
  return false;
}

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
  if (std::uint64_t* const place = place_of(index, pid)) {
    Word(*place).store(make_word(pid));
    return;
  }
  const auto is_taken = [](std::uint64_t& holder) { return Word(holder).load() != 0; };
  if (std::ranges::any_of(record.holders, is_taken)) note_company();
  if (take_place(record, pid, is_empty) || take_place(record, pid, is_gone)) return;
  if (take_spare(index, pid, is_empty) || take_spare(index, pid, is_gone)) return;
  std::atomic_ref(record.crowd).fetch_add(1);
}

bool is_last(std::uint32_t index, std::uint32_t pid) {
  Record& record = at(index);
  lifetime::Census census;
  // Asked in this order, because whoever receives a message joins before it arrives.
  return !is_awaited(record) && !is_any_alive(index, pid, &census);
}

// Of several that leave at once, those that see nobody but each other compete for the end.
bool leave(std::uint32_t index, std::uint32_t pid) {
  Record& record = at(index);
  std::uint64_t* const place = place_of(index, pid);
  if (place == nullptr) {
    take_from(record.crowd);
  } else {
    Word(*place).store(make_word(pid | leaving_mark));
  }
  const bool last = is_last(index, pid) && (set_state(record, ended) & ended) == 0;
  any_place(index, [&](std::uint64_t& holder, std::uint64_t word) {
    // The place reserved for a child and the one that it took by itself may both be there.
    const bool own = (pid_in(word) & ~leaving_mark) == pid;
    if (own && (!last || &holder != place)) Word(holder).store(0);
    return false;
  });
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
  return std::atomic_ref(at(index).crowd).load() != 0 ||
         is_any_alive(index, process::id(), nullptr);
}

bool is_held_by(std::uint32_t index, std::uint32_t pid) { return place_of(index, pid) != nullptr; }

bool is_held_by_others(std::uint32_t index, std::uint32_t except) {
  return is_any_alive(index, except, nullptr);
}

bool is_held(std::uint32_t index, lifetime::Census* census) {
  return is_awaited(at(index)) || any_place(index, [&](std::uint64_t&, std::uint64_t word) {
           return is_alive(word, census);
         });
}

void rename(std::uint32_t index, std::uint32_t from, std::uint32_t to) {
  std::uint64_t* place = place_of(index, from);
  if (place == nullptr) return;
  std::uint64_t seen = Word(*place).load();
  if (pid_in(seen) == from) Word(*place).compare_exchange_strong(seen, make_word(to));
}

void vacate(std::uint32_t index, std::uint64_t cookie) {
  if (cookie == 0 || (state_of(at(index)) & crowded) == 0) return;
  any_spare(cookie, [](std::uint64_t& holder, std::uint64_t word) {
    Word(holder).compare_exchange_strong(word, 0);
    return false;
  });
}

}  // namespace wswrap::arena
