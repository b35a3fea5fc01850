// close, dup and their kin: what happens to our tables when descriptors come and go.
#pragma once

#include "shim/result.h"

namespace wswrap::descriptors {

// close(2).
Result close(int fd);

// close_range(2). What is ours stays open, as if it were not there.
Result close_range(unsigned first, unsigned last, unsigned flags);

// `copy` is a new descriptor for what `fd` stands for.
void on_duplicate(int fd, int copy);

// dup3(2), where one of the two is ours.
Result duplicate_over(int fd, int target, int flags);

// The number was just given out by the kernel: whatever we knew about it is history.
void on_birth(int fd);

// `fd` came from another process, or with the program: it becomes what it is. Returns 0, or an
// errno if it should be ours and cannot.
int adopt(int fd);

// A call found that `fd` is not what the table says.
void demote(int fd);

// Ends the connection behind the last descriptor. `code` 0: 1000, or the client's own code if it
// closed first. The descriptor is closed, at once or after a while.
void end_connection(int fd, unsigned index, unsigned short code);

}  // namespace wswrap::descriptors
