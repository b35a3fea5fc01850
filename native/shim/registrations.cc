#include "shim/registrations.h"

#include <sys/random.h>

#include "shim/kernel.h"
#include "shim/listeners.h"
#include "shim/process.h"

namespace wswrap::epoll {

constinit OwnerLock table_lock;
constinit Slots<Registration, 1u << 16> registrations{};
constinit std::array<Set, 1024> sets{};

namespace {

constexpr int slot_bits = 20;
constexpr int generation_bits = 20;
constexpr std::uint64_t slot_mask = (1u << slot_bits) - 1;

// By descriptor: the first registration + 1. Zero pages until used.
constinit std::array<std::uint32_t, fds::limit> first{};
constinit std::uint64_t magic = 0;
constinit std::uint64_t generation = 0;

Registration* at_link(std::uint32_t link) { return link == 0 ? nullptr : &registrations[link - 1]; }

}  // namespace

bool is_tag(std::uint64_t data) {
  return magic != 0 && data >> (slot_bits + generation_bits) == magic;
}

Registration* find_tag(std::uint64_t data) {
  if (!is_tag(data)) return nullptr;
  const auto slot = static_cast<std::size_t>(data & slot_mask);
  if (slot >= registrations.known().size()) return nullptr;
  Registration& found = registrations.known()[slot];
  return found.kind != Kind::free && found.tag == data ? &found : nullptr;
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

void retag(Registration& registration) {
  if (magic == 0) {
    std::uint64_t random = 0;
    kernel::invoke(SYS_getrandom, &random, sizeof random, GRND_NONBLOCK);
    magic = (random | 1ull << 63) >> (slot_bits + generation_bits);
  }
  generation = (generation + 1) & ((1u << generation_bits) - 1);
  registration.tag =
      (magic << generation_bits | generation) << slot_bits | registrations.number_of(registration);
}

Registration* create(std::uint32_t set, int fd, Kind kind, std::uint32_t index) {
  Registration* const registration = registrations.take();
  if (registration == nullptr) return nullptr;
  registration->kind = kind;
  registration->set = set;
  registration->index = index;
  registration->fd = fd;
  registration->owner = process::id();
  retag(*registration);
  std::uint32_t& head = first[static_cast<unsigned>(fd)];
  registration->next = head;
  head = registrations.number_of(*registration) + 1;
  if (kind == Kind::listener) listeners::enter_epoll(index);
  return registration;
}

void remove(Registration& registration) {
  const std::uint32_t link_to_it = registrations.number_of(registration) + 1;
  std::uint32_t* link = &first[static_cast<unsigned>(registration.fd)];
  while (*link != 0 && *link != link_to_it) link = &registrations[*link - 1].next;
  if (*link != 0) *link = registration.next;
  if (registration.kind == Kind::listener) listeners::leave_epoll(registration.index);
  registrations.give_back(registration);
}

}  // namespace wswrap::epoll
