// The exec family: libc's members call each other behind our back, so each is taken over, and all
// come down to exec::execute().
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

#include "shim/exec.h"
#include "shim/hooks.h"
#include "shim/libc.h"
#include "shim/scratch.h"
#include "shim/spawn.h"

namespace wswrap {
namespace {

using Words = Scratch<char*, 256>;

int fail(int error) {
  errno = error;
  return -1;
}

}  // namespace

int hook_execve(const char* path, char* const* argv, char* const* environment) {
  return exec::execute({AT_FDCWD, path, 0}, argv, environment);
}

int hook_execveat(int folder, const char* path, char* const* argv, char* const* environment,
                  int flags) {
  return exec::execute({folder, path, flags}, argv, environment);
}

int hook_fexecve(int fd, char* const* argv, char* const* environment) {
  if (fd < 0 || argv == nullptr || environment == nullptr) return fail(EINVAL);
  return exec::execute({fd, "", AT_EMPTY_PATH}, argv, environment);
}

int hook_execv(const char* path, char* const* argv) { return hook_execve(path, argv, environ); }

int hook_execvpe(const char* file, char* const* argv, char* const* environment) {
  return exec::search_and_execute(file, argv, environment);
}

int hook_execvp(const char* file, char* const* argv) { return hook_execvpe(file, argv, environ); }

// The words of execl(3) up to and including the null pointer. A macro, because a va_list that is to
// be walked twice has to be started twice.
#define COLLECT_WORDS(first)                        \
  va_list list;                                     \
  va_start(list, first);                            \
  std::size_t count = 1;                            \
  if ((first) != nullptr) {                         \
    while (va_arg(list, char*) != nullptr) ++count; \
    ++count;                                        \
  }                                                 \
  va_end(list);                                     \
  Words words(count);                               \
  if (words.data() == nullptr) return fail(E2BIG);  \
  va_start(list, first);                            \
  words.data()[0] = const_cast<char*>(first);       \
  for (std::size_t i = 1; i < count; ++i) words.data()[i] = va_arg(list, char*)

int hook_execl(const char* path, const char* first, ...) {
  COLLECT_WORDS(first);
  va_end(list);
  return hook_execv(path, words.data());
}

int hook_execlp(const char* file, const char* first, ...) {
  COLLECT_WORDS(first);
  va_end(list);
  return hook_execvp(file, words.data());
}

int hook_execle(const char* path, const char* first, ...) {
  COLLECT_WORDS(first);
  char* const* environment = va_arg(list, char**);
  va_end(list);
  return hook_execve(path, words.data(), environment);
}

#undef COLLECT_WORDS

int hook_posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                     const posix_spawnattr_t* attributes, char* const* argv,
                     char* const* environment) {
  return spawn::start({libc.posix_spawn, path, false, actions}, pid, attributes, argv, environment);
}

int hook_posix_spawnp(pid_t* pid, const char* file, const posix_spawn_file_actions_t* actions,
                      const posix_spawnattr_t* attributes, char* const* argv,
                      char* const* environment) {
  return spawn::start({libc.posix_spawnp, file, true, actions}, pid, attributes, argv, environment);
}

}  // namespace wswrap
