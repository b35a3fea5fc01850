// How a server forbids itself system calls: by prctl(2), or by seccomp(2), for which libc has no
// function.
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstdarg>

#include "shim/confined.h"
#include "shim/filter.h"
#include "shim/hooks.h"
#include "shim/libc.h"

namespace wswrap {

int hook_prctl(int option, ...) {
  va_list list;
  va_start(list, option);
  long a[4];
  for (long& value : a) value = va_arg(list, long);
  va_end(list);
  if (option != PR_SET_SECCOMP) return libc.prctl(option, a[0], a[1], a[2], a[3]);
  confined::prepare();
  const int failed = libc.prctl(option, a[0], a[1], a[2], a[3]);
  if (failed == 0) {
    const bool strict = a[0] == filter::mode_strict;
    confined::enter(strict ? filter::set_mode_strict : filter::set_mode_filter, 0,
                    reinterpret_cast<const void*>(a[1]));
  }
  return failed;
}

long confined::install(unsigned operation, unsigned long flags, void* program) {
  prepare();
  const long result = libc.syscall(SYS_seccomp, operation, flags, program);
  // A descriptor to be notified through; or, positive as well, a thread that stood in the way.
  const bool installed = result == 0 || (result > 0 && (flags & filter::all_threads) == 0);
  if (installed) enter(operation, flags, program);
  return result;
}

}  // namespace wswrap
