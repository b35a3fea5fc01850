// The life of the process: start, fork, exit.
#pragma once

#include <cstdint>

namespace wswrap::process {

// This process's pid, as known at its start or fork.
std::uint32_t id();

// True in a child of vfork(2) or of a bare clone(2): it shares, or has copied, tables that describe
// the parent's descriptors, and must not change them.
bool is_borrowed();

// Around every fork(2). libc calls them for its own forks as well (daemon(3), forkpty(3)), but for
// the last, which it has no handler for: it is told in the parent what fork(2) returned.
void before_fork();
void after_fork_in_parent();
void after_fork_in_child();
void settle_fork(long child);

// Makes a child with memory and descriptors of its own, in a way for which libc calls none of them.
// `make` returns as fork(2) does.
template <typename Make>
auto fork_by(Make make) {
  before_fork();
  const auto child = make();
  if (child == 0) {
    after_fork_in_child();
    return child;
  }
  after_fork_in_parent();
  settle_fork(child);
  return child;
}

// Ends every connection that nobody else holds (Close 1001) before the process goes.
void at_exit();

}  // namespace wswrap::process
