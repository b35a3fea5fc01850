// What posix_spawn(3) will do to descriptors before the program starts.
//
// POSIX lets a program build this list but not read it, so the layouts of glibc (since 2.2) and
// musl are repeated here. What does not look like one of them is called unknown.
#pragma once

#include <spawn.h>

#include <cstddef>

namespace wswrap::file_actions {

struct Action {
  enum class Kind { close, duplicate, open, enter, enter_descriptor, close_from, other, unknown };
  Kind kind;
  int fd;            // closed, opened, the lowest closed, or the folder
  int target;        // duplicate: the new number
  const char* path;  // enter: the folder
};

#if defined(__GLIBC__)

struct Entry {
  int tag;
  union {
    int fd;
    struct {
      int fd;
      int target;
    } duplicate;
    const char* folder;
    struct {
      int fd;
      const char* path;
      int flags;
      mode_t mode;
    } open;  // the largest
  };
};

inline Action read(const Entry& entry) {
  using Kind = Action::Kind;
  switch (entry.tag) {
    case 0:
      return {Kind::close, entry.fd, -1, nullptr};
    case 1:
      return {Kind::duplicate, entry.duplicate.fd, entry.duplicate.target, nullptr};
    case 2:
      return {Kind::open, entry.open.fd, -1, nullptr};
    case 3:
      return {Kind::enter, -1, -1, entry.folder};
    case 4:
      return {Kind::enter_descriptor, entry.fd, -1, nullptr};
    case 5:
      return {Kind::close_from, entry.fd, -1, nullptr};
    case 6:  // tcsetpgrp(3)
      return {Kind::other, -1, -1, nullptr};
    default:
      return {Kind::unknown, -1, -1, nullptr};
  }
}

// Calls visit(action) for each, in order.
template <typename Visit>
void for_each(const posix_spawn_file_actions_t* actions, Visit visit) {
  if (actions == nullptr) return;
  const auto* entries = reinterpret_cast<const Entry*>(actions->__actions);
  for (int i = 0; i < actions->__used; ++i) visit(read(entries[i]));
}

#else

struct Entry {
  Entry* next;  // the one added before
  Entry* previous;
  int command;
  int fd;
  int source;
  int flags;
  mode_t mode;
  char path[];
};

inline Action read(const Entry& entry) {
  using Kind = Action::Kind;
  switch (entry.command) {
    case 1:
      return {Kind::close, entry.fd, -1, nullptr};
    case 2:
      return {Kind::duplicate, entry.source, entry.fd, nullptr};
    case 3:
      return {Kind::open, entry.fd, -1, nullptr};
    case 4:
      return {Kind::enter, -1, -1, entry.path};
    case 5:
      return {Kind::enter_descriptor, entry.fd, -1, nullptr};
    default:
      return {Kind::unknown, -1, -1, nullptr};
  }
}

template <typename Visit>
void for_each(const posix_spawn_file_actions_t* actions, Visit visit) {
  const auto* entry = actions != nullptr ? static_cast<const Entry*>(actions->__actions) : nullptr;
  while (entry != nullptr && entry->next != nullptr) entry = entry->next;
  for (; entry != nullptr; entry = entry->previous) visit(read(*entry));
}

#endif

}  // namespace wswrap::file_actions
