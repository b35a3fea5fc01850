// Descriptors that come from another process while the program runs: in messages (SCM_RIGHTS, see
// unix(7)) and by pidfd_getfd(2).
//
// What arrives is looked up by its cookie, so it is a connection or a listener here as it was
// there. A descriptor in a message that nobody has received yet belongs to no process: its record
// counts it, so that a sender who closes its own copy is not taken for the last holder. If such a
// message is never received, it is the kernel that ends the connection, without a Close frame. A
// receiver that does not carry the shim (or belongs to another wswrap) gets the bare socket.
#pragma once

#include "shim/types.h"

namespace wswrap::passing {

// sendmsg(2) on a socket that is not ours, with control data.
ssize_t send(int fd, const msghdr* message, int flags);
// sendmmsg(2), likewise.
int send_many(int fd, mmsghdr* messages, unsigned count, MessageFlags flags);

// A message was received with these flags: its descriptors become what they are. One that would
// have to be wrapped and cannot be is closed, and reported as if it had not fitted.
void on_message(msghdr& message, int flags);

// `fd` came from a process that has it still. Returns 0, or the errno with which the call fails;
// the descriptor is closed then.
int on_copy(int fd);

}  // namespace wswrap::passing
