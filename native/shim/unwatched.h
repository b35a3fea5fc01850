// Connections that sit in an epoll without a request for input, level-triggered: paused streams,
// and servers that only want to hear of the end. The kernel does not tell of what they receive, and
// could not be asked without telling again and again of payload that the server does not want yet.
// So they are looked at once a second: pings are answered, and the client's Close becomes visible.
#pragma once

#include <cstdint>

namespace wswrap::unwatched {

// The server registered the connection, with or without a request for input.
void note(std::uint32_t index, bool asks_for_input);

// Called by the driver.
void on_timer();

}  // namespace wswrap::unwatched
