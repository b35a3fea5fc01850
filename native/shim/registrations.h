// What the server registered in its epolls that is ours, and what it is to get back.
//
// The kernel holds a tag in place of the server's data. A tag is [magic 24][generation 20][slot
// 20]. The magic is random and has the top bit set, which no address and no small number has. The
// data of a plain descriptor may have it all the same: servers set one half of the data, and what
// is in the other was on their stack, where our own calls left it. Such a descriptor gets a tag,
// too.
//
// A wait looks tags up without a lock, as does a signal handler: the lock's owner may be
// interrupted anywhere. So what a tag stands for never changes while it has that tag; everything
// else here is called with the table's lock held.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "shim/fds.h"
#include "shim/lock.h"
#include "shim/slots.h"

namespace wswrap::epoll {

enum class Kind : std::uint8_t {
  free,
  connection,
  listener,
  nested,  // an epoll that holds something of ours
  driver,
  plain,  // no business of ours, but for its data
};

// Every idle connection of such a server has one.
struct Registration {
  Kind kind = Kind::free;
  std::uint16_t set = 0;     // of which epoll
  std::uint32_t next = 0;    // of the same descriptor: slot + 1
  std::uint32_t index = 0;   // record, listener or set
  std::uint32_t owner = 0;   // the process that registered it
  std::uint32_t events = 0;  // what the server asked for
  int fd = 0;
  alignas(8) std::uint64_t tag = 0;          // what the kernel holds
  std::uint64_t data = 0;                    // what the server gave
  alignas(8) std::uint64_t output_told = 0;  // edge-triggered: as which tag it was told to write
};
static_assert(sizeof(Registration) == 48);

// An epoll that holds something of ours.
struct Set {
  std::uint32_t references = 0;  // descriptors of this process; 0: the slot is free
  bool inherited = false;        // made before a fork: it holds the parent's stand-ins, not ours
  int epfd = 0;                  // one of them
};

// Taken after the driver, never before: a close has the driver when it comes here.
extern constinit OwnerLock table_lock;
extern constinit Slots<Registration, 1u << 16> registrations;
extern constinit std::array<Set, 1024> sets;
static_assert(sets.size() <= UINT16_MAX + 1);

inline constexpr unsigned slot_bits = 20;
inline constexpr unsigned generation_bits = 20;
extern constinit std::atomic<std::uint64_t> magic;  // 0: no tag was ever made

// True if the data of an event can only be a tag.
inline bool is_tag(std::uint64_t data) {
  const std::uint64_t known = magic.load(std::memory_order_relaxed);
  return known != 0 && data >> (slot_bits + generation_bits) == known;
}

// The registration that a tag stands for, or null.
Registration* find_tag(std::uint64_t data);

// Copies the registration that a tag stands for. False if there is none (any more). Takes no lock.
bool look_up(std::uint64_t data, Registration& copy);

// Notes that the server was told, by an event with that tag, that it may write. Takes no lock.
void note_output(std::uint64_t tag);

// The registration of a descriptor in a set, or null.
Registration* find(std::uint32_t set, int fd);

// The registrations of a descriptor, one after the other; null at the end.
Registration* first_of(int fd);
Registration* next_of(const Registration& registration);

// A new registration with a tag of its own; null when there is no room. `fd` is below fds::limit.
Registration* create(std::uint32_t set, int fd, Kind kind, std::uint32_t index);
void remove(Registration& registration);

// Gives the registration another tag. Until the kernel is told that tag, what it stands for may be
// changed.
void retag(Registration& registration);

// The same with a tag that the kernel still has.
void set_tag(Registration& registration, std::uint64_t tag);

// Before a fork: parent and child may share an epoll, so each must know the other's tags for tags.
void choose_magic();

// In a forked child: its tags must not be those that the parent gives out from now on.
void diverge();

}  // namespace wswrap::epoll
