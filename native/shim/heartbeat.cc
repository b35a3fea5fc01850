#include "shim/heartbeat.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "shim/config.h"
#include "shim/connection.h"
#include "shim/driver.h"
#include "shim/fds.h"
#include "shim/socket.h"
#include "shim/trace.h"

namespace wswrap::heartbeat {
namespace {

constexpr int unanswered_allowed = 2;

// How long the client has been silent, by the kernel's own account: bytes count even while the
// server does not read them.
Nanoseconds silence_of(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (kernel::invoke(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) return 0;
  return milliseconds(info.tcpi_last_data_recv);
}

void look_after(int fd, std::uint32_t index, Nanoseconds now) {
  arena::Record& record = arena::at(index);
  constexpr std::uint32_t over = arena::client_closed | arena::broken | arena::close_sent;
  if ((arena::state_of(record) & over) != 0) return;
  std::atomic_ref pinged_at(record.pinged_at);
  std::atomic_ref unanswered(record.unanswered);
  const Nanoseconds last_ping = pinged_at.load();
  // The kernel counts in ticks of some milliseconds, so a fast answer may look older than the ping.
  // What came before the ping is older by a whole heartbeat: half of one tells them apart.
  const std::uint64_t since_ping = elapsed(last_ping, now);
  const auto heartbeat = static_cast<std::uint64_t>(config.heartbeat);
  const auto silence = static_cast<std::uint64_t>(silence_of(fd));
  if (last_ping != 0 && silence < since_ping + heartbeat / 2) unanswered.store(0);
  if (silence < heartbeat || since_ping < heartbeat) return;
  if (unanswered.load() >= unanswered_allowed) {
    if (logs(LogLevel::info)) {
      LogLine(record.number, record.peer)
          << "dropped: " << unanswered_allowed << " pings without an answer";
    }
    std::atomic_ref(record.error).store(ETIMEDOUT);
    arena::set_state(record, arena::broken);
    sock::shutdown(fd, SHUT_RDWR);
    return;
  }
  unanswered.fetch_add(1);
  pinged_at.store(now);
  connection::ping(connection::handle_of(fd, index));
}

}  // namespace

void start() {
  if (config.heartbeat != 0) driver::wake_at(monotonic_now() + config.heartbeat);
}

void on_timer() {
  if (config.heartbeat == 0) return;
  const Nanoseconds now = monotonic_now();
  fds::for_each(fds::Kind::connection,
                [&](int fd, std::uint32_t index) { look_after(fd, index, now); });
  driver::wake_at(now + config.heartbeat / 4 + 1);
}

}  // namespace wswrap::heartbeat
