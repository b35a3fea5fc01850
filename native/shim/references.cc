#include "shim/references.h"

#include <array>
#include <atomic>

#include "shim/arena.h"
#include "shim/fds.h"
#include "shim/listeners.h"
#include "shim/process.h"

namespace wswrap::references {
namespace {

constinit std::array<std::atomic<std::uint16_t>, arena::capacity> counts{};

// Calls `visit` for each record that this process holds, those of listeners too; perhaps twice.
template <typename Visit>
void for_each_held(Visit visit) {
  fds::for_each(fds::Kind::connection, [&](int, std::uint32_t index) { visit(index); });
  fds::for_each(fds::Kind::listener,
                [&](int, std::uint32_t index) { visit(listeners::at(index).record); });
}

}  // namespace

void add(int fd, std::uint32_t index) {
  fds::set(fd, fds::Entry::of(fds::Kind::connection, index));
  if (counts[index].fetch_add(1) == 0) arena::join(index, process::id());
}

bool drop(int fd, std::uint32_t index) {
  if (!stands_for(fd, index)) return false;
  fds::reset(fd);
  if (counts[index].fetch_sub(1) != 1) return false;
  return arena::leave(index, process::id());
}

bool stands_for(int fd, std::uint32_t index) {
  return fds::get(fd).word == fds::Entry::of(fds::Kind::connection, index).word;
}

bool any_for(std::uint32_t index) { return counts[index % counts.size()].load() != 0; }

void before_fork() {
  const std::uint32_t reserved = thread_id() | arena::reserved_holder;
  for_each_held([&](std::uint32_t index) { arena::join(index, reserved); });
}

void on_failed_fork() {
  const std::uint32_t reserved = thread_id() | arena::reserved_holder;
  for_each_held([&](std::uint32_t index) { arena::leave(index, reserved); });
}

void after_fork_in_child(std::uint32_t thread) {
  const std::uint32_t reserved = thread | arena::reserved_holder;
  for_each_held([&](std::uint32_t index) { arena::rename(index, reserved, process::id()); });
}

}  // namespace wswrap::references
