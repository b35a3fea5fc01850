// Sending: headers are laid around the caller's memory and leave with it in one call.
#include <poll.h>
#include <unistd.h>

#include <array>

#include "codec/receiver.h"
#include "codec/segments.h"
#include "codec/sender.h"
#include "shim/chores.h"
#include "shim/connection.h"
#include "shim/driver.h"
#include "shim/patience.h"
#include "shim/socket.h"
#include "shim/trace.h"

namespace wswrap::connection {
namespace {

using arena::Record;
using codec::Plan;
using codec::Sender;

// Payload that is copied to stand behind its header.
constexpr std::size_t most_short = 1024;

constexpr int passed_flags = MSG_MORE | MSG_DONTROUTE | MSG_CONFIRM;

void log_output(const Record& record, std::size_t wire, std::size_t payload, std::size_t asked) {
  if (!logs(LogLevel::trace)) return;
  LogLine(record.number, record.peer)
      << (payload == asked ? "< " : "<. ") << payload << " (" << wire << " on the wire)";
}

// Another process of the tree may have garbled the record: then nothing sensible can be sent.
bool load(const Record& record, Sender& sender) {
  sender = arena::copy_of(record.sender);
  return codec::is_plausible(sender);
}

// Sends what is pending. Runs with the transmit lock held. Returns false if bytes are left over.
bool flush(int fd, Sender& sender) {
  if (sender.pending_size == 0) return true;
  Plan plan;
  codec::plan(sender, {}, plan);
  const long taken = sock::send(fd, plan.iov.data(), plan.count, 0);
  if (taken > 0) codec::commit(sender, plan, static_cast<std::size_t>(taken));
  return sender.pending_size == 0 || (taken < 0 && taken != -EAGAIN);
}

// What one attempt came to.
struct Outcome {
  std::size_t written = 0;
  std::size_t wire = 0;
  int error = 0;           // EAGAIN: the send buffer is full
  bool full = false;       // the kernel took less than was offered
  bool tail = false;       // the end of something that was counted as written is still here
  bool over = false;       // there is nothing more to be moved
  bool signalled = false;  // the kernel raised SIGPIPE by itself
};

// What must hold before anything is sent, with the transmit lock held. Returns 0 or an errno.
int prepare(const Handle& handle, Record& record, Sender& sender) {
  if (!is_current(handle)) return EBADF;
  if (!load(record, sender)) return EPIPE;
  const bool shut = (arena::state_of(record) & (arena::close_sent | arena::write_shut)) != 0;
  // The state may not know of a Close that is queued.
  return shut || sender.close_queued ? EPIPE : 0;
}

// Tells what came of a send of what was laid out, of which the kernel took `taken` bytes, or
// -errno.
void account(Record& record, Sender& sender, const Plan& plan, long taken, Outcome& outcome) {
  if (taken == -EAGAIN) arena::set_state(record, arena::output_full);
  if (taken < 0) {
    outcome.error = static_cast<int>(-taken);
    return;
  }
  const auto size = static_cast<std::size_t>(taken);
  outcome.written = codec::commit(sender, plan, size);
  outcome.wire = size;
  outcome.full = size < plan.wire_size;
  if (outcome.full) arena::set_state(record, arena::output_full);
  outcome.tail = sender.pending_size != 0;
}

// Sends a short message with its header in one piece of memory, which costs the kernel less than
// two. Returns true if it has left whole: then nothing is to be accounted for.
bool send_short(int fd, const codec::Segments& payload, std::size_t size, int flags, long& taken) {
  std::array<std::byte, codec::max_server_header + most_short> wire;
  const std::size_t header = codec::write_header(codec::Opcode::binary, true, size,
                                                 std::span(wire).first<codec::max_server_header>());
  codec::gather(payload, std::span(wire).subspan(header, size));
  const iovec whole{wire.data(), header + size};
  taken = sock::send(fd, &whole, 1, flags & passed_flags);
  return taken == static_cast<long>(whole.iov_len);
}

Outcome attempt(const Handle& handle, Record& record, const codec::Segments& payload,
                std::size_t left, int flags) {
  Hold hold(record.transmit_lock);
  // A signal handler that interrupted this very call must not wait for it.
  if (!hold) return {.error = EINTR};
  Sender sender;
  if (const int error = prepare(handle, record, sender); error != 0) return {.error = error};
  Outcome outcome;
  long taken = 0;
  const bool is_short = left <= most_short && codec::is_simple(sender, left);
  if (is_short && send_short(handle.fd, payload, left, flags, taken)) {
    outcome.written = left;
    outcome.wire = static_cast<std::size_t>(taken);
  } else {
    std::array<iovec, Plan::max_iov> iov;
    const std::size_t count = payload.list(iov, left);
    Plan plan;
    codec::plan(sender, std::span(iov).first(count), plan);
    if (!is_short) taken = sock::send(handle.fd, plan.iov.data(), plan.count, flags & passed_flags);
    account(record, sender, plan, taken, outcome);
    if (outcome.error != 0) return outcome;
    record.sender = sender;
  }
  log_output(record, outcome.wire, outcome.written, left);
  return outcome;
}

// How much the kernel takes in any case without waiting. A moving call has no MSG_DONTWAIT, and no
// lock may be held by who waits.
std::size_t certain_room(int fd) {
  std::array<std::uint32_t, kernel::meminfo_size> memory{};
  socklen_t size = sizeof memory;
  if (kernel::invoke(SYS_getsockopt, fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &size) < 0)
    return 0;
  const std::uint32_t used = memory[kernel::meminfo_queued];
  const std::uint32_t most = memory[kernel::meminfo_sndbuf];
  // The kernel's own bookkeeping takes its share.
  return used < most ? (most - used) / 2 : 0;
}

Outcome attempt_moved(const Handle& handle, Record& record, std::size_t left, const Mover& mover,
                      bool may_block) {
  const Hold hold(record.transmit_lock);
  if (!hold) return {.error = EINTR};
  Sender sender;
  if (const int error = prepare(handle, record, sender); error != 0) return {.error = error};
  const std::size_t room = may_block ? certain_room(handle.fd) : codec::max_frame;
  if (room == 0) {
    arena::set_state(record, arena::output_full);
    return {.error = EAGAIN};
  }
  Outcome outcome;
  Plan plan;
  codec::plan_header(sender, left, plan);
  if (plan.wire_size != 0) {
    const long taken = sock::send(handle.fd, plan.iov.data(), plan.count, MSG_MORE);
    account(record, sender, plan, taken, outcome);
    if (outcome.error != 0) return outcome;
  }
  if (!outcome.full) {
    const std::size_t most = std::min<std::size_t>({left, sender.promised, room});
    const long moved = mover.move(mover.context, handle.fd, most);
    if (moved == -EAGAIN) arena::set_state(record, arena::output_full);
    if (moved < 0) outcome.error = static_cast<int>(-moved);
    outcome.signalled = moved == -EPIPE;
    outcome.over = moved == 0;
    outcome.written = moved > 0 ? static_cast<std::size_t>(moved) : 0;
    sender.promised -= static_cast<std::uint32_t>(outcome.written);
  }
  record.sender = sender;
  log_output(record, outcome.wire + outcome.written, outcome.written, left);
  return outcome;
}

// What a control frame had to wait for has passed.
void settle_if_owed(const Handle& handle, Record& record) {
  if ((arena::state_of(record) & (arena::pong_owed | arena::close_owed)) != 0) settle(handle);
}

// Sends the rest of a control frame, and what is owed if possible. Returns false if bytes are left
// over.
bool send_owed(const Handle& handle, Record& record) {
  const int fd = handle.fd;
  const Hold receiving(record.receive_lock);
  if (!receiving) return false;
  const Hold sending(record.transmit_lock);
  Sender sender;
  if (!sending) return false;
  if (!is_current(handle)) return true;
  if (!load(record, sender)) return true;
  bool settled = flush(fd, sender);
  const bool pong = (arena::state_of(record) & arena::pong_owed) != 0;
  if (settled && pong && codec::at_boundary(sender)) {
    codec::Receiver& receiver = record.receiver;
    const std::size_t size = std::min<std::size_t>(receiver.control_size, receiver.control.size());
    codec::queue_control(sender, codec::Opcode::pong,
                         std::as_bytes(std::span(receiver.control)).first(size));
    receiver.ping_waiting = false;
    arena::clear_state(record, arena::pong_owed);
    settled = flush(fd, sender);
    if (logs(LogLevel::debug)) LogLine(record.number, record.peer) << "pong, " << size << " bytes";
  }
  const bool close = (arena::state_of(record) & arena::close_owed) != 0;
  if (settled && close && codec::queue_close(sender, record.owed_code, {})) {
    arena::clear_state(record, arena::close_owed);
    settled = flush(fd, sender);
  }
  record.sender = sender;
  return settled;
}

// A server that only writes still has to answer pings and to see the client's Close: now and then a
// send looks at what has come.
void look_behind(int fd, std::uint32_t index, Record& record) {
  constexpr auto now_and_then = static_cast<std::uint64_t>(milliseconds(1000));
  std::atomic_ref looked_at(record.looked_at);
  const Nanoseconds now = coarse_now();
  if (elapsed(looked_at.load(std::memory_order_relaxed), now) < now_and_then) return;
  looked_at.store(now, std::memory_order_relaxed);
  readiness(fd, index, false);
}

// Waits for room in the send buffer. Returns 0, or the errno with which the call ends.
int wait_for_room(int fd, Patience& patience) {
  if (!patience.has_started() && sock::is_nonblocking(fd)) return EAGAIN;
  return patience.wait(fd, POLLOUT, driver::is_busy());
}

Result failure(int error, int flags) {
  if (error == EPIPE && (flags & MSG_NOSIGNAL) == 0) raise_sigpipe();
  return Result::fail(error);
}

// Makes attempts until all `size` bytes are sent, or no more can be.
template <typename Attempt>
Result transmit_all(const Handle& handle, Record& record, std::size_t size, int flags,
                    Attempt make_attempt) {
  Patience patience(handle.fd, SO_SNDTIMEO);
  look_behind(handle.fd, handle.index, record);
  std::size_t written = 0;
  for (;;) {
    const Outcome outcome = make_attempt(size - written);
    if (outcome.error == ENOTSOCK) return Result::not_ours();
    written += outcome.written;
    settle_if_owed(handle, record);
    // The server may never write again.
    if (outcome.tail) chores::watch_output(handle);
    if (written == size || outcome.over) return Result::ok(static_cast<long>(written));
    if (outcome.error != 0 && outcome.error != EAGAIN) {
      if (written > 0) return Result::ok(static_cast<long>(written));
      return outcome.signalled ? Result::fail(outcome.error) : failure(outcome.error, flags);
    }
    if (outcome.error == 0 && !outcome.full) continue;
    const int error = (flags & MSG_DONTWAIT) != 0 ? EAGAIN : wait_for_room(handle.fd, patience);
    if (error != 0) return Result::partial(written, error);
  }
}

}  // namespace

void raise_sigpipe() {
  kernel::invoke(SYS_tgkill, kernel::call(SYS_getpid), kernel::call(SYS_gettid), SIGPIPE);
}

bool was_full(std::uint32_t index) {
  Record& record = arena::at(index);
  // A send that is just finding the buffer full is waited for.
  const Hold hold(record.transmit_lock);
  if ((arena::state_of(record) & arena::output_full) == 0) return false;
  arena::clear_state(record, arena::output_full);
  return true;
}

Result transmit(int fd, std::uint32_t index, std::span<const iovec> iov, int flags) {
  if ((flags & MSG_OOB) != 0) return Result::fail(EINVAL);
  Record& record = arena::at(index);
  const std::size_t size = std::min<std::size_t>(codec::total_size(iov), 0x7ffff000);
  if (size == 0) {
    const bool shut = (arena::state_of(record) & (arena::close_sent | arena::write_shut)) != 0;
    return shut ? failure(EPIPE, flags) : Result::ok(0);
  }
  const Handle handle = handle_of(fd, index);
  codec::Segments payload(iov);
  return transmit_all(handle, record, size, flags, [&](std::size_t left) {
    const Outcome outcome = attempt(handle, record, payload, left, flags);
    payload.advance(outcome.written);
    return outcome;
  });
}

bool sends_unchanged(std::uint32_t index) {
  const Sender& sender = arena::at(index).sender;
  return sender.encoding == codec::Encoding::binary && !sender.text;
}

Result transmit_moved(int fd, std::uint32_t index, std::size_t size, const Mover& mover,
                      int flags) {
  Record& record = arena::at(index);
  const Handle handle = handle_of(fd, index);
  const bool may_block = !sock::is_nonblocking(fd);
  return transmit_all(handle, record, size, flags, [&](std::size_t left) {
    return attempt_moved(handle, record, left, mover, may_block);
  });
}

bool settle(const Handle& handle) {
  Record& record = arena::at(handle.index);
  const bool settled = send_owed(handle, record);
  // Without the record's locks: the driver is taken before them, never after.
  if (!settled) chores::watch_output(handle);
  // An open frame is the server's to finish; a pong waits for that.
  return settled && (arena::state_of(record) & arena::pong_owed) == 0;
}

bool say_close(const Handle& handle, std::uint16_t code) {
  const int fd = handle.fd;
  Record& record = arena::at(handle.index);
  const Hold receiving(record.receive_lock);
  const Hold sending(record.transmit_lock);
  if (!receiving || !sending) return false;
  if (!is_current(handle)) return true;
  Sender sender;
  if (!load(record, sender)) return true;
  if (sender.close_queued) {
    const bool left = flush(fd, sender);
    record.sender = sender;
    return left;
  }
  const codec::Receiver& receiver = record.receiver;
  const bool answering = receiver.phase == codec::Receiver::Phase::closed;
  if (code == 0) code = answering ? receiver.close_code : codec::close_code::normal;
  const bool flushed = flush(fd, sender);
  if (!flushed && sender.promised == 0) {
    record.owed_code = code;
    arena::set_state(record, arena::close_sent | arena::close_owed);
    record.sender = sender;
    return false;
  }
  // A frame that stays open for ever: the end of the stream has to say it.
  if (!codec::queue_close(sender, code, {})) {
    record.sender = sender;
    return true;
  }
  arena::set_state(record, arena::close_sent);
  const bool left = flush(fd, sender);
  record.sender = sender;
  if (logs(LogLevel::debug))
    LogLine(record.number, record.peer) << "Close " << code << (left ? " sent" : " queued");
  return left;
}

void ping(const Handle& handle) {
  const int fd = handle.fd;
  Record& record = arena::at(handle.index);
  const Hold hold(record.transmit_lock);
  if (!hold || !is_current(handle)) return;
  Sender sender;
  if (!load(record, sender)) return;
  if (sender.dialect == codec::Dialect::hixie) return;
  if (!codec::queue_control(sender, codec::Opcode::ping, {})) return;
  flush(fd, sender);
  record.sender = sender;
}

Result shut(int fd, std::uint32_t index, int how) {
  Record& record = arena::at(index);
  const Handle handle = handle_of(fd, index);
  if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return Result::fail(EINVAL);
  if (how != SHUT_WR) arena::set_state(record, arena::read_shut);
  if (how != SHUT_RD) {
    const bool first = (arena::set_state(record, arena::write_shut) & arena::write_shut) == 0;
    if (first && !say_close(handle, 0)) chores::watch_output(handle);
  }
  const std::uint32_t state = arena::state_of(record);
  const bool both_closed = (state & arena::client_closed) != 0 && (state & arena::close_sent) != 0;
  // After our Close the stream stays open for the client's: its FIN would be premature.
  if (how == SHUT_WR && !both_closed && (state & arena::close_sent) != 0) return Result::ok(0);
  const long failed = sock::shutdown(fd, both_closed || how == SHUT_RDWR ? SHUT_RDWR : how);
  if (failed == -ENOTSOCK) return Result::not_ours();
  return failed < 0 ? Result::fail(static_cast<int>(-failed)) : Result::ok(0);
}

}  // namespace wswrap::connection
