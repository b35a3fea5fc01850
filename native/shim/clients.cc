#include "shim/clients.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "codec/handshake.h"
#include "shim/arena.h"
#include "shim/chores.h"
#include "shim/config.h"
#include "shim/driver.h"
#include "shim/fds.h"
#include "shim/handover.h"
#include "shim/listeners.h"
#include "shim/slots.h"
#include "shim/socket.h"
#include "shim/trace.h"

namespace wswrap::clients {
namespace {

using State = Client::State;

constinit Slots<Client, Config::most_pending> clients{};
constinit std::uint32_t waiting = 0;

// Edge-triggered: half a request must not wake anybody again.
constexpr std::uint32_t edge = EPOLLIN | EPOLLRDHUP | EPOLLET;

constexpr std::string_view policy_request = "<policy-file-request/>";
constexpr std::string_view policy_answer =
    "<cross-domain-policy><allow-access-from domain=\"*\" to-ports=\"*\" "
    "/></cross-domain-policy>\n";

constexpr std::array<std::string_view, 9> http_methods{
    "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "TRACE ", "CONNECT "};

void set_state(Client& client, State state) {
  if (client.state == State::waiting) --waiting;
  client.state = state;
  if (state == State::waiting) ++waiting;
}

// Lets go of the descriptor without closing it.
int detach(Client& client) {
  const int fd = client.fd;
  if (client.state == State::waiting && client.parked) driver::forget(fd);
  if (client.parked) fds::reset(fd);
  set_state(client, State::free);
  clients.give_back(client);
  return fd;
}

void end(Client& client) {
  const int fd = detach(client);
  sock::shutdown(fd, SHUT_RDWR);
  sock::close(fd);
}

void log_refusal(const Client& client, std::string_view reason) {
  if (!logs(LogLevel::info)) return;
  LogLine(client.address) << "refused: " << reason;
}

void answer(int fd, std::string_view text) {
  const iovec iov{const_cast<char*>(text.data()), text.size()};
  sock::send(fd, &iov, 1, 0);
}

// Refuses with an answer that must not be lost to a reset.
void refuse(Client& client, std::string_view text, std::string_view reason) {
  log_refusal(client, reason);
  const int fd = detach(client);
  answer(fd, text);
  chores::linger(fd, arena::none);
}

void drop(Client& client, std::string_view reason) {
  log_refusal(client, reason);
  end(client);
}

// Out of the way of the server's own descriptors until it takes the client.
void park(Client& client) {
  const int parked = fds::move_up(client.fd, fds::parking_base());
  if (parked >= 0) client.fd = parked;
  client.parked = true;
  fds::set(client.fd, fds::Entry::of(fds::Kind::internal, 0));
}

void finish(Client& client) {
  if (client.parked) {
    driver::forget(client.fd);
  } else {
    park(client);
  }
  set_state(client, State::complete);
  listeners::enqueue(client.listener, clients.number_of(client));
}

void pass_raw(Client& client) {
  client.raw = true;
  if (logs(LogLevel::info)) LogLine(client.address) << "passed through: not WebSocket";
  finish(client);
}

// Makes the record of a client whose handshake is over. Returns false when there is no room.
bool enroll(Client& client) {
  client.index = arena::allocate(arena::cookie_of(client.fd), arena::Purpose::connection);
  if (client.index == arena::none) return false;
  arena::Record& record = arena::at(client.index);
  record.number = client.session.number;
  record.peer = client.address;
  record.receiver.dialect = record.sender.dialect = client.session.dialect;
  record.receiver.encoding = record.sender.encoding = client.session.encoding;
  record.sender.text = config.text;
  return true;
}

void accept_handshake(Client& client, const codec::Handshake& handshake, std::string_view reply) {
  client.session = {
      .number = arena::next_number(), .dialect = handshake.dialect, .encoding = handshake.encoding};
  if (!enroll(client)) {
    return refuse(client,
                  "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                  "Retry-After: 1\r\nContent-Length: 0\r\n\r\n",
                  "too many connections");
  }
  sock::discard(client.fd, handshake.head_size);
  const iovec iov{const_cast<char*>(reply.data()), reply.size()};
  if (sock::send(client.fd, &iov, 1, 0) != static_cast<long>(reply.size())) {
    arena::release(client.index);
    return drop(client, "it went away during the handshake");
  }
  if (logs(LogLevel::info)) {
    LogLine line(client.session.number, client.address);
    line << "opened on port " << listeners::at(client.listener).port << ", path ";
    line.quoted(handshake.target) << ", subprotocol ";
    line.quoted(handshake.subprotocol);
    if (handshake.dialect == codec::Dialect::hixie) line << ", Hixie";
  }
  finish(client);
}

void on_http(Client& client, std::span<const char> head) {
  const codec::Policy policy{.origins = config.origins,
                             .hosts = config.hosts,
                             .path = config.path,
                             .subprotocol = config.subprotocol,
                             .loopback = listeners::at(client.listener).loopback,
                             .secure = false};
  std::array<char, codec::max_answer_size> reply;
  const codec::Handshake handshake = codec::negotiate(head, policy, reply);
  const std::string_view text(reply.data(), handshake.answer_size);
  switch (handshake.outcome) {
    case codec::Handshake::Outcome::partial:
      return;
    case codec::Handshake::Outcome::accepted:
      return accept_handshake(client, handshake, text);
    case codec::Handshake::Outcome::refused:
      return refuse(client, text, handshake.reason);
  }
}

bool begins_like(std::string_view head, std::string_view whole) {
  return head.starts_with(whole.substr(0, std::min(head.size(), whole.size())));
}

// The first bytes decide who is talking.
void examine(Client& client) {
  std::array<char, codec::max_head_size + 1> buffer;
  const long got = sock::peek(client.fd, buffer.data(), buffer.size());
  if (got == -EAGAIN) return;
  if (got <= 0) return end(client);
  const std::string_view head(buffer.data(), static_cast<std::size_t>(got));
  for (const std::string_view method : http_methods) {
    if (begins_like(head, method)) return on_http(client, {head.data(), head.size()});
  }
  if (config.allow_raw) return pass_raw(client);
  if (begins_like(head, policy_request)) {
    if (head.size() < policy_request.size()) return;
    return refuse(client, policy_answer, "a Flash policy request was answered");
  }
  const auto first = static_cast<unsigned char>(head.front());
  if (first == 0x16 || first == 0x80) {
    return drop(
        client,
        "the client speaks TLS, which a wrapped port does not: use ws:// instead of wss://, "
        "or put a TLS proxy in front");
  }
  refuse(client,
         "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n"
         "Content-Length: 36\r\n\r\nThis port speaks WebSocket, not TCP.",
         "neither HTTP nor WebSocket (--allow-raw lets such clients through)");
}

// The next moment at which something is due for a waiting client.
Nanoseconds due(const Client& client) {
  const Nanoseconds timeout = client.since + config.handshake_timeout;
  if (!config.allow_raw) return timeout;
  return std::min(timeout, client.since + config.raw_after);
}

bool is_silent(const Client& client) {
  char byte;
  return sock::peek(client.fd, &byte, 1) == -EAGAIN;
}

void on_due(Client& client, Nanoseconds now) {
  if (config.allow_raw && now >= client.since + config.raw_after && is_silent(client)) {
    return pass_raw(client);
  }
  if (now >= client.since + config.handshake_timeout) {
    return drop(client, "no complete handshake in time");
  }
  driver::wake_at(client.since + config.handshake_timeout);
}

}  // namespace

Client& at(std::uint32_t client) { return clients[client]; }

void add(int fd, std::uint32_t listener, const sockaddr_in6& address, socklen_t size) {
  Client client{};
  client.state = State::waiting;
  client.fd = fd;
  client.listener = listener;
  client.since = monotonic_now();
  client.address = address;
  client.address_size = size;
  if (logs(LogLevel::debug)) LogLine(client.address) << "connected";
  resume(client);
}

void resume(const Client& from) {
  if (waiting >= config.max_pending) evict_oldest();
  Client* const slot = clients.take();
  if (slot == nullptr) {
    sock::close(from.fd);
    return;
  }
  Client& client = *slot;
  client = from;
  client.state = State::free;
  client.parked = false;
  client.index = arena::none;
  set_state(client, State::waiting);
  if (from.state == State::complete) {
    if (!client.raw && !enroll(client)) return drop(client, "too many connections");
    return finish(client);
  }
  examine(client);
  if (client.state != State::waiting) return;
  park(client);
  driver::wake_at(due(client));
  if (!driver::watch(client.fd, driver::Source::client, clients.number_of(client), edge)) {
    drop(client, "it cannot be watched");
  }
}

bool may_hand_over(std::uint32_t number, int give) { return handover::put(give, at(number)); }

void end_here(std::uint32_t number) {
  Client& client = at(number);
  if (client.state == State::complete && client.index != arena::none) {
    arena::release(client.index);
  }
  sock::close(detach(client));
}

void hand_over_waiting(std::uint32_t listener, int give) {
  if (waiting == 0) return;
  for (Client& client : clients.known()) {
    if (client.state != State::waiting || client.listener != listener) continue;
    if (!handover::put(give, client)) return;
    end_here(clients.number_of(client));
  }
}

bool evict_oldest() {
  Client* oldest = nullptr;
  for (Client& client : clients.known()) {
    if (client.state != State::waiting) continue;
    if (oldest == nullptr || client.since < oldest->since) oldest = &client;
  }
  if (oldest == nullptr) return false;
  drop(*oldest, "too many unfinished handshakes");
  return true;
}

void remove(std::uint32_t number) { detach(at(number)); }

void end_all_of(std::uint32_t listener) {
  for (Client& client : clients.known()) {
    if (client.state == State::free || client.listener != listener) continue;
    if (client.state == State::complete && client.index != arena::none)
      arena::release(client.index);
    end(client);
  }
}

void on_event(std::uint32_t number, std::uint32_t events) {
  Client& client = at(number);
  if (client.state != State::waiting) return;
  examine(client);
  // Half a request that nothing can follow any more.
  const bool over = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  if (over && client.state == State::waiting) drop(client, "it left before its handshake");
}

void on_timer() {
  if (waiting == 0) return;
  const Nanoseconds now = monotonic_now();
  for (Client& client : clients.known()) {
    if (client.state != State::waiting) continue;
    if (due(client) <= now) {
      on_due(client, now);
    } else {
      driver::wake_at(due(client));
    }
  }
}

void drop_after_fork() {
  for (Client& client : clients.known()) {
    if (client.state == State::free) continue;
    if (client.parked) fds::reset(client.fd);
    sock::close(client.fd);
    client = {};
  }
  clients.clear();
  waiting = 0;
}

}  // namespace wswrap::clients
