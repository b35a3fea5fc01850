// Clients that pass from one process to another before accept.
//
// Processes that share a listener each take clients from the kernel. One that leaves accept to
// serve its client must not keep others waiting that it took along: it puts them into a socket pair
// that came with the listener, and whichever process waits next takes them out.
#pragma once

#include "shim/arena.h"
#include "shim/clients.h"

namespace wswrap::handover {

// Makes the two ends, hidden from the server. Returns false when there are no descriptors left.
bool open(int& give, int& take);

// Finds the ends with these cookies among the descriptors that the program was started with.
// Returns false if they are not there.
bool inherit(const arena::Ends& ends, int& give, int& take);

// Puts a client in. Its descriptor is still the caller's to close. Returns false when there is no
// room.
bool put(int give, const clients::Client& client);

// Takes a client out; its descriptor is the caller's. Returns false when there is none.
bool get(int take, clients::Client& client);

}  // namespace wswrap::handover
