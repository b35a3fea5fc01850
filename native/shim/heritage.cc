#include "shim/heritage.h"

#include <sys/socket.h>

#include "codec/protocol.h"
#include "shim/connection.h"
#include "shim/trace.h"

namespace wswrap {

void end_before_exec(int fd, std::uint32_t record, std::uint16_t code) {
  // A number of our own, because in a child of vfork(2) the table does not know this one.
  const long duplicate = kernel::invoke(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) return;
  const int hidden = fds::hide(static_cast<int>(duplicate));
  fds::set(hidden, fds::Entry::lingering(record));
  connection::say_close(connection::handle_of(hidden, record), code);
  // Closed with unread input, the socket would be reset, and that could overtake the Close frame.
  constexpr std::size_t most = 65536;
  sock::discard(hidden, most);
  sock::shutdown(hidden, SHUT_RDWR);
  fds::close_internal(hidden);
}

void refuse_program(int fd, std::uint32_t record) {
  arena::Record& it = arena::at(record);
  // Of several numbers the first has done it.
  const bool said = (arena::state_of(it) & arena::close_sent) != 0;
  if (!said && logs(LogLevel::info)) {
    LogLine(it.number, it.peer) << "closed: the program that is to have it cannot be wrapped";
  }
  end_before_exec(fd, record, codec::close_code::internal_error);
}

}  // namespace wswrap
