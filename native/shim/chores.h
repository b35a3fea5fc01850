// What is left to do for connections that the server is done with, or not looking at.
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/connection.h"

namespace wswrap::chores {

// Takes over a connection whose last descriptor the server closes: `fd` is read until the client
// closes too, or 64 KiB or 2 s have passed, so that no reset destroys what was sent. `index` may be
// arena::none (a client that was refused). The descriptor becomes the chore's.
void linger(int fd, std::uint32_t index);

// Lets go of a refused client, because descriptors are short. Returns false if there is none.
bool evict_refused();

// Sends what is owed on a connection as soon as the kernel takes it.
void watch_output(const connection::Handle& handle);

// Answers the client's Close 5 s after it came, if the server has not closed by then.
void expect_close(const connection::Handle& handle);

// The server's descriptor `fd` goes away: chores that use it end.
void forget(int fd);

// Called by the driver.
void on_event(std::uint32_t chore);
void on_timer();

extern constinit std::atomic<std::uint32_t> count;
inline bool any() { return count.load(std::memory_order_relaxed) != 0; }

// At exit: waits a moment for what was sent to arrive.
void finish();

// In a forked child: the parent's chores are forgotten, those for connections that it shares begun
// anew.
void drop_after_fork();
void resume_after_fork();

}  // namespace wswrap::chores
