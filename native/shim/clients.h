// Clients before accept: connected, but their handshake is not complete, or the server has not
// taken them yet.
//
// Their request is only peeked at until it is complete, so nothing is lost whatever the decision.
#pragma once

#include <netinet/in.h>

#include <cstdint>

#include "codec/protocol.h"
#include "shim/clock.h"

namespace wswrap::clients {

inline constexpr std::uint32_t none = UINT32_MAX;

// What a handshake comes to.
struct Session {
  std::uint32_t number = 0;  // for the log
  codec::Dialect dialect = codec::Dialect::rfc6455;
  codec::Encoding encoding = codec::Encoding::binary;
};

struct Client {
  enum class State : std::uint8_t { free, waiting, complete };
  State state = State::free;
  bool parked = false;  // the descriptor has a high number
  bool raw = false;     // let through as it is
  int fd = 0;
  std::uint32_t listener = 0;
  std::uint32_t index = 0;  // complete: the record; none if it is raw
  std::uint32_t next = 0;   // complete: the next in the listener's queue + 1
  Session session{};        // complete: what was agreed upon
  Nanoseconds since = 0;
  sockaddr_in6 address{};  // large enough for IPv4, too
  socklen_t address_size = 0;
};

// All of these are called with the driver held.

Client& at(std::uint32_t client);

// Takes charge of a connection that the kernel accepted.
void add(int fd, std::uint32_t listener, const sockaddr_in6& address, socklen_t size);

// Takes charge of a client that another process handed over.
void resume(const Client& client);

// Hands a complete client over. Returns false when there is no room; else end_here() must follow.
// The record stays behind: on its way the client has no holder, and whoever takes it makes another.
bool may_hand_over(std::uint32_t client, int give);
// Lets go of a client that was handed over.
void end_here(std::uint32_t client);

// Hands over the listener's clients that are not complete, as far as there is room.
void hand_over_waiting(std::uint32_t listener, int give);

// Ends the oldest client that waits. Returns false when there is none.
bool evict_oldest();

// Frees the slot of a client that was handed to the server.
void remove(std::uint32_t client);

// Ends all clients of a listener.
void end_all_of(std::uint32_t listener);

void on_event(std::uint32_t client, std::uint32_t events);
void on_timer();
void drop_after_fork();

}  // namespace wswrap::clients
