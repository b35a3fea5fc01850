// stdio streams on connections.
//
// libc's streams make system calls of their own, past every hook, so a stream on a connection is
// one of fopencookie(3), whose functions are our read, write and close. It has the buffering, the
// modes and the errors of any other. fopencookie() allocates, in libc, just as fdopen() itself
// does: the shim has no other memory from there.
#pragma once

#include <cstdio>

namespace wswrap::streams {

// fdopen(3). What `before`, if any, has read ahead comes first. Null with errno on failure.
std::FILE* open(int fd, const char* mode, std::FILE* before = nullptr);

// The descriptor of a stream that open() made; -1 for any other.
int number_of(std::FILE* stream);

// For the exit of the process: calls `end` when libc has flushed all streams, which it does after
// everything else; at once when there never was a stream of ours.
void after_flush(void (*end)());

}  // namespace wswrap::streams
