// epoll: the server's epoll descriptor stays the kernel's; only what it holds is relabelled.
//
// A WebSocket connection or listener is registered with a tag in place of the server's data; a
// table gives the data back. Level and edge triggering, one-shot and exclusive wake-ups are the
// kernel's own. An event whose bytes hold no payload is swallowed after the bytes were consumed to
// EAGAIN, so that edges keep coming. Plain descriptors in the same epoll keep the server's data
// (unless it looks like a tag).
#pragma once

#include <sys/epoll.h>

#include <algorithm>
#include <csignal>
#include <cstdint>

#include "shim/clock.h"
#include "shim/fds.h"
#include "shim/registrations.h"
#include "shim/result.h"

namespace wswrap::epoll {

// Whether epoll_ctl(2) is ours to do: where one of the descriptors is ours, or where the data could
// be taken for what we have the kernel keep.
bool concerns_us(int epfd, int operation, int fd, const epoll_event* event);

// epoll_ctl(2), where it concerns us.
Result control(int epfd, int operation, int fd, epoll_event* event);

// How the server waits: the engine uses the same call.
enum class Call { wait, pwait, pwait2 };

// Whether an epoll that nothing of ours is in has reported something of ours: another thread put it
// in meanwhile.
inline bool reports_ours(const epoll_event* events, int count) {
  return std::any_of(events, events + count,
                     [](const epoll_event& event) { return is_tag(event.data.u64); });
}

// epoll_pwait2(2). `timeout` in nanoseconds, negative: none.
// `reported`, if not 0: how many events the kernel has given for such a wait already.
Result wait(int epfd, epoll_event* events, int room, Nanoseconds timeout, const sigset_t* mask,
            Call call, int reported = 0);

// The server made an epoll.
void on_birth();

// `fd` became ours only now: it is registered anew in epolls that the server put it into before.
void adopt(int fd);

// Whether a wait in the epoll would find something for the server, as poll(2) and an outer epoll
// tell of it. Takes away what is not the server's on the way.
bool is_readable(int epfd, std::uint32_t set);

// Tells of what is ready on the connection once more where that is edge-triggered: the server may
// take it that whatever it was not told of will be an edge of its own.
void renew_edge(int fd);

// The server closes `fd`. `last`: nobody else holds what it stands for.
void forget(int fd, bool last);

// The server duplicates or closes an epoll descriptor.
void add_reference(std::uint32_t set);
void drop_reference(std::uint32_t set);

// fork: nothing of the table may be half changed in the child.
void before_fork();
void after_fork_in_parent();
void after_fork_in_child();

}  // namespace wswrap::epoll
