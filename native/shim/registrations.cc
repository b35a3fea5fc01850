#include "shim/registrations.h"

#include <sys/random.h>

#include <cstring>

#include "shim/kernel.h"
#include "shim/listeners.h"
#include "shim/process.h"

namespace wswrap::epoll {

constinit std::atomic<std::uint64_t> magic{0};
constinit OwnerLock table_lock;
constinit Slots<Registration, 1u << 16> registrations{};
constinit std::array<Set, 1024> sets{};

namespace {

constexpr std::uint64_t slot_mask = (1u << slot_bits) - 1;

// By descriptor: the first registration + 1. Zero pages until used.
constinit std::array<std::uint32_t, fds::limit> first{};
constinit std::uint64_t generation = 0;

std::uint64_t random_number() {
  std::uint64_t number = 0;
  kernel::invoke(SYS_getrandom, &number, sizeof number, GRND_NONBLOCK);
  return number;
}

std::uint64_t next_tag(const Registration& registration) {
  choose_magic();
  generation = (generation + 1) & ((1u << generation_bits) - 1);
  const std::uint64_t high = magic.load(std::memory_order_relaxed) << generation_bits | generation;
  return high << slot_bits | registrations.number_of(registration);
}

Registration* at_link(std::uint32_t link) { return link == 0 ? nullptr : &registrations[link - 1]; }

}  // namespace

Registration* find_tag(std::uint64_t data) {
  Registration& found = registrations[static_cast<std::uint32_t>(data & slot_mask)];
  return is_tag(data) && found.tag == data ? &found : nullptr;
}

bool look_up(std::uint64_t data, Registration& copy) {
  if (!is_tag(data)) return false;
  Registration& found = registrations[static_cast<std::uint32_t>(data & slot_mask)];
  const std::atomic_ref tag(found.tag);
  if (tag.load(std::memory_order_acquire) != data) return false;
  std::memcpy(&copy, &found, sizeof copy);
  std::atomic_thread_fence(std::memory_order_acquire);
  return tag.load(std::memory_order_relaxed) == data;
}

// Should the slot be another's by now, it says nothing about that one's tag.
void note_output(std::uint64_t tag) {
  Registration& registration = registrations[static_cast<std::uint32_t>(tag & slot_mask)];
  std::atomic_ref(registration.output_told).store(tag, std::memory_order_relaxed);
}

Registration* first_of(int fd) {
  return static_cast<unsigned>(fd) < fds::limit ? at_link(first[static_cast<unsigned>(fd)])
                                                : nullptr;
}

Registration* next_of(const Registration& registration) { return at_link(registration.next); }

Registration* find(std::uint32_t set, int fd) {
  Registration* candidate = first_of(fd);
  while (candidate != nullptr && candidate->set != set) candidate = next_of(*candidate);
  return candidate;
}

// Whoever copied something that is changed after this finds the tag changed, too.
void set_tag(Registration& registration, std::uint64_t tag) {
  std::atomic_ref(registration.tag).store(tag, std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_release);
}

void retag(Registration& registration) { set_tag(registration, next_tag(registration)); }

void choose_magic() {
  if (magic.load(std::memory_order_relaxed) != 0) return;
  magic.store((random_number() | 1ull << 63) >> (slot_bits + generation_bits));
}

void diverge() { generation = random_number(); }

Registration* create(std::uint32_t set, int fd, Kind kind, std::uint32_t index) {
  Registration* const registration = registrations.take();
  if (registration == nullptr) return nullptr;
  registration->kind = kind;
  registration->set = static_cast<std::uint16_t>(set);
  registration->index = index;
  registration->fd = fd;
  registration->owner = process::id();
  std::uint32_t& head = first[static_cast<unsigned>(fd)];
  registration->next = head;
  head = registrations.number_of(*registration) + 1;
  if (kind == Kind::listener) listeners::enter_epoll(index);
  retag(*registration);
  return registration;
}

void remove(Registration& registration) {
  const std::uint32_t link_to_it = registrations.number_of(registration) + 1;
  std::uint32_t* link = &first[static_cast<unsigned>(registration.fd)];
  while (*link != 0 && *link != link_to_it) link = &registrations[*link - 1].next;
  if (*link != 0) *link = registration.next;
  if (registration.kind == Kind::listener) listeners::leave_epoll(registration.index);
  set_tag(registration, 0);
  registrations.give_back(registration);
}

}  // namespace wswrap::epoll
