// WebSocket listeners: listening sockets whose local port is one of ours.
//
// Each has an eventfd that counts the clients whose handshake is complete. Wherever the server
// waits for its listener, the kernel waits for that eventfd in its place: level, edge, one-shot and
// exclusive readiness are then the kernel's own.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "shim/result.h"

namespace wswrap::listeners {

struct Listener {
  std::uint32_t references =
      0;  // descriptors of this process that stand for it; 0: the slot is free
  std::uint16_t port = 0;
  bool loopback = false;       // bound to a loopback address
  bool paused = false;         // taking clients is suspended until the server waits for them again
  bool sated = false;          // nothing is taken from the handover until nothing is complete here
  std::uint32_t epolls = 0;    // in how many of the server's epolls it is
  std::uint32_t waits = 0;     // how many threads wait for it in poll(2) or its kin
  std::uint32_t complete = 0;  // clients that wait for the server
  int error = 0;               // what taking a client failed with, for the next accept to report
  std::uint32_t record = 0;    // in the arena: what all processes of the tree must know of it
  int socket = -1;             // our own duplicate
  int give = -1;               // ends of the handover to processes that share the listener
  int take = -1;
  int ready = -1;           // the eventfd
  std::uint32_t first = 0;  // complete clients, oldest first: indices + 1, see clients.h
  std::uint32_t last = 0;
};

// Called when `fd` starts to listen, or was found listening. Makes it a WebSocket listener if its
// port is configured. Returns 0, or an errno if it should be one and cannot.
int adopt(int fd);

Listener& at(std::uint32_t index);

// The descriptor to wait for in place of a listener's own; -errno when it cannot be had. `fd` is
// any descriptor of the listener.
int readiness(std::uint32_t index, int fd);

// accept4(2).
Result accept(int fd, std::uint32_t index, sockaddr* address, socklen_t* size, int flags);

// O_NONBLOCK as the server knows it. The kernel's own flag is always set: a client that another
// process took first must not block us where the server did not ask to be blocked.
bool is_nonblocking(std::uint32_t index);
void set_nonblocking(std::uint32_t index, bool value);

void add_reference(std::uint32_t index);
// The server closed one of its descriptors of the listener.
void drop_reference(std::uint32_t index);

// The server put the listener into one of its epolls, or took it out.
void enter_epoll(std::uint32_t index);
void leave_epoll(std::uint32_t index);

// A thread begins or ends a wait for the listener other than in an epoll.
void begin_wait(std::uint32_t index);
void end_wait(std::uint32_t index);
// A thread is about to wait: clients of listeners that nobody here waits for are left to the other
// processes.
void leave_to_others();

// A client's handshake is complete.
void enqueue(std::uint32_t index, std::uint32_t client);

// True if a record in the arena is that of a listener of this process.
bool owns_record(std::uint32_t record);

void on_event(std::uint32_t index);
void on_handover(std::uint32_t index);
void drop_after_fork();

// A child that is about to be forked may be the one to accept what is complete here.
void share_before_fork();

// execve(2) by this process or a child of it: whether the program that is about to start inherits
// the listener with that record, and with it the clients that wait. `leaving`: this process ends by
// it.
void bequeath(std::uint32_t record, bool inherited, bool leaving);

// This process will not serve what still waits in it: hands it to those that share its listeners.
void share_all();

}  // namespace wswrap::listeners
