// clone(2) and _Fork(3): forks for which libc runs no handlers of pthread_atfork(3). Servers that
// put their sessions into namespaces make them so.
#include <sched.h>

#include <cstdarg>

#include "shim/hooks.h"
#include "shim/libc.h"
#include "shim/process.h"

namespace wswrap {
namespace {

struct Start {
  int (*function)(void*);
  void* argument;
};

int begin(void* copied) {
  const Start start = *static_cast<const Start*>(copied);
  process::after_fork_in_child();
  return start.function(start.argument);
}

}  // namespace

pid_t hook__Fork() {
  return process::fork_by([] { return libc._Fork(); });
}

int hook_clone(int (*function)(void*), void* stack, int flags, void* argument, ...) {
  va_list list;
  va_start(list, argument);
  void* const parent_tid = va_arg(list, void*);
  void* const tls = va_arg(list, void*);
  void* const child_tid = va_arg(list, void*);
  va_end(list);
  // A thread, or a child of the kind of vfork(2)'s.
  if ((flags & (CLONE_VM | CLONE_FILES)) != 0) {
    return libc.clone(function, stack, flags, argument, parent_tid, tls, child_tid);
  }
  Start start{function, argument};
  return process::fork_by(
      [&] { return libc.clone(begin, stack, flags, &start, parent_tid, tls, child_tid); });
}

}  // namespace wswrap
