// What the kernel says that an epoll watches (proc_pid_fdinfo(5)).
//
// A descriptor may become ours after the server put it into an epoll: a socket that begins to
// listen only then, an epoll that is given its first connection. The kernel alone knows where it
// was put, and with what data.
#pragma once

#include <sys/epoll.h>

namespace wswrap::watches {

// Whether the epoll `epfd` watches the descriptor `fd`. `event` gets what it was registered with.
bool find(int epfd, int fd, epoll_event& event);

}  // namespace wswrap::watches
