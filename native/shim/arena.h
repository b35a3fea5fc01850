// The records of all connections, in memory that every process of the tree shares.
//
// A connection may be read by one process and written by the next (`ncat -e /bin/sh`), so its state
// cannot live in any of them. A record has a fixed size and no pointers, and the same layout in
// 32-bit and 64-bit processes (hence the alignas(8): i386 would align such members to 4). It is
// found by the socket's SO_COOKIE, which the kernel never gives out twice. A less privileged
// process of the tree may have written anything into it: every field is checked when it is taken
// out, never trusted in place.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "codec/receiver.h"
#include "codec/sender.h"
#include "shim/config.h"
#include "shim/lifetime.h"
#include "shim/lock.h"
#include "shim/peer.h"

namespace wswrap::arena {

// Bits of Record::state.
enum State : std::uint32_t {
  client_closed = 1,  // the client's Close was taken from the stream
  close_sent = 2,     // our Close is on its way: nothing is sent after it
  write_shut = 4,     // the server called shutdown(SHUT_WR)
  read_shut = 8,      // the server called shutdown(SHUT_RD)
  broken = 16,      // the client broke the protocol: reads fail with ECONNRESET, writes with EPIPE
  pong_owed = 32,   // a ping could not be answered inside of an open frame
  close_owed = 64,  // a Close could not be sent inside of an open frame
  nonblocking = 256,  // a listener: the server wants O_NONBLOCK (the kernel's flag is always set)
  unwatched = 512,    // in an epoll that does not ask for input
  output_full = 128,  // a send found the kernel's buffer full since EPOLLOUT was last reported
  ended = 1024,       // the last holder left: whoever set this ends the connection
  crowded = 2048,     // it has or had holders in spare places (holders.h)
};

// Every idle connection pays for each byte: in this order there are no holes.
struct alignas(8) Record {
  std::uint32_t number = 0;  // for the log
  std::uint32_t state = 0;
  SharedLock receive_lock;
  SharedLock transmit_lock;
  // An errno that the kernel reported while bytes were still to be delivered.
  std::int32_t error = 0;
  std::uint32_t low_water = 0;  // SO_RCVLOWAT as the server set it, in payload bytes; 0: never set
  // Monotonic times: when a send last looked at what the client sent, and of the last heartbeat.
  alignas(8) std::int64_t looked_at = 0;
  alignas(8) std::int64_t pinged_at = 0;
  codec::Receiver receiver;
  alignas(8) std::array<std::uint64_t, 5> holders{};  // processes, see holders.cc
  std::uint32_t crowd = 0;        // holders for which there was not even a spare place
  std::uint32_t travelling = 0;   // descriptors in messages that nobody has received yet
  std::uint32_t departed_at = 0;  // when depart() was called last, as lifetime::now() tells it
  codec::Sender sender;
  Peer peer;                    // for the log
  std::uint16_t owed_code = 0;  // close_owed: the code of that Close
  std::uint8_t unanswered = 0;  // heartbeat pings without an answer
  codec::Flag drained = false;  // the last read took all that there was
};

static_assert(std::is_trivially_copyable_v<Record> && std::is_standard_layout_v<Record>);
static_assert(sizeof(Record) == 424);

inline constexpr std::uint32_t none = UINT32_MAX;

// Listeners have records of their own, so that connections cannot use them up.
inline constexpr std::uint32_t most_listeners = 1024;
inline constexpr std::uint32_t most_records = Config::most_connections + most_listeners;

// Maps the arena, inherited or new. False when there is no memory for it.
bool open();

// Maps the arena that a parent left in our descriptors, if there is one.
void adopt(int fd);

enum class Purpose { connection, listener };

// A fresh record for the socket, with this process as its only holder. Records of processes that
// are gone are found and given back on the way. `none` when all are in use, or as many connections
// are open as are allowed.
std::uint32_t allocate(std::uint64_t cookie, Purpose purpose);

// The record of a socket, or `none`.
std::uint32_t find(std::uint64_t cookie);

// `index` must come from allocate(), find() or the descriptor table.
Record& at(std::uint32_t index);

// Gives the record back. Only a holder may.
void release(std::uint32_t index);

// A place among the holders for a child to come, in place of its pid. Never the same twice: a child
// may come into being when its parent is making the next one.
std::uint32_t next_reservation();

// A process joins or leaves the holders of a record.
void join(std::uint32_t index, std::uint32_t pid);
// Returns true when no other living process holds the record. Only one process ever gets that
// answer; it still counts as a holder, until it calls release().
bool leave(std::uint32_t index, std::uint32_t pid);
// The same without leaving.
bool is_last(std::uint32_t index, std::uint32_t pid);
// Lets go of every record that a process is said to hold, for which `keeps` (by index) is false. A
// program that was just started by execve(2) calls this: descriptors that were close-on-exec are
// gone.
void leave_unless(std::uint32_t pid, bool (*keeps)(std::uint32_t index));
// A descriptor of the record is sent in a message (unix(7)), and is received (by a process that has
// joined already). In between nobody is the last holder.
void depart(std::uint32_t index);
void arrive(std::uint32_t index);
// Not 0 once any record had two holders at a time. In the arena, when there is one.
extern constinit std::uint32_t* company;
inline void note_company() { std::atomic_ref(*company).store(1, std::memory_order_relaxed); }
inline bool has_company() { return std::atomic_ref(*company).load(std::memory_order_relaxed) != 0; }

// True when another living process holds the record. Asked before every wait.
bool is_shared(std::uint32_t index);
// True when the process holds the record.
bool is_held_by(std::uint32_t index, std::uint32_t pid);
// True when a living process other than `except` holds the record.
bool is_held_by_others(std::uint32_t index, std::uint32_t except);
// True when any living process holds the record, or the record is on its way to one.
// `census` null: any process that has a holder's pid will do.
bool is_held(std::uint32_t index, lifetime::Census* census);
// Renames a holder (a child takes the place reserved for it).
void rename(std::uint32_t index, std::uint32_t from, std::uint32_t to);
// The same in all records; `to` 0: nobody takes the place.
void rename_everywhere(std::uint32_t from, std::uint32_t to);

// The cookies of two sockets; 0: there is none.
struct Ends {
  std::uint64_t give = 0;
  std::uint64_t take = 0;
};

// The ends of the way by which clients pass between the processes that share a listener, given the
// listener's record.
Ends& ends_of(std::uint32_t listener);

// Notes that the record is that of the only listener on the port with that place in config.ports.
void note_listener(std::size_t place, std::uint32_t index);
// True when a living process other than `except` listens on that port.
bool is_served(std::size_t place, std::uint32_t except);

// The next connection number of the tree.
std::uint32_t next_number();

// The socket's SO_COOKIE, 0 if the descriptor is no socket.
std::uint64_t cookie_of(int fd);

// A copy of what lies in a record. Read once: what is checked in the copy is what is used. (Without
// the fence the compiler might read the record again instead of the copy.)
template <typename T>
T copy_of(const T& shared) {
  alignas(T) std::array<std::byte, sizeof(T)> copy;
  std::memcpy(copy.data(), &shared, sizeof copy);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return std::bit_cast<T>(copy);
}

// The decoder's state, checked: one that no decoder was ever in is that of a broken connection.
inline codec::Receiver receiver_of(const Record& record) {
  codec::Receiver receiver = copy_of(record.receiver);
  if (!codec::is_plausible(receiver)) {
    receiver = {};
    receiver.phase = codec::Receiver::Phase::failed;
    receiver.close_code = codec::close_code::internal_error;
  }
  return receiver;
}

inline std::uint32_t state_of(Record& record) {
  return std::atomic_ref(record.state).load(std::memory_order_acquire);
}
// Sets bits and returns what was set before.
inline std::uint32_t set_state(Record& record, std::uint32_t bits) {
  return std::atomic_ref(record.state).fetch_or(bits, std::memory_order_acq_rel);
}
inline void clear_state(Record& record, std::uint32_t bits) {
  std::atomic_ref(record.state).fetch_and(~bits, std::memory_order_acq_rel);
}

}  // namespace wswrap::arena
