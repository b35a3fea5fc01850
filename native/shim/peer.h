// Whom the log names: address and port of a client.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace wswrap {

// Smaller than what accept(2) tells, because each connection's record has one. It may lie in memory
// that others write to: no value is wrong.
struct Peer {
  std::array<std::uint8_t, 16> host{};  // IPv6, with IPv4 mapped into it; all 0: unknown
  std::uint16_t port = 0;

  Peer() = default;
  // IPv4 or IPv6, by its family.
  Peer(const sockaddr_in6& address) {
    if (address.sin6_family == AF_INET6) {
      std::memcpy(host.data(), &address.sin6_addr, host.size());
      port = ntohs(address.sin6_port);
    } else if (address.sin6_family == AF_INET) {
      sockaddr_in v4;
      std::memcpy(&v4, &address, sizeof v4);
      host[10] = host[11] = 0xff;
      std::memcpy(&host[12], &v4.sin_addr, sizeof v4.sin_addr);
      port = ntohs(v4.sin_port);
    }
  }
};

}  // namespace wswrap
