// The arena of a running server, mapped from outside as any process of the same user can.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "shim/arena_layout.h"

namespace wswrap::test {

// Ends the program with a word if the process has no arena.
inline arena::Layout map_arena(const std::string& pid) {
  const std::string folder = "/proc/" + pid + "/fd/";
  DIR* const descriptors = opendir(folder.c_str());
  for (dirent* one; descriptors != nullptr && (one = readdir(descriptors)) != nullptr;) {
    const std::string path = folder + one->d_name;
    char link[64];
    const ssize_t size = readlink(path.c_str(), link, sizeof link);
    if (size < 0 || std::string_view(link, static_cast<std::size_t>(size)) != arena::memory_link) {
      continue;
    }
    const int fd = open(path.c_str(), O_RDWR);
    struct stat status {};
    if (fd < 0 || fstat(fd, &status) < 0) break;
    void* const memory = mmap(nullptr, static_cast<std::size_t>(status.st_size),
                              PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) break;
    return arena::Layout::of(memory, arena::Layout::records_in(status.st_size));
  }
  std::fprintf(stderr, "process %s has no arena\n", pid.c_str());
  std::exit(1);
}

}  // namespace wswrap::test
