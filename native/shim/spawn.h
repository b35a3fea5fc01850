// posix_spawn(3): as execve(2), but for a child that libc makes where nobody can look. What it will
// hold is worked out beforehand, from its file actions.
#pragma once

#include <spawn.h>

namespace wswrap::spawn {

struct Request {
  decltype(&::posix_spawn) function;  // libc's, with or without a search
  const char* file;
  bool searches;  // along the PATH, if `file` has no slash
  const posix_spawn_file_actions_t* actions;
};

// Returns 0 or an error number, as posix_spawn(3) does.
int start(const Request& request, pid_t* pid, const posix_spawnattr_t* attributes,
          char* const* argv, char* const* given);

}  // namespace wswrap::spawn
