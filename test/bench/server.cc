// The server under test, in the four styles that servers are written in:
//
//   server blocking|poll|epoll-level|epoll-edge [PORT]     prints its port; serves until it is
//   killed
//
// It takes, makes or echoes bytes as the client orders (sockets.h).
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>

#include <array>
#include <csignal>
#include <string_view>
#include <thread>
#include <vector>

#include "buffer.h"
#include "session.h"

namespace bench {
namespace {

int listen_on(std::uint16_t port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = loopback(port);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0) fail("bind");
  if (::listen(listener, 1024) != 0) fail("listen");
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return listener;
}

// Accepts a client; -1 if none waits.
int accept_client(int listener, int flags) {
  const int fd = ::accept4(listener, nullptr, nullptr, flags);
  if (fd >= 0) set_no_delay(fd);
  if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED) fail("accept");
  return fd;
}

[[noreturn]] void serve_blocking(int listener) {
  for (;;) {
    const int fd = accept_client(listener, 0);
    if (fd < 0) continue;
    std::thread([fd] {
      const Buffer buffer(buffer_size);
      Session session(fd);
      while (session.step(buffer.data()) == Step::moved) {
      }
      ::close(fd);
    }).detach();
  }
}

[[noreturn]] void serve_poll(int listener) {
  const Buffer buffer(buffer_size);
  std::vector<pollfd> set{{.fd = listener, .events = POLLIN, .revents = 0}};
  std::vector<Session> sessions{Session(listener)};
  for (;;) {
    if (::poll(set.data(), set.size(), -1) < 0) {
      if (errno == EINTR) continue;
      fail("poll");
    }
    for (std::size_t i = set.size(); i-- > 1;) {
      if (set[i].revents == 0) continue;
      if (sessions[i].step(buffer.data()) == Step::over) {
        ::close(set[i].fd);
        set[i] = set.back();
        set.pop_back();
        sessions[i] = sessions.back();
        sessions.pop_back();
      } else {
        set[i].events = sessions[i].is_sending() ? POLLOUT : POLLIN;
      }
    }
    if (set[0].revents == 0) continue;
    const int fd = accept_client(listener, SOCK_NONBLOCK);
    if (fd < 0) continue;
    set.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    sessions.emplace_back(fd);
  }
}

void watch(int epfd, int operation, int fd, std::uint32_t events, void* data) {
  epoll_event event{.events = events, .data = {.ptr = data}};
  if (::epoll_ctl(epfd, operation, fd, &event) < 0) fail("epoll_ctl");
}

// One call for each event, or as many as there is something for. Returns false at the end.
bool serve_event(int epfd, Session& session, bool edge, char* buffer) {
  const bool was_sending = session.is_sending();
  Step step = session.step(buffer);
  while (edge && step == Step::moved) step = session.step(buffer);
  if (step == Step::over) return false;
  if (!edge && session.is_sending() != was_sending) {
    watch(epfd, EPOLL_CTL_MOD, session.fd(), was_sending ? EPOLLIN : EPOLLOUT, &session);
  }
  return true;
}

[[noreturn]] void serve_epoll(int listener, bool edge) {
  const Buffer buffer(buffer_size);
  const int epfd = ::epoll_create1(EPOLL_CLOEXEC);
  watch(epfd, EPOLL_CTL_ADD, listener, EPOLLIN, nullptr);
  std::array<epoll_event, 64> events{};
  for (;;) {
    const int ready = ::epoll_wait(epfd, events.data(), events.size(), -1);
    if (ready < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      auto* const session = static_cast<Session*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (session != nullptr) {
        if (serve_event(epfd, *session, edge, buffer.data())) continue;
        ::close(session->fd());
        delete session;
        continue;
      }
      const int fd = accept_client(listener, SOCK_NONBLOCK);
      if (fd < 0) continue;
      const std::uint32_t wanted = edge ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLIN;
      watch(epfd, EPOLL_CTL_ADD, fd, wanted, new Session(fd));
    }
  }
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  using namespace bench;
  const std::string_view style = count > 1 ? words[1] : "";
  const long port = count > 2 ? std::strtol(words[2], nullptr, 10) : 0;
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  const auto listen_here = [&] { return listen_on(static_cast<std::uint16_t>(port)); };
  if (style == "blocking") serve_blocking(listen_here());
  const auto listen_nonblocking = [&] {
    const int listener = listen_here();
    ::fcntl(listener, F_SETFL, O_NONBLOCK);
    return listener;
  };
  if (style == "poll") serve_poll(listen_nonblocking());
  if (style == "epoll-level") serve_epoll(listen_nonblocking(), false);
  if (style == "epoll-edge") serve_epoll(listen_nonblocking(), true);
  std::fputs("usage: server blocking|poll|epoll-level|epoll-edge [PORT]\n", stderr);
  return 2;
}
