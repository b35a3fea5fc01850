// The descriptors that are open in this process, as the kernel knows them (proc_pid_fd(5)).
#pragma once

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "shim/fds.h"
#include "shim/kernel.h"

namespace wswrap::fds {

// Where there is no /proc, in a chroot say. Numbers beyond these are not worth the time.
template <typename Visit>
void try_each_number(Visit visit) {
  constexpr int most = 65536;
  const int end = std::min(most_open(), most);
  for (int fd = 0; fd < end; ++fd) {
    if (kernel::invoke(SYS_fcntl, fd, F_GETFD) >= 0) visit(fd);
  }
}

// Calls visit(fd) for each.
template <typename Visit>
void for_each_open(Visit visit) {
  struct Entry {
    std::uint64_t inode;
    std::int64_t offset;
    unsigned short size;
    unsigned char type;
    char name[];
  };
  const long folder =
      kernel::invoke(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return try_each_number(visit);
  alignas(std::uint64_t) std::array<char, 2048> entries;
  long size;
  while ((size = kernel::invoke(SYS_getdents64, folder, entries.data(), entries.size())) > 0) {
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const Entry*>(entries.data() + at);
      at += entry->size;
      int fd = 0;
      const char* digit = entry->name;
      for (; *digit >= '0' && *digit <= '9'; ++digit) fd = fd * 10 + (*digit - '0');
      if (*digit == '\0' && fd != folder) visit(fd);
    }
  }
  kernel::invoke(SYS_close, folder);
}

}  // namespace wswrap::fds
