// Pings for idle clients (--heartbeat): a client that leaves two of them unanswered is dropped.
#pragma once

#include <cstdint>

namespace wswrap::heartbeat {

// This process has connections.
void start();

// Called by the driver: looks after every connection of this process.
void on_timer();

}  // namespace wswrap::heartbeat
