#include "shim/search.h"

#include <unistd.h>

namespace wswrap::search {

std::string_view path() {
  constexpr std::string_view name = "PATH=";
  for (char** line = environ; line != nullptr && *line != nullptr; ++line) {
    const std::string_view entry(*line);
    if (entry.starts_with(name)) return entry.substr(name.size());
  }
  return "/bin:/usr/bin";
}

}  // namespace wswrap::search
