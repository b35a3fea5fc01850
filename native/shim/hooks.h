// The hooks as functions: each has a name of its own and takes libc's in assembly only, because
// libc's headers declare some of them noexcept and ours must let a cancelled thread unwind.
#pragma once

#include "shim/fds.h"
#include "shim/types.h"

namespace wswrap {

#define HOOK(result, name, parameters, number) \
  extern "C" [[gnu::visibility("default")]] result hook_##name parameters __asm__(#name);
#define HOOK_SAME(alias, name)
#include "shim/hooks.def"

// Whether a wait for these descriptors needs more than the kernel.
bool any_of_ours(const pollfd* fds, nfds_t count);

}  // namespace wswrap
