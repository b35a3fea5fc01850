// Work that must happen while the server does not ask for it: handshakes, lingering closes, owed
// pongs, heartbeats.
//
// All of it hangs on one epoll descriptor, the driver, which becomes readable when there is
// something to do (a timer is in it too). Whatever the server waits in, the driver waits along with
// it. There is no thread. A wait that finds the driver ready calls drive(), which never blocks.
#pragma once

#include <cstdint>

#include "shim/chores.h"
#include "shim/clock.h"
#include "shim/config.h"
#include "shim/lock.h"

namespace wswrap::driver {

// What a descriptor in the driver's epoll stands for.
enum class Source : std::uint32_t { timer, listener, handover, client, chore };

// Holds the driver and its tables (listeners, clients, chores) for a scope, with signals blocked: a
// handler may close a connection, and must not find a table half changed. May be nested.
class Guard {
 public:
  Guard();
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  std::uint64_t signals_ = 0;
  bool outermost_;
};

// The same as a Guard, from before a fork until after it in the parent.
void hold_for_fork();
void release_after_fork();

// False in a thread whose seccomp filter forbids what drive() does.
bool is_usable();

// The driver's descriptor, made at first use; negative (-errno) if it cannot be, or is not usable.
int descriptor();

// True if the driver watches anything besides listeners and their clients: every wait must take it
// along then.
inline bool is_busy() { return (config.heartbeat != 0 || chores::any()) && is_usable(); }

// Does everything that is possible now.
void drive();

// Watches a descriptor (events as for epoll_ctl(2)), or forgets it.
bool watch(int fd, Source source, std::uint32_t index, std::uint32_t events);
void forget(int fd);

// Makes the driver ready at that monotonic time at the latest.
void wake_at(Nanoseconds when);

// In a forked child: the driver belongs to the parent. Drops our copies of what is in it, and lets
// go of what hold_for_fork() took.
void drop_after_fork();

}  // namespace wswrap::driver
