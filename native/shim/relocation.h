// A server that wants one particular port gets another, on a loopback address, and whoever started
// it is told which: so a proxy can have that port, and an unmodified server stands behind it.
//
// Nobody chooses beforehand: the server binds, and the kernel picks a free port in the same moment,
// so that no other program can come in between. It is told at listen(2) and not at bind(2), because
// programs bind a port to see whether it is free (vncserver does), and close it again.
//
// A socket is known by its cookie (SO_COOKIE in socket(7)), which it keeps across dup(2) and
// fork(2). One that listens only after an execve(2) is not known any more, and nobody is told.
#pragma once

#include <sys/socket.h>

#include "shim/config.h"

namespace wswrap::relocation {

inline bool is_wanted() { return config.move.port != 0; }

// bind(2). A TCP socket that is to get the port, at whatever address, gets one of the kernel's
// choice at 127.0.0.1 or ::1; everything else is left to libc.
int bind(int fd, const sockaddr* address, socklen_t size);

// `fd` listens now: tells where, if it was moved. Blocks for a bounded time. Returns 0, or an errno
// if that could not be told.
int report(int fd);

}  // namespace wswrap::relocation
