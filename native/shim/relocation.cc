#include "shim/relocation.h"

#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "shim/arena.h"
#include "shim/clock.h"
#include "shim/decimal.h"
#include "shim/fds.h"
#include "shim/kernel.h"
#include "shim/libc.h"
#include "shim/open_fds.h"
#include "shim/socket.h"
#include "shim/trace.h"

namespace wswrap::relocation {
namespace {

// ---- which sockets were moved

constexpr std::size_t most_sockets = 256;
using Cookies = std::array<std::uint64_t, most_sockets>;

// 0: free. Forks copy it.
constinit std::array<std::atomic<std::uint64_t>, most_sockets> moved{};

bool is_moved(std::uint64_t cookie) {
  for (const auto& slot : moved) {
    if (cookie != 0 && slot.load(std::memory_order_relaxed) == cookie) return true;
  }
  return false;
}

bool exchange(std::uint64_t expected, std::uint64_t wanted) {
  for (auto& slot : moved) {
    std::uint64_t value = expected;
    if (slot.load(std::memory_order_relaxed) == expected &&
        slot.compare_exchange_strong(value, wanted)) {
      return true;
    }
  }
  return false;
}

void forget(std::uint64_t cookie) { exchange(cookie, 0); }

// Nobody tells us of a close(2), so closed sockets stay until there is no room left.
void sweep() {
  Cookies closed;
  for (std::size_t i = 0; i < most_sockets; ++i) closed[i] = moved[i].load();
  fds::for_each_open([&](int fd) {
    const std::uint64_t open = arena::cookie_of(fd);
    for (std::uint64_t& cookie : closed) {
      if (cookie == open) cookie = 0;
    }
  });
  for (const std::uint64_t cookie : closed) {
    if (cookie != 0) forget(cookie);
  }
}

bool remember(std::uint64_t cookie) {
  if (cookie == 0) return false;
  if (exchange(0, cookie)) return true;
  sweep();
  return exchange(0, cookie);
}

// ---- bind

bool is_tcp(int fd) {
  int type = 0;
  int protocol = 0;
  constexpr int mptcp = 262;  // IPPROTO_MPTCP
  socklen_t size = sizeof type;
  if (kernel::invoke(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0) return false;
  if (kernel::invoke(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
    return false;
  return type == SOCK_STREAM && (protocol == IPPROTO_TCP || protocol == mptcp);
}

// AF_INET or AF_INET6 if bind(2) would give a TCP socket the port that is moved, else 0.
int family_to_move(int fd, const sockaddr* address, socklen_t size) {
  sockaddr_in asked;
  if (address == nullptr || size < sizeof asked) return 0;
  std::memcpy(&asked, address, sizeof asked);
  // The port lies at the same place in both families.
  if (asked.sin_port != htons(config.move.port)) return 0;
  const int domain = sock::domain(fd);
  constexpr socklen_t smallest_v6 = 24;  // without sin6_scope_id (RFC 2133)
  // Linux has always let it pass when the family is missing.
  const bool unspecified = asked.sin_family == AF_UNSPEC && asked.sin_addr.s_addr == INADDR_ANY;
  const bool fits = domain == AF_INET
                        ? asked.sin_family == AF_INET || unspecified
                        : domain == AF_INET6 && asked.sin_family == AF_INET6 && size >= smallest_v6;
  return fits && is_tcp(fd) ? domain : 0;
}

template <typename Address>
int bind_to(int fd, const Address& address) {
  return libc.bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

bool takes_ipv4(int fd) {
  int only_v6 = 1;
  socklen_t size = sizeof only_v6;
  kernel::invoke(SYS_getsockopt, fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, &size);
  return only_v6 == 0;
}

int bind_privately(int fd, int family) {
  if (family == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bind_to(fd, v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr.s6_addr[15] = 1;
  const int before = errno;
  const int failed = bind_to(fd, v6);
  if (failed == 0 || errno != EADDRNOTAVAIL || !takes_ipv4(fd)) return failed;
  // A machine on which IPv6 is switched off.
  errno = before;
  v6.sin6_addr = {};
  constexpr unsigned char mapped[] = {0xff, 0xff, 127, 0, 0, 1};
  std::memcpy(v6.sin6_addr.s6_addr + 10, mapped, sizeof mapped);
  return bind_to(fd, v6);
}

// ---- report

// "KEY ADDRESS PORT PID", and a line feed.
class Line {
 public:
  void add(std::string_view text) {
    size_ += text.copy(text_.data() + size_, text_.size() - size_);
  }
  void add(std::uint64_t value) { add(Decimal(value).text()); }
  const char* data() const { return text_.data(); }
  std::size_t size() const { return size_; }

 private:
  std::array<char, 256> text_;
  std::size_t size_ = 0;
};

// False for a socket that has no address, which cannot be.
bool add_address(Line& line, int fd) {
  sockaddr_in6 local{};
  socklen_t size = sizeof local;
  if (kernel::invoke(SYS_getsockname, fd, &local, &size) < 0) return false;
  // What bind_privately() may have given it.
  line.add(local.sin6_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&local.sin6_addr) ? "::1"
                                                                                   : "127.0.0.1");
  line.add(" ");
  line.add(ntohs(local.sin6_port));
  return true;
}

constexpr Nanoseconds patience = milliseconds(5000);

// The clock decides how often a call is made once more that signals interrupt.
template <typename Call>
long insist(const Deadline& deadline, Call call) {
  long result;
  do {
    result = call();
  } while (result == -EINTR && deadline.left() > 0);
  return result;
}

// 0 or -errno.
long send_all(int fd, const Line& line, const Deadline& deadline) {
  for (std::size_t sent = 0; sent < line.size();) {
    const long more = insist(deadline, [&] {
      return kernel::invoke(SYS_sendto, fd, line.data() + sent, line.size() - sent, MSG_NOSIGNAL,
                            nullptr, 0);
    });
    if (more <= 0) return more;
    sent += static_cast<std::size_t>(more);
  }
  return 0;
}

// 0 or -errno.
long deliver(const Line& line) {
  const long made = kernel::invoke(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made < 0) return made;
  // Not where other threads may still write to standard streams that are closed.
  const int fd = fds::hide(static_cast<int>(made));
  const Deadline deadline(patience);
  const timeval limit = to_timeval(patience);
  kernel::invoke(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_un path{};
  path.sun_family = AF_UNIX;
  config.move.report.copy(path.sun_path, sizeof path.sun_path - 1);
  long result =
      insist(deadline, [&] { return kernel::invoke(SYS_connect, fd, &path, sizeof path); });
  if (result >= 0) result = send_all(fd, line, deadline);
  fds::close_internal(fd);
  return result;
}

}  // namespace

int bind(int fd, const sockaddr* address, socklen_t size) {
  const int family = family_to_move(fd, address, size);
  if (family == 0) return libc.bind(fd, address, size);
  const std::uint64_t cookie = arena::cookie_of(fd);
  // A second bind(2) of a socket fails, and changes nothing.
  if (is_moved(cookie)) return bind_privately(fd, family);
  if (!remember(cookie)) {
    complain({"too many sockets are bound to port ", Decimal(config.move.port).text()});
    errno = ENOBUFS;
    return -1;
  }
  const int failed = bind_privately(fd, family);
  if (failed != 0) forget(cookie);
  return failed;
}

int report(int fd) {
  if (!is_moved(arena::cookie_of(fd))) return 0;
  Line line;
  line.add(config.move.key);
  line.add(" ");
  if (!add_address(line, fd)) return EADDRNOTAVAIL;
  line.add(" ");
  line.add(static_cast<std::uint64_t>(kernel::call(SYS_getpid)));
  line.add("\n");
  const long failed = deliver(line);
  if (failed == 0) return 0;
  complain({"nobody can be told where the server listens: ", config.move.report, ", errno ",
            Decimal(static_cast<std::uint64_t>(-failed)).text()});
  return EADDRNOTAVAIL;
}

}  // namespace wswrap::relocation
