// How connections work in a process whose seccomp filter forbids what they are usually served with:
// by read(2), write(2) and poll(2), the least that such a server keeps for itself.
//
// Nothing can be looked at then without being taken, so that headers are read byte-exactly; and
// O_NONBLOCK, which cannot be asked for any more, is what it was when the filter came. In
// SECCOMP_MODE_STRICT there is not even poll(2): calls block in the kernel, where they are.
#pragma once

#include <poll.h>
#include <sys/uio.h>

#include <csignal>
#include <cstddef>

#include "shim/clock.h"

namespace wswrap::confined {

// Before a filter is installed: remembers what cannot be asked for afterwards.
void prepare();

// Afterwards, with the arguments of seccomp(2).
void enter(unsigned operation, unsigned long flags, const void* program);

// seccomp(2), for which libc has no function, with both.
long install(unsigned operation, unsigned long flags, void* program);

// Whether several pieces of memory can be filled by one call; if not, sock::receive() fills the
// first of them only.
bool can_scatter();
// Whether input can be looked at before it is taken (sock::peek()).
bool can_peek();
// Whether anything can be waited for.
bool can_poll();

// What sock::receive() and sock::send() come down to. Without poll(2) nothing can be received
// without blocking: EAGAIN.
long receive(int fd, const iovec& part, int flags);
long send(int fd, const iovec* iov, std::size_t count);
// Blocks if the socket is a blocking one.
long receive_blocking(int fd, const iovec& part);

// True if poll(2) calls the descriptor readable now.
bool has_input(int fd);

// True if the descriptor had O_NONBLOCK when the filter was installed.
bool was_nonblocking(int fd);

// ppoll(2), by poll(2) if only that is permitted: the mask is ignored then. Sets errno.
int ppoll(pollfd* fds, nfds_t count, Nanoseconds timeout, const sigset_t* mask);

}  // namespace wswrap::confined
