// Receiving: wire bytes go into the caller's memory and are decoded there.
#include <poll.h>

#include <array>

#include "codec/receiver.h"
#include "codec/segments.h"
#include "shim/chores.h"
#include "shim/confined.h"
#include "shim/connection.h"
#include "shim/driver.h"
#include "shim/fds.h"
#include "shim/libc.h"
#include "shim/patience.h"
#include "shim/references.h"
#include "shim/socket.h"
#include "shim/trace.h"

namespace wswrap::connection {
namespace {

using arena::Record;
using codec::Receiver;

// What overhead_ahead() may ask for: a control payload and the smallest header.
constexpr std::size_t overhead_room = 131;
constexpr std::size_t max_iov = 64;
// From here on a read has room for headers besides the payload that it is likely to meet.
constexpr std::size_t much_room = 1024;

// Frames without payload are looked at in pieces of that size, and no call spends its time on more
// than that many bytes of them: a flood must not hold a server that asked not to be blocked.
constexpr std::size_t junk_room = 8192;
constexpr std::size_t most_junk = 1048576;

// A peek takes nothing, so the headers within what it shows take room from it: so much more is
// looked at, which is enough for a thousand frames.
constexpr std::size_t peek_room = 8192;

// Nothing more will be received.
constexpr std::uint32_t over = arena::client_closed | arena::broken | arena::read_shut;

void log_input(const Record& record, std::size_t wire, std::size_t payload) {
  if (!logs(LogLevel::trace)) return;
  LogLine(record.number, record.peer)
      << (payload > 0 ? "} " : "}. ") << payload << " (" << wire << " on the wire)";
}

// One attempt to fill the caller's memory without blocking.
class Intake {
 public:
  enum class End { filled, drained, closed, failed };

  Intake(int fd, Record& record, codec::Segments room, bool peek)
      : fd_(fd), record_(record), room_(room), peek_(peek), receiver_(arena::receiver_of(record)) {}

  // Runs with the receive lock held.
  End run(std::size_t wanted) {
    if (peek_) return look(wanted);
    End end = step(wanted);
    while (end == End::filled && taken_ < wanted && may_go_on()) {
      if (taken_ == 0 && can_peek_) end = swallow();
      if (end == End::filled) end = step(wanted - taken_);
    }
    commit();
    record_.drained = end == End::drained;
    return end;
  }

  std::size_t taken() const { return taken_; }
  int error() const { return error_; }

 private:
  End step(std::size_t wanted) {
    if (receiver_.phase == Receiver::Phase::closed) return End::closed;
    if (receiver_.phase == Receiver::Phase::failed) return End::failed;
    std::array<std::byte, overhead_room> overhead;
    std::array<iovec, max_iov> iov;
    iov[0] = {overhead.data(), codec::overhead_ahead(receiver_)};
    // Much room takes the header, too: what comes after it moves down.
    const bool apart = iov[0].iov_len > 0 && (room_.front().size() < much_room || !can_peek_);
    const std::size_t skip = apart ? 0 : 1;
    const std::size_t count = 1 + room_.list(std::span(iov).subspan(1), wanted);
    std::span<const iovec> asked(iov.data() + skip, count - skip);
    if (!confined::can_scatter()) asked = asked.first(1);
    const long got = fetch(asked);
    if (got <= 0) return nothing(got);
    const std::size_t consumed = decode(asked, static_cast<std::size_t>(got));
    if (taken_ == 0) junk_ += consumed;
    // A read that has blocked says nothing about what is left. If nothing was payload, the server
    // learns what comes next: that may be an error.
    const bool all = can_poll_ && static_cast<std::size_t>(got) < codec::total_size(asked);
    return judge((all && taken_ > 0) || junk_ >= most_junk);
  }

  // MSG_PEEK: only what is in front of the payload goes for good.
  End look(std::size_t wanted) {
    const End end = swallow();
    commit();
    if (end != End::filled) return end;
    std::array<std::byte, peek_room> behind;
    std::array<iovec, max_iov> iov;
    const std::size_t count = room_.list(std::span(iov).first(max_iov - 1), wanted);
    iov[count] = {behind.data(), behind.size()};
    const std::span<const iovec> asked(iov.data(), count + 1);
    const long got = sock::receive(fd_, asked.data(), asked.size(), MSG_PEEK);
    if (got <= 0) return nothing(got);
    decode(asked, static_cast<std::size_t>(got));
    return judge(false);
  }

  // Takes the frames without payload that are at the front, in bulk.
  End swallow() {
    std::array<std::byte, junk_room> wire;
    const long got = sock::peek(fd_, wire.data(), wire.size());
    if (got <= 0) return nothing(got);
    const auto bytes = std::span(wire).first(static_cast<std::size_t>(got));
    const std::size_t consumed = codec::decode(receiver_, bytes, {}).consumed;
    sock::discard(fd_, consumed);
    junk_ += consumed;
    log_input(record_, consumed, 0);
    return judge(junk_ >= most_junk);
  }

  long fetch(std::span<const iovec> asked) const {
    if (!can_poll_) return confined::receive_blocking(fd_, asked.front());
    return sock::receive(fd_, asked.data(), asked.size(), 0);
  }

  // The next step may block where nothing can be waited for: not when there is something to tell.
  bool may_go_on() const { return can_poll_ || (taken_ == 0 && !receiver_.ping_waiting); }

  End nothing(long got) {
    if (got == -EAGAIN) return End::drained;
    if (got == 0) return End::closed;
    error_ = static_cast<int>(-got);
    return End::failed;
  }

  End judge(bool drained) const {
    if (receiver_.phase == Receiver::Phase::closed) return End::closed;
    if (receiver_.phase == Receiver::Phase::failed) return End::failed;
    return drained ? End::drained : End::filled;
  }

  std::size_t decode(std::span<const iovec> asked, std::size_t got) {
    std::size_t consumed = 0;
    const std::size_t before = taken_;
    for (const iovec& part : asked) {
      std::span<const std::byte> in(static_cast<const std::byte*>(part.iov_base),
                                    std::min(part.iov_len, got - consumed));
      while (!in.empty()) {
        const codec::Decoded done = codec::decode(receiver_, in, room_.front());
        if (done.consumed == 0 && done.produced == 0) return consumed;
        in = in.subspan(done.consumed);
        consumed += done.consumed;
        taken_ += done.produced;
        room_.advance(done.produced);
      }
      if (consumed == got) break;
    }
    log_input(record_, consumed, taken_ - before);
    return consumed;
  }

  void commit() {
    record_.receiver = receiver_;
    if (receiver_.ping_waiting) arena::set_state(record_, arena::pong_owed);
  }

  int fd_;
  Record& record_;
  codec::Segments room_;
  bool peek_;
  const bool can_peek_ = confined::can_peek();
  const bool can_poll_ = confined::can_poll();
  Receiver receiver_;
  std::size_t taken_ = 0;
  std::size_t junk_ = 0;
  int error_ = 0;
};

// The client's Close was taken from the stream: from now on the kernel itself reports the socket as
// readable and at its end, so that no readiness call needs to know.
void on_client_close(const Handle& handle, Record& record) {
  {
    const Hold hold(record.receive_lock);
    if (!is_current(handle)) return;
    const std::uint32_t before = arena::set_state(record, arena::client_closed);
    if ((before & arena::client_closed) != 0) return;
    if (logs(LogLevel::debug)) {
      LogLine(record.number, record.peer) << "client closes, code " << record.receiver.close_code;
    }
    const bool ours_is_out = (before & arena::close_sent) != 0;
    sock::shutdown(handle.fd, ours_is_out ? SHUT_RDWR : SHUT_RD);
    if (ours_is_out) return;
  }
  chores::expect_close(handle);
}

// The client broke the protocol: it is told why and nothing more is exchanged.
void on_violation(const Handle& handle, Record& record) {
  {
    const Hold hold(record.receive_lock);
    if (!is_current(handle)) return;
    if ((arena::set_state(record, arena::broken) & arena::broken) != 0) return;
    std::atomic_ref(record.error).store(ECONNRESET);
    if (logs(LogLevel::info)) {
      LogLine(record.number, record.peer)
          << "closed: the client broke the protocol: " << codec::failure_text(record.receiver)
          << ", code " << record.receiver.close_code;
    }
  }
  say_close(handle, record.receiver.close_code);
  const Hold hold(record.receive_lock);
  if (is_current(handle)) sock::shutdown(handle.fd, SHUT_RDWR);
}

// Acts on what decoding found. Called without the receive lock.
void react(const Handle& handle, Record& record, const Receiver::Phase phase) {
  if ((arena::state_of(record) & (arena::pong_owed | arena::close_owed)) != 0) settle(handle);
  if (phase == Receiver::Phase::closed) on_client_close(handle, record);
  if (phase == Receiver::Phase::failed) on_violation(handle, record);
}

// What the kernel reports of a connection, rather than of a call.
bool is_of_connection(int error) {
  switch (error) {
    case ECONNABORTED:
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETUNREACH:
    case EPIPE:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

bool has_ended(const Receiver& receiver) {
  return receiver.phase == Receiver::Phase::closed || receiver.phase == Receiver::Phase::failed;
}

// Another process may have left any number there, and some would tell the server about itself.
int take_error(Record& record) {
  const int error = std::atomic_ref(record.error).exchange(0);
  return error == 0 || is_of_connection(error) ? error : ECONNRESET;
}

// What one attempt came to.
struct Outcome {
  std::size_t taken = 0;
  int error = 0;     // EAGAIN: nothing there yet
  bool end = false;  // EOF
};

Outcome attempt(const Handle& handle, codec::Segments room, std::size_t wanted, bool peek) {
  Record& record = arena::at(handle.index);
  Receiver::Phase phase;
  Outcome outcome;
  {
    Hold hold(record.receive_lock);
    // A signal handler that interrupted this very call must not wait for it.
    if (!hold) return {.error = EINTR};
    if (!is_current(handle)) return {.error = EBADF};
    if (const int error = take_error(record); error != 0) return {.error = error};
    if ((arena::state_of(record) & over) != 0) return {.end = true};
    Intake intake(handle.fd, record, room, peek);
    const Intake::End end = intake.run(wanted);
    phase = peek ? Receiver::Phase::header : record.receiver.phase;
    outcome.taken = intake.taken();
    outcome.error = intake.error();
    outcome.end = end == Intake::End::closed;
    if (outcome.taken == 0 && outcome.error == 0 && end == Intake::End::drained) {
      outcome.error = EAGAIN;
    }
    if (peek && end == Intake::End::failed && outcome.error == 0) outcome.error = ECONNRESET;
    if (outcome.taken > 0 && outcome.error != 0) {
      keep_error(record, outcome.error);
      outcome.error = 0;
    }
  }
  if (!peek) react(handle, record, phase);
  if (phase == Receiver::Phase::failed && outcome.taken == 0 && outcome.error == 0) {
    outcome.error = take_error(record);
  }
  return outcome;
}

// Waits for input the way the kernel would in a blocking recv(2). Returns 0, or the errno with
// which the call ends.
class WaitForInput {
 public:
  explicit WaitForInput(const Handle& handle)
      : handle_(handle), patience_(handle.fd, SO_RCVTIMEO) {}

  // Whether the kernel can do all of the waiting.
  static bool can_wait_in_kernel() {
    return confined::can_poll() && confined::can_peek() && !driver::is_busy();
  }

  int run() {
    // Without poll(2) the read itself has waited.
    if (!confined::can_poll()) return EAGAIN;
    if (!patience_.has_started() && can_wait_in_kernel()) {
      patience_.start();
      return wait_in_kernel();
    }
    if (sock::is_nonblocking(handle_.fd)) return EAGAIN;
    return patience_.wait(handle_.fd, POLLIN, driver::is_busy());
  }

  // For a peek that has not seen enough: waits for more than is there. Returns 0, or the errno with
  // which the call ends, EAGAIN also at the end of the stream.
  int run_for_more() {
    if (sock::is_nonblocking(handle_.fd)) return EAGAIN;
    const KeepErrno keep;
    const long more = sock::unread(handle_.fd) + 1;
    const long seen = libc.recv(handle_.fd, nullptr, static_cast<std::size_t>(more),
                                MSG_PEEK | MSG_TRUNC | MSG_WAITALL);
    if (seen < 0) return errno;
    return seen < more ? EAGAIN : 0;
  }

 private:
  // Keeps O_NONBLOCK, SO_RCVTIMEO, SA_RESTART and cancellation as they are without us.
  int wait_in_kernel() {
    const KeepErrno keep;
    char byte;
    if (libc.recv(handle_.fd, &byte, 1, MSG_PEEK) >= 0) return 0;
    if (errno == EAGAIN || errno == EINTR || errno == EBADF) return errno;
    // The next attempt finds out by itself what the number stands for now.
    if (errno == ENOTSOCK) return 0;
    // Looking took the error away from the socket: the next attempt finds it.
    Record& record = arena::at(handle_.index);
    const Hold hold(record.receive_lock);
    if (is_current(handle_)) keep_error(record, errno);
    return 0;
  }

  Handle handle_;
  Patience patience_;
};

struct AtHand {
  std::size_t payload;  // never more than is there, which is what callers rely on
  bool all;             // nor less
  bool ended;           // the client's Close, or a violation, is behind it
};

// How many payload bytes lie within one look at the stream, and in a frame that goes on behind it.
AtHand payload_at_hand(int fd, Receiver ahead, std::size_t unread) {
  std::array<std::byte, junk_room> wire;
  const long got = sock::peek(fd, wire.data(), wire.size());
  if (got <= 0) return {.payload = 0, .all = true, .ended = false};
  const auto bytes = std::span(wire).first(static_cast<std::size_t>(got));
  const std::size_t payload = codec::decode(ahead, bytes, bytes).produced;
  const bool ended = has_ended(ahead);
  if (unread <= bytes.size()) return {.payload = payload, .all = true, .ended = ended};
  const std::size_t behind = unread - bytes.size();
  if (!codec::payload_ahead(ahead)) return {.payload = payload, .all = false, .ended = ended};
  if (behind <= ahead.remaining) return {.payload = payload + behind, .all = true, .ended = false};
  return {
      .payload = payload + static_cast<std::size_t>(ahead.remaining), .all = false, .ended = false};
}

// What a peek that only counts tells: `seen` bytes at least.
Result count_ahead(int fd, std::uint32_t index, std::size_t size, std::size_t seen) {
  bool all = true;
  const Result ahead = available(fd, index, all);
  const std::size_t count = std::max(seen, static_cast<std::size_t>(ahead.value));
  return Result::ok(static_cast<long>(std::min(size, count)));
}

// Whether the last read took all that there was, nothing was reported since, and whoever waits for
// more can leave that to the kernel.
bool was_drained(Record& record) {
  return std::atomic_ref(record.drained).load(std::memory_order_relaxed) &&
         std::atomic_ref(record.error).load(std::memory_order_relaxed) == 0 &&
         WaitForInput::can_wait_in_kernel();
}

// recv(2) with MSG_TRUNC discards: the caller's memory is not touched.
Result receive_and_discard(int fd, std::uint32_t index, std::size_t size, int flags) {
  std::array<std::byte, 4096> waste;
  std::size_t dropped = 0;
  for (;;) {
    const iovec iov{waste.data(), std::min(size - dropped, waste.size())};
    const Result result = receive(fd, index, {&iov, 1}, flags & ~MSG_TRUNC);
    if (result.error != 0) return Result::partial(dropped, result.error);
    dropped += static_cast<std::size_t>(result.value);
    // A peek shows the same bytes again.
    if (dropped > 0 && (flags & MSG_PEEK) != 0) return count_ahead(fd, index, size, dropped);
    if (dropped == size) break;
    if (static_cast<std::size_t>(result.value) < iov.iov_len) break;
    if ((flags & MSG_WAITALL) == 0) flags |= MSG_DONTWAIT;
  }
  return Result::ok(static_cast<long>(dropped));
}

}  // namespace

void keep_error(arena::Record& record, int error) {
  if (is_of_connection(error)) std::atomic_ref(record.error).store(error);
}

Handle handle_of(int fd, std::uint32_t index) {
  return {.fd = fd, .index = index, .number = references::number_of(index)};
}

bool is_current(const Handle& handle) {
  const bool held = references::stands_for(handle.fd, handle.index) ||
                    fds::get(handle.fd).word == fds::Entry::lingering(handle.index).word;
  return held && references::number_of(handle.index) == handle.number;
}

Result receive(int fd, std::uint32_t index, std::span<const iovec> iov, int flags) {
  if ((flags & MSG_OOB) != 0) return Result::fail(EINVAL);
  if ((flags & MSG_ERRQUEUE) != 0) return Result::fail(EAGAIN);
  const std::size_t size = std::min<std::size_t>(codec::total_size(iov), 0x7ffff000);
  if ((flags & MSG_TRUNC) != 0) return receive_and_discard(fd, index, size, flags);
  Record& record = arena::at(index);
  const bool peek = (flags & MSG_PEEK) != 0;
  const bool all = (flags & MSG_WAITALL) != 0 && (flags & MSG_DONTWAIT) == 0;
  const std::uint32_t mark = std::atomic_ref(record.low_water).load(std::memory_order_relaxed);
  const std::size_t enough = mark > 1 && !peek ? std::min<std::size_t>(mark, size) : 1;
  const std::size_t least = all ? size : enough;
  // What was asked of the kernel for the bytes that are about to go.
  if (mark > 1) sock::set_low_water(fd, static_cast<int>(mark));
  codec::Segments room(iov);
  const Handle handle = handle_of(fd, index);
  WaitForInput waiting(handle);
  // To try what is bound to fail costs more than to look whether there is something.
  if (!peek && least == 1 && (flags & MSG_DONTWAIT) == 0 && was_drained(record)) {
    if (const int error = waiting.run(); error != 0) return Result::fail(error);
  }
  std::size_t taken = 0;
  for (;;) {
    // A peek must begin at a payload byte: what is in front of it goes first.
    const bool blank = size == 0 || peek;
    const bool ready = !blank || readiness(fd, index, false) != Readiness::none;
    if (size == 0 && ready) return Result::ok(0);
    const Outcome outcome =
        ready ? attempt(handle, room, peek ? size : size - taken, peek) : Outcome{.error = EAGAIN};
    if (outcome.error == ENOTSOCK) return Result::not_ours();
    taken = peek ? outcome.taken : taken + outcome.taken;
    if (taken >= least || outcome.end) return Result::ok(static_cast<long>(taken));
    if (outcome.error != 0 && outcome.error != EAGAIN) {
      if (taken > 0) keep_error(record, outcome.error);
      return Result::partial(taken, outcome.error);
    }
    if (!peek) room.advance(outcome.taken);
    if (!peek && outcome.error == 0 && outcome.taken == 0) continue;
    const bool must_not_wait = (flags & MSG_DONTWAIT) != 0;
    // The mark counts what was taken, too. What is missing comes in no fewer bytes of the wire.
    if (mark > 1) {
      sock::set_low_water(fd, static_cast<int>(std::min<std::size_t>(mark, least - taken)));
    }
    const bool for_more = peek && taken > 0;
    const int error = must_not_wait ? EAGAIN : for_more ? waiting.run_for_more() : waiting.run();
    if (error != 0) return Result::partial(taken, error);
  }
}

namespace {

// True if the payload at hand is less than the server's low-water mark, which counts payload bytes,
// and more may come. The kernel is told how many more wire bytes it takes at least, so that it does
// not wake us again for what is there already.
bool is_below_low_water(int fd, Record& record) {
  const std::uint32_t mark = std::atomic_ref(record.low_water).load(std::memory_order_relaxed);
  if (mark <= 1) return false;
  for (;;) {
    const long unread = sock::unread(fd);
    if (unread < 0) return false;
    const AtHand at_hand =
        payload_at_hand(fd, arena::receiver_of(record), static_cast<std::size_t>(unread));
    if (at_hand.payload >= mark || at_hand.ended || !at_hand.all) return false;
    const long missing = static_cast<long>(mark - at_hand.payload);
    sock::set_low_water(fd, static_cast<int>(std::min(unread + missing, 1L << 30)));
    if (!confined::has_input(fd)) return true;
    // More has come, or the kernel takes what there is for enough: at FIN, and at a limit of its
    // own (tcp_set_rcvlowat).
    if (sock::unread(fd) == unread) return false;
  }
}

// Whether there is payload, by way of looking; what comes before it is consumed. Runs with the
// receive lock held.
Readiness look_ahead(int fd, Record& record, bool signalled) {
  record.drained = false;
  const bool any_byte_will_do = record.low_water <= 1;
  if (signalled && any_byte_will_do && codec::payload_ahead(record.receiver)) {
    return Readiness::ready;
  }
  std::array<std::byte, junk_room> wire;
  std::size_t window = 2 * overhead_room;
  long got = sock::peek(fd, wire.data(), window);
  if (got > 0 && any_byte_will_do &&
      codec::begins_with_payload(record.receiver,
                                 std::span(wire).first(static_cast<std::size_t>(got)))) {
    return Readiness::ready;
  }
  Receiver receiver = arena::receiver_of(record);
  for (std::size_t junk = 0; junk < most_junk; got = sock::peek(fd, wire.data(), window)) {
    if (got == -EAGAIN) return Readiness::none;
    if (got < 0 && got != -ENOTSOCK) keep_error(record, static_cast<int>(-got));
    if (got <= 0) return Readiness::ready;
    if (codec::payload_ahead(receiver) && any_byte_will_do) return Readiness::ready;
    std::byte payload;
    Receiver ahead = receiver;
    const auto done = codec::decode(ahead, std::span(wire).first(static_cast<std::size_t>(got)),
                                    std::span(&payload, 1));
    if (done.produced > 0) {
      return is_below_low_water(fd, record) ? Readiness::none : Readiness::ready;
    }
    log_input(record, done.consumed, 0);
    sock::discard(fd, done.consumed);
    junk += done.consumed;
    window = wire.size();
    receiver = ahead;
    record.receiver = receiver;
    if (receiver.ping_waiting) arena::set_state(record, arena::pong_owed);
    if (has_ended(receiver)) return Readiness::ended;
  }
  return Readiness::none;
}

// The same where nothing can be looked at: what cannot be payload is taken, byte by byte if need
// be.
Readiness step_ahead(int fd, Record& record, bool signalled) {
  Receiver receiver = arena::receiver_of(record);
  for (std::size_t junk = 0; junk < most_junk;) {
    std::array<std::byte, overhead_room> wire;
    const std::size_t size = codec::overhead_ahead(receiver);
    if (size == 0 && signalled && junk == 0) return Readiness::ready;
    if (size == 0) return confined::has_input(fd) ? Readiness::ready : Readiness::none;
    const iovec overhead{wire.data(), size};
    const long got = sock::receive(fd, &overhead, 1, 0);
    if (got == -EAGAIN) return Readiness::none;
    if (got < 0) keep_error(record, static_cast<int>(-got));
    if (got <= 0) return Readiness::ready;
    const auto taken = std::span(wire).first(static_cast<std::size_t>(got));
    codec::decode(receiver, taken, {});
    record.receiver = receiver;
    log_input(record, taken.size(), 0);
    junk += taken.size();
    if (receiver.ping_waiting) arena::set_state(record, arena::pong_owed);
    if (has_ended(receiver)) return Readiness::ended;
  }
  return Readiness::none;
}

}  // namespace

Readiness readiness(int fd, std::uint32_t index, bool signalled) {
  Record& record = arena::at(index);
  const Handle handle = handle_of(fd, index);
  Receiver::Phase phase = Receiver::Phase::header;
  Readiness found = Readiness::none;
  {
    Hold hold(record.receive_lock);
    if (!hold || !is_current(handle)) return Readiness::none;
    if (std::atomic_ref(record.error).load() != 0) return Readiness::ready;
    if ((arena::state_of(record) & over) != 0) return Readiness::ready;
    // A read that blocks is all that is left to such a server.
    if (!confined::can_poll()) return Readiness::ready;
    found = confined::can_peek() ? look_ahead(fd, record, signalled)
                                 : step_ahead(fd, record, signalled);
    phase = record.receiver.phase;
  }
  react(handle, record, phase);
  return found;
}

bool is_over(std::uint32_t index) {
  return (arena::state_of(arena::at(index)) & (arena::client_closed | arena::broken)) != 0;
}

Result available(int fd, std::uint32_t index, bool& all) {
  all = true;
  if (readiness(fd, index, false) != Readiness::ready) return Result::ok(0);
  Record& record = arena::at(index);
  Hold hold(record.receive_lock);
  if (!hold) return Result::ok(0);
  const Receiver receiver = arena::receiver_of(record);
  const long unread = sock::unread(fd);
  if (unread == -ENOTSOCK) return Result::not_ours();
  if (unread <= 0) return Result::ok(0);
  if (codec::payload_ahead(receiver) && static_cast<std::uint64_t>(unread) <= receiver.remaining) {
    return Result::ok(unread);
  }
  const AtHand at_hand = payload_at_hand(fd, receiver, static_cast<std::size_t>(unread));
  all = at_hand.all;
  return Result::ok(static_cast<long>(at_hand.payload));
}

Result set_low_water(int fd, std::uint32_t index, int bytes) {
  // The kernel takes a negative mark for no limit, and 0 for 1 (sock_setsockopt).
  const int mark = bytes < 0 ? INT32_MAX : bytes == 0 ? 1 : bytes;
  if (const long failed = sock::set_low_water(fd, mark); failed < 0) {
    return Result::fail(static_cast<int>(-failed));
  }
  std::atomic_ref(arena::at(index).low_water).store(static_cast<std::uint32_t>(mark));
  return Result::ok(0);
}

int low_water(std::uint32_t index) {
  const std::uint32_t mark = std::atomic_ref(arena::at(index).low_water).load();
  return mark == 0 ? 1 : static_cast<int>(mark);
}

}  // namespace wswrap::connection
