// What the benchmark's server and its client share: sockets on loopback, and what a client asks
// for.
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace bench {

enum class Task : std::uint64_t { up, down, echo };

// What a client asks for, at the start and again when it has got it.
struct Order {
  Task task = Task::up;
  std::uint64_t bytes = 0;  // to be taken, and answered with one byte; or to be sent
  std::uint64_t chunk = 0;  // what is sent at once
};

// What a server reads at once, and the largest chunk that one sends at once.
constexpr std::size_t read_size = 64 * 1024;
constexpr std::size_t buffer_size = 1024 * 1024;

[[noreturn]] inline void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

inline void set_no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Ten thousand connections need more descriptors than most shells allow at first.
inline void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace bench
