// The files that execvp(3) and posix_spawnp(3) try for a name.
#pragma once

#include <array>
#include <cerrno>
#include <climits>
#include <string_view>

namespace wswrap::search {

// The value of PATH, or what the C library uses without one (_CS_PATH in confstr(3)).
std::string_view path();

// Calls try_it(file) for `file` in each folder of the PATH while that returns true; for itself
// alone if it has a slash. Sets errno where there is nothing to try: ENOENT, or ENAMETOOLONG.
template <typename Try>
void for_each_candidate(const char* wanted, Try try_it) {
  const std::string_view name(wanted);
  errno = ENOENT;
  if (name.empty()) return;
  if (name.find('/') != name.npos) {
    try_it(wanted);
    return;
  }
  if (name.size() > NAME_MAX) {
    errno = ENAMETOOLONG;
    return;
  }
  std::string_view rest = path();
  for (bool more = true; more;) {
    const std::size_t colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);
    more = colon != rest.npos;
    if (more) rest.remove_prefix(colon + 1);
    std::array<char, PATH_MAX> file;
    if (folder.size() + name.size() + 2 > file.size()) continue;
    std::size_t size = folder.copy(file.data(), folder.size());
    if (size > 0) file[size++] = '/';
    size += name.copy(file.data() + size, name.size());
    file[size] = '\0';
    if (!try_it(file.data())) return;
  }
}

}  // namespace wswrap::search
