#include "shim/exec.h"

#include <fcntl.h>

#include <cerrno>
#include <string_view>

#include "shim/arena.h"
#include "shim/config.h"
#include "shim/departure.h"
#include "shim/environment.h"
#include "shim/kernel.h"
#include "shim/libc.h"
#include "shim/process.h"
#include "shim/program.h"
#include "shim/result.h"
#include "shim/scratch.h"
#include "shim/search.h"
#include "shim/trace.h"

namespace wswrap::exec {
namespace {

int too_big() {
  errno = E2BIG;
  return -1;
}

int run(const Image& image, char* const* argv, char* const* environment) {
  // Through libc where it has a function: other preloaded libraries have their wishes, too.
  if (image.folder == AT_FDCWD && image.flags == 0) {
    return libc.execve(image.path, argv, environment);
  }
  const long failed =
      kernel::invoke(SYS_execveat, image.folder, image.path, argv, environment, image.flags);
  errno = static_cast<int>(-failed);
  return -1;
}

// execvpe(3) goes on to the next folder after these.
bool is_absent(int error) {
  return error == ENOENT || error == ENOTDIR || error == ESTALE || error == ENODEV ||
         error == ETIMEDOUT;
}

// A file that the kernel does not recognize is a script for the shell.
int execute_or_interpret(const char* path, char* const* argv, char* const* given) {
  execute({AT_FDCWD, path, 0}, argv, given);
  if (errno != ENOEXEC) return -1;
  std::size_t count = 0;
  while (argv[count] != nullptr) ++count;
  Scratch<char*, 512> words(count + 3);
  if (words.data() == nullptr) return too_big();
  static char shell[] = "/bin/sh";
  words.data()[0] = shell;
  words.data()[1] = const_cast<char*>(path);
  std::size_t size = 2;
  for (std::size_t i = 1; i < count; ++i) words.data()[size++] = argv[i];
  words.data()[size] = nullptr;
  return execute({AT_FDCWD, shell, 0}, words.data(), given);
}

}  // namespace

bool all_ports_served(std::uint32_t except) {
  for (std::size_t place = 0; place < config.port_count; ++place) {
    if (!arena::is_served(place, except)) return false;
  }
  return true;
}

environment::Shim shim_for(program::Verdict verdict, bool wanted) {
  // Of another machine or C library it would be an error of that one's loader.
  const bool loadable = verdict != program::Verdict::foreign;
  return wanted && loadable ? environment::Shim::kept : environment::Shim::left_out;
}

bool may_start(const char* path, program::Verdict verdict) {
  // Nothing that this user starts will be wrapped, the server neither.
  if (verdict == program::Verdict::unreachable) {
    complain({path, " is not started: it would not be wrapped, because ", environment::shim(),
              " cannot be read here. Install wswrap where every user can read it"});
    return false;
  }
  complain({path, " cannot be wrapped: it is ", program::describe(verdict),
            ". If it is the server, its port does not speak WebSocket"});
  return true;
}

int execute(const Image& image, char* const* argv, char* const* given) {
  if (config.port_count == 0) return run(image, argv, given);
  const int saved = errno;
  const program::Verdict verdict =
      program::inspect(image.folder, image.path, image.flags, environment::shim());
  if (verdict == program::Verdict::unknown) return run(image, argv, given);
  const bool carries = verdict == program::Verdict::carries;
  // What this process serves alone ends with it, but the parent of a vfork child goes on.
  const bool served = all_ports_served(process::is_borrowed() ? 0 : process::id());
  if (!carries && !served && !may_start(image.path, verdict)) {
    errno = EACCES;
    return -1;
  }

  Departure departure(carries);
  const bool wanted = departure.holds() || !served;
  if (!carries || !wanted) departure.leave();
  const environment::Child child(given, shim_for(verdict, wanted));
  if (child.lines() == nullptr) {
    departure.undo();
    return too_big();
  }
  errno = saved;
  run(image, argv, child.lines());
  const KeepErrno keep;
  departure.undo();
  return -1;
}

int search_and_execute(const char* file, char* const* argv, char* const* given) {
  bool refused = false;
  search::for_each_candidate(file, [&](const char* path) {
    execute_or_interpret(path, argv, given);
    refused = refused || errno == EACCES;
    return is_absent(errno) || errno == EACCES;
  });
  if (refused && is_absent(errno)) errno = EACCES;
  return -1;
}

}  // namespace wswrap::exec
