#include "shim/epoll.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "shim/confined.h"
#include "shim/connection.h"
#include "shim/driver.h"
#include "shim/kernel.h"
#include "shim/libc.h"
#include "shim/listeners.h"
#include "shim/lock.h"
#include "shim/open_fds.h"
#include "shim/process.h"
#include "shim/registrations.h"
#include "shim/signals.h"
#include "shim/socket.h"
#include "shim/unwatched.h"
#include "shim/watches.h"

namespace wswrap::epoll {
namespace {

constexpr std::uint32_t none = UINT32_MAX;
constexpr std::uint32_t input = EPOLLIN | EPOLLRDNORM;
constexpr std::uint32_t output = EPOLLOUT | EPOLLWRNORM;
constexpr std::uint32_t urgent = EPOLLPRI | EPOLLRDBAND;
constexpr std::uint32_t unasked = EPOLLERR | EPOLLHUP;

// Epolls that this process made. With a single one, none can be in another.
constinit std::atomic<std::uint32_t> births{0};

// The table, and the driver that changes of it may need. Signals are blocked: a handler must not
// find the lists half linked, nor wait for the driver while its thread holds the table.
class Exclusive {
 private:
  driver::Guard guard_;
  Hold<OwnerLock> hold_{table_lock};
};

long kernel_control(int epfd, int operation, int fd, std::uint32_t events, std::uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  return kernel::invoke(SYS_epoll_ctl, epfd, operation, fd, &event);
}

// The descriptor that the kernel watches for a registration.
int watched(const Registration& registration) {
  if (registration.kind != Kind::listener) return registration.fd;
  return listeners::readiness(registration.index, registration.fd);
}

// What the kernel is asked for: an eventfd stands in for a listener, and a WebSocket has no urgent
// data.
std::uint32_t asked_of_kernel(const Registration& registration) {
  if (registration.kind == Kind::plain) return registration.events;
  if (registration.kind == Kind::connection && (registration.events & EPOLLET) != 0) {
    // Pings and a Close must be seen even by who does not ask for input.
    return (registration.events & ~urgent) | EPOLLIN;
  }
  if (registration.kind != Kind::listener) return registration.events & ~urgent;
  const std::uint32_t modes = registration.events & (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE);
  return (registration.events & input) != 0 ? modes | EPOLLIN : modes;
}

long tell_kernel(int epfd, int operation, const Registration& registration) {
  const int target = watched(registration);
  if (target < 0) return target;
  return kernel_control(epfd, operation, target, asked_of_kernel(registration), registration.tag);
}

void note(const Registration& registration) {
  if (registration.kind != Kind::connection) return;
  const bool asks = (registration.events & (input | EPOLLET)) != 0;
  unwatched::note(registration.index, asks);
}

void tell_those_who_watch(int fd);

// The set of an epoll descriptor, made when the first of ours is put into it.
std::uint32_t set_of(int epfd) {
  const fds::Entry entry = fds::get(epfd);
  if (entry.is(fds::Kind::epoll)) return entry.index();
  for (std::uint32_t index = 0; index < sets.size(); ++index) {
    if (sets[index].references != 0) continue;
    sets[index] = {.references = 1, .inherited = false, .epfd = epfd};
    fds::set(epfd, fds::Entry::of(fds::Kind::epoll, index));
    if (births.load(std::memory_order_relaxed) > 1) tell_those_who_watch(epfd);
    return index;
  }
  return none;
}

// Lets every wait of this epoll see to the driver's work.
void join_driver(int epfd, std::uint32_t set) {
  const int driver = driver::descriptor();
  if (driver < 0 || find(set, driver) != nullptr) return;
  Registration* registration = create(set, driver, Kind::driver, 0);
  if (registration == nullptr) return;
  registration->events = EPOLLIN;
  if (tell_kernel(epfd, EPOLL_CTL_ADD, *registration) < 0) remove(*registration);
}

Kind kind_of(fds::Entry entry) {
  switch (entry.kind()) {
    case fds::Kind::connection:
      return Kind::connection;
    case fds::Kind::listener:
      return Kind::listener;
    case fds::Kind::epoll:
      return Kind::nested;
    default:
      return Kind::plain;
  }
}

// `operation` is EPOLL_CTL_ADD, or EPOLL_CTL_MOD for what the kernel knows and we do not.
Result add(int epfd, int operation, int fd, fds::Entry entry, const epoll_event& event) {
  const bool fresh = !fds::get(epfd).is(fds::Kind::epoll);
  const std::uint32_t set = set_of(epfd);
  if (set == none) return Result::fail(ENOMEM);
  if (find(set, fd) != nullptr) return Result::fail(EEXIST);
  Registration* registration = create(set, fd, kind_of(entry), entry.index());
  if (registration == nullptr) return Result::fail(ENOMEM);
  registration->events = event.events;
  registration->data = event.data.u64;
  const long failed = tell_kernel(epfd, operation, *registration);
  if (failed < 0) {
    remove(*registration);
    // It may be no epoll descriptor at all.
    if (fresh) fds::reset(epfd);
    if (fresh) sets[set] = {};
    return Result::fail(static_cast<int>(-failed));
  }
  if (registration->kind != Kind::plain) join_driver(epfd, set);
  note(*registration);
  return Result::ok(0);
}

// EPOLL_CTL_MOD, or EPOLL_CTL_ADD for what we know and the kernel does not (any more).
Result change(int epfd, int operation, Registration& registration, const epoll_event& event) {
  const Registration before = registration;
  // An event that still has the old tag is dropped: the kernel looks anew at what is modified.
  retag(registration);
  registration.events = event.events;
  registration.data = event.data.u64;
  const long failed = tell_kernel(epfd, operation, registration);
  if (failed < 0) {
    registration.events = before.events;
    registration.data = before.data;
    set_tag(registration, before.tag);
    return Result::fail(static_cast<int>(-failed));
  }
  note(registration);
  return Result::ok(0);
}

// What was closed without being taken out is gone from the kernel, which does not tell: the number
// may stand for anything now.
Result add_again(int epfd, Registration& plain, fds::Entry entry, const epoll_event& event) {
  const int fd = plain.fd;
  if (kind_of(entry) == Kind::plain) return change(epfd, EPOLL_CTL_ADD, plain, event);
  remove(plain);
  return add(epfd, EPOLL_CTL_ADD, fd, entry, event);
}

// What became ours only now is registered anew where it was put before.
void tell_those_who_watch(int fd) {
  const fds::Entry entry = fds::get(fd);
  fds::for_each_open([&](int epfd) {
    epoll_event event{};
    if (epfd == fd || !watches::find(epfd, fd, event)) return;
    if (is_tag(event.data.u64)) {
      Registration* known = find_tag(event.data.u64);
      if (known == nullptr || known->kind != Kind::plain) return;
      event.data.u64 = known->data;
      remove(*known);
    }
    if (kernel_control(epfd, EPOLL_CTL_DEL, fd, 0, 0) == 0)
      add(epfd, EPOLL_CTL_ADD, fd, entry, event);
  });
}

Result take_out(int epfd, Registration& registration) {
  const long failed = kernel_control(epfd, EPOLL_CTL_DEL, watched(registration), 0, 0);
  if (registration.kind == Kind::connection) unwatched::note(registration.index, true);
  remove(registration);
  return failed < 0 ? Result::fail(static_cast<int>(-failed)) : Result::ok(0);
}

// After a fork, what stands for listeners in an inherited epoll is the parent's. Puts ours in, too.
void renew(int epfd, std::uint32_t set) {
  if (!sets[set].inherited) return;
  sets[set].inherited = false;
  for (Registration& registration : registrations.known()) {
    if (registration.kind != Kind::listener || registration.set != set) continue;
    retag(registration);
    registration.owner = process::id();
    tell_kernel(epfd, EPOLL_CTL_ADD, registration);
  }
  join_driver(epfd, set);
}

// What of an event is the server's to see.
struct Seen {
  std::uint32_t events = 0;
  bool output = false;  // that it may write
  bool vain = false;    // what woke the kernel was nothing, or not all of it was looked at
};

Seen seen_of_connection(const Registration& registration, std::uint32_t events) {
  using connection::Readiness;
  const bool look = (events & input) != 0 && (events & EPOLLERR) == 0;
  const Readiness readiness =
      look ? connection::readiness(registration.fd, registration.index, true) : Readiness::ready;
  // The kernel reports the end itself, at the next look.
  if (readiness == Readiness::ended) return {.vain = true};
  if (readiness == Readiness::none) {
    events &= ~input;
    // What woke the kernel was not the send buffer: an edge that was told is not told again.
    const bool old_news =
        (registration.events & EPOLLET) != 0 && registration.output_told == registration.tag;
    if (old_news && (events & output) != 0 && !connection::was_full(registration.index)) {
      events &= ~output;
    }
  }
  events &= registration.events | unasked;
  return {.events = events, .output = (events & output) != 0, .vain = readiness == Readiness::none};
}

Seen seen(const Registration& registration, std::uint32_t events) {
  switch (registration.kind) {
    case Kind::connection:
      return seen_of_connection(registration, events);
    case Kind::listener:
      return {.events = registration.events & input};
    case Kind::plain:
      return {.events = events};
    case Kind::nested:
      if ((events & input) == 0 || is_readable(registration.fd, registration.index)) {
        return {.events = events};
      }
      return {.events = events & ~input, .vain = true};
    default:
      return {};
  }
}

// An event that was swallowed, or part of it, must not be the last: a one-shot is armed again, and
// an edge comes again if there is more to look at than one look takes.
void rearm(int epfd, const Registration& swallowed, bool all) {
  const bool once = (swallowed.events & EPOLLONESHOT) != 0;
  const bool edge = (swallowed.events & EPOLLET) != 0;
  if (once ? !all : !edge || sock::unread(swallowed.fd) <= 0) return;
  const Exclusive exclusive;
  const Registration* registration = find_tag(swallowed.tag);
  if (registration != nullptr) tell_kernel(epfd, EPOLL_CTL_MOD, *registration);
}

// What became of some events of the kernel.
struct Translation {
  int kept = 0;  // how many of them are the server's, at the front
  bool driver_ready = false;
  bool any_strange = false;  // one has a tag that is not known here (any more)
};

// Turns the kernel's events into the server's, in place.
Translation translate(int epfd, epoll_event* events, int count) {
  Translation result;
  for (int i = 0; i < count; ++i) {
    epoll_event event = events[i];
    if (!is_tag(event.data.u64)) {
      events[result.kept++] = event;
      continue;
    }
    Registration registration;
    if (!look_up(event.data.u64, registration)) {
      result.any_strange = true;
      continue;
    }
    if (registration.kind == Kind::driver) result.driver_ready = true;
    const Seen seen_of_it = seen(registration, event.events);
    if (seen_of_it.vain) rearm(epfd, registration, seen_of_it.events == 0);
    if (seen_of_it.events == 0) continue;
    if (seen_of_it.output) note_output(registration.tag);
    event.events = seen_of_it.events;
    event.data.u64 = registration.data;
    events[result.kept++] = event;
  }
  return result;
}

int wait_in_kernel(int epfd, epoll_event* events, int room, Nanoseconds left, const sigset_t* mask,
                   Call call) {
  switch (call) {
    case Call::wait:
      return libc.epoll_wait(epfd, events, room, to_milliseconds(left));
    case Call::pwait:
      return libc.epoll_pwait(epfd, events, room, to_milliseconds(left), mask);
    case Call::pwait2: {
      const timespec span = to_timespec(left);
      return libc.epoll_pwait2(epfd, events, room, left == forever ? nullptr : &span, mask);
    }
  }
  return -1;
}

// Whether the data of a plain descriptor could be taken for a tag.
bool needs_tag(int operation, int fd, const epoll_event* event) {
  if (operation == EPOLL_CTL_DEL || event == nullptr) return false;
  return is_tag(event->data.u64) && static_cast<unsigned>(fd) < fds::limit;
}

// A wait that may not block must end even if a client keeps sending frames without payload.
constexpr int rounds_without_blocking = 8;

// What another process put into an epoll that both inherited is reported to us, too, until it has
// dealt with it. We can neither look at it nor take it out: we look away for a while.
constexpr Nanoseconds strange_pause = milliseconds(1);

}  // namespace

bool concerns_us(int epfd, int operation, int fd, const epoll_event* event) {
  return !fds::get(epfd).plain() || !fds::get(fd).plain() || needs_tag(operation, fd, event);
}

Result control(int epfd, int operation, int fd, epoll_event* event) {
  const Exclusive exclusive;
  if (event == nullptr && operation != EPOLL_CTL_DEL) return Result::fail(EFAULT);
  const fds::Entry entry = fds::get(fd);
  const fds::Entry set = fds::get(epfd);
  if (set.is(fds::Kind::epoll)) renew(epfd, set.index());
  Registration* known = set.is(fds::Kind::epoll) ? find(set.index(), fd) : nullptr;
  if (known != nullptr && operation == EPOLL_CTL_MOD)
    return change(epfd, EPOLL_CTL_MOD, *known, *event);
  if (known != nullptr && operation == EPOLL_CTL_DEL) return take_out(epfd, *known);
  if (entry.is(fds::Kind::internal)) return Result::fail(EBADF);
  const bool adds = operation == EPOLL_CTL_ADD;
  if (adds && known != nullptr && known->kind == Kind::plain) {
    return add_again(epfd, *known, entry, *event);
  }
  const bool is_ours = kind_of(entry) != Kind::plain;
  if ((adds && is_ours) || needs_tag(operation, fd, event)) {
    return add(epfd, operation, fd, entry, *event);
  }
  const long failed = kernel::invoke(SYS_epoll_ctl, epfd, operation, fd, event);
  return failed < 0 ? Result::fail(static_cast<int>(-failed)) : Result::ok(0);
}

Result wait(int epfd, epoll_event* events, int room, Nanoseconds timeout, const sigset_t* mask,
            Call call, int reported) {
  const Deadline deadline(timeout);
  const KeepErrno keep;
  const fds::Entry set = fds::get(epfd);
  if (set.is(fds::Kind::epoll) && sets[set.index()].inherited) {
    const Exclusive exclusive;
    renew(epfd, set.index());
  }
  SignalsInWaits signals(mask);
  Nanoseconds left = timeout < 0 ? forever : timeout;
  for (int round = 0;; ++round, left = deadline.left()) {
    const bool is_done = reported != 0 && round == 0;
    const int count =
        is_done ? reported : wait_in_kernel(epfd, events, room, left, signals.mask(), call);
    if (count < 0) return Result::fail(errno);
    if (count == 0) return Result::ok(0);
    const Translation translation = translate(epfd, events, count);
    if (translation.driver_ready) driver::drive();
    if (translation.kept > 0) return Result::ok(translation.kept);
    if (left == 0 && round >= rounds_without_blocking) return Result::ok(0);
    signals.engage();
    const bool goes_on = translation.any_strange && round > 0 && left != 0;
    const Nanoseconds pause = std::min(left, strange_pause);
    if (goes_on && confined::ppoll(nullptr, 0, pause, signals.mask()) < 0) {
      return Result::fail(errno);
    }
    if (call == Call::wait && signals.mask() != nullptr) call = Call::pwait;
  }
}

void on_birth() { births.fetch_add(1, std::memory_order_relaxed); }

void adopt(int fd) {
  if (births.load(std::memory_order_relaxed) == 0) return;
  const Exclusive exclusive;
  tell_those_who_watch(fd);
}

namespace {

// Some registrations of a set.
struct Batch {
  std::array<pollfd, 64> entries;
  std::array<Registration, 64> registrations;
  std::size_t count = 0;
  int next = 0;  // the descriptor at which the following batch begins
};

void collect(std::uint32_t set, Batch& batch) {
  const int end = fds::high_water();
  const Exclusive exclusive;
  for (batch.count = 0; batch.next < end && batch.count < batch.entries.size(); ++batch.next) {
    const Registration* found = find(set, batch.next);
    if (found == nullptr || found->kind == Kind::listener || found->kind == Kind::plain) continue;
    batch.registrations[batch.count] = *found;
    batch.entries[batch.count++] = {.fd = found->fd, .events = POLLIN, .revents = 0};
  }
}

enum class Look { nothing, swallowed, found };

// Looks at everything of ours in the epoll that is readable, and so takes away what is not the
// server's.
Look look_into(std::uint32_t set) {
  Look look = Look::nothing;
  Batch batch;
  for (collect(set, batch); batch.count > 0; collect(set, batch)) {
    if (sock::poll_now(batch.entries.data(), batch.count) <= 0) continue;
    for (std::size_t i = 0; i < batch.count; ++i) {
      if (batch.entries[i].revents == 0) continue;
      const Registration& registration = batch.registrations[i];
      if (registration.kind == Kind::driver) driver::drive();
      if (seen(registration, EPOLLIN).events != 0) return Look::found;
      look = Look::swallowed;
    }
  }
  return look;
}

}  // namespace

bool is_readable(int epfd, std::uint32_t set) {
  pollfd entry{.fd = epfd, .events = POLLIN, .revents = 0};
  for (int round = 0; round < rounds_without_blocking; ++round) {
    if (sock::poll_now(&entry, 1) <= 0) return false;
    // What is still ready then is none of ours.
    if (look_into(set) != Look::swallowed) return true;
  }
  return false;
}

void renew_edge(int fd) {
  if (first_of(fd) == nullptr) return;
  const Exclusive exclusive;
  for (Registration* one = first_of(fd); one != nullptr; one = next_of(*one)) {
    // A one-shot that has fired must not be armed again.
    if ((one->events & (EPOLLET | EPOLLONESHOT)) != EPOLLET) continue;
    tell_kernel(sets[one->set].epfd, EPOLL_CTL_MOD, *one);
  }
}

void forget(int fd, bool last) {
  if (first_of(fd) == nullptr) return;
  const Hold hold(table_lock);
  while (Registration* one = first_of(fd)) {
    // What was inherited is the parent's to remove. (The kernel itself would go on reporting for as
    // long as a duplicate is open anywhere: nobody wants that.)
    if (last || one->owner == process::id()) {
      kernel_control(sets[one->set].epfd, EPOLL_CTL_DEL, watched(*one), 0, 0);
    }
    remove(*one);
  }
}

void add_reference(std::uint32_t set) {
  const Hold hold(table_lock);
  ++sets[set % sets.size()].references;
}

void drop_reference(std::uint32_t set) {
  const Hold hold(table_lock);
  if (--sets[set % sets.size()].references != 0) {
    fds::for_each(fds::Kind::epoll, [&](int fd, std::uint32_t index) {
      if (index == set) sets[set].epfd = fd;
    });
    return;
  }
  for (Registration& registration : registrations.known()) {
    if (registration.kind != Kind::free && registration.set == set) remove(registration);
  }
}

void before_fork() {
  table_lock.take();
  choose_magic();
}

void after_fork_in_parent() { table_lock.release(); }

void after_fork_in_child() {
  table_lock = {};
  diverge();
  for (Set& set : sets) set.inherited = set.references != 0;
  for (Registration& registration : registrations.known()) {
    if (registration.kind == Kind::driver) remove(registration);
  }
}

}  // namespace wswrap::epoll
