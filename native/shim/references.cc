#include "shim/references.h"

#include <array>
#include <atomic>

#include "shim/arena.h"
#include "shim/fds.h"
#include "shim/heritage.h"
#include "shim/process.h"

namespace wswrap::references {
namespace {

// Zero pages until they are used.
struct Held {
  std::atomic<std::uint32_t> count;   // descriptors of this process
  std::atomic<std::uint32_t> number;  // the connection's
};
constinit std::array<Held, arena::most_records> held{};

}  // namespace

void add(int fd, std::uint32_t index) {
  fds::set(fd, fds::Entry::of(fds::Kind::connection, index));
  if (held[index].count.fetch_add(1) != 0) return;
  held[index].number.store(std::atomic_ref(arena::at(index).number).load());
  arena::join(index, process::id());
}

bool drop(int fd, std::uint32_t index) {
  if (!stands_for(fd, index)) return false;
  fds::reset(fd);
  if (held[index].count.fetch_sub(1) != 1) return false;
  return arena::leave(index, process::id());
}

bool stands_for(int fd, std::uint32_t index) {
  return fds::get(fd).word == fds::Entry::of(fds::Kind::connection, index).word;
}

std::uint32_t count_for(std::uint32_t index) { return held[index].count.load(); }

std::uint32_t number_of(std::uint32_t index) {
  return held[index].number.load(std::memory_order_relaxed);
}

std::uint32_t before_fork() {
  const std::uint32_t reservation = arena::next_reservation();
  for_each_record([&](std::uint32_t index) { arena::join(index, reservation); });
  return reservation;
}

void on_failed_fork(std::uint32_t reservation) {
  for_each_record([&](std::uint32_t index) { arena::leave(index, reservation); });
}

void after_fork_in_parent(std::uint32_t reservation, std::uint32_t child) {
  for_each_record([&](std::uint32_t index) { arena::rename(index, reservation, child); });
}

void after_fork_in_child(std::uint32_t reservation) {
  for_each_record([&](std::uint32_t index) { arena::rename(index, reservation, process::id()); });
}

}  // namespace wswrap::references
