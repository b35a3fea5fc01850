// Whether a call of ours that a signal interrupted would have been restarted by the kernel.
#pragma once

namespace wswrap {

// Waiting in poll(2) ends with EINTR whatever the handler asked for; a blocking accept(2) or
// send(2) is restarted after a handler with SA_RESTART. Which handler ran cannot be known; true
// when every handler of the process was installed with SA_RESTART.
bool signals_restart();

}  // namespace wswrap
