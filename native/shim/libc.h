// The real functions behind the hooks.
//
// Until they are resolved each entry serves the call straight from the kernel: dlsym() may
// allocate, and an allocator's start-up may read files through our hooks. A call that blocks for
// the server's sake always goes through here, so that it stays a cancellation point and other
// preloaded libraries see it.
#pragma once

#include "shim/types.h"

namespace wswrap {

struct Libc {
#define HOOK(result, name, parameters, number) result(*name) parameters;
#define HOOK_OWN(result, name, parameters)
#define HOOK_SAME(alias, name)
#include "shim/hooks.def"
};

extern constinit Libc libc;

// Looks up every function of the table behind us. Safe to call again and from inside itself.
void resolve_libc();

}  // namespace wswrap
