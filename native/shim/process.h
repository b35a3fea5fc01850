// The life of the process: start, fork, exit.
#pragma once

#include <cstdint>

namespace wswrap::process {

// This process's pid, as known at its start or fork.
std::uint32_t id();

// True in a child of vfork(2) or of a bare clone(2): it shares, or has copied, tables that describe
// the parent's descriptors, and must not change them.
bool is_borrowed();

// fork(2). The work is done by handlers that libc runs for daemon(3) and forkpty(3), too; only that
// a fork failed must be seen here.
int fork();

// Ends every connection that nobody else holds (Close 1001) before the process goes.
void at_exit();

}  // namespace wswrap::process
