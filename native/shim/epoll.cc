#include "shim/epoll.h"

#include <sys/random.h>

#include <algorithm>
#include <array>

#include "shim/connection.h"
#include "shim/driver.h"
#include "shim/kernel.h"
#include "shim/libc.h"
#include "shim/listeners.h"
#include "shim/lock.h"
#include "shim/process.h"
#include "shim/signals.h"
#include "shim/unwatched.h"

namespace wswrap::epoll {
namespace {

constexpr std::uint32_t none = UINT32_MAX;
constexpr std::uint32_t input = EPOLLIN | EPOLLRDNORM;
constexpr std::uint32_t output = EPOLLOUT | EPOLLWRNORM;
constexpr std::uint32_t urgent = EPOLLPRI | EPOLLRDBAND;
constexpr std::uint32_t unasked = EPOLLERR | EPOLLHUP;

enum class Kind : std::uint8_t { free, connection, listener, driver };

struct Registration {
  Kind kind = Kind::free;
  bool output_told = false;  // edge-triggered: the server knows that it may write
  std::uint32_t set = 0;     // of which epoll
  std::uint32_t next = 0;    // of the same descriptor: slot + 1
  std::uint32_t index = 0;   // record or listener
  std::uint32_t owner = 0;   // the process that registered it
  std::uint32_t events = 0;  // what the server asked for
  int fd = 0;
  std::uint64_t tag = 0;   // what the kernel holds
  std::uint64_t data = 0;  // what the server gave
};

struct Set {
  std::uint32_t references = 0;  // descriptors of this process; 0: the slot is free
  bool inherited = false;        // made before a fork: it holds the parent's stand-ins, not ours
  int epfd = 0;                  // one of them
};

// A tag is [magic 24][generation 20][slot 20]. The magic is random and has the top bit set, which
// no address and no small number has; control() keeps the server from choosing a live tag.
constexpr int slot_bits = 20;
constexpr int generation_bits = 20;
constexpr std::uint64_t slot_mask = (1u << slot_bits) - 1;

// Taken after the driver, never before: a close has the driver when it comes here.
constinit OwnerLock lock;
constinit std::array<Registration, 1u << 16> registrations{};
constinit std::array<Set, 1024> sets{};
// By descriptor: the first registration + 1. Zero pages until used.
constinit std::array<std::uint32_t, fds::limit> first{};
constinit std::uint64_t magic = 0;
constinit std::uint64_t generation = 0;
constinit std::uint32_t hint = 0;

// The table, and the driver that changes of it may need. Signals are blocked: a handler must not
// find the lists half linked.
class Exclusive {
 private:
  driver::Guard guard_;
  Hold<OwnerLock> hold_{lock};
};

std::uint64_t make_tag(std::uint32_t slot) {
  if (magic == 0) {
    std::uint64_t random = 0;
    kernel::invoke(SYS_getrandom, &random, sizeof random, GRND_NONBLOCK);
    magic = (random | 1ull << 63) >> (slot_bits + generation_bits);
  }
  generation = (generation + 1) & ((1u << generation_bits) - 1);
  return (magic << generation_bits | generation) << slot_bits | slot;
}

bool has_magic(std::uint64_t data) {
  return magic != 0 && data >> (slot_bits + generation_bits) == magic;
}

Registration* find_tag(std::uint64_t data) {
  if (!has_magic(data)) return nullptr;
  const auto slot = static_cast<std::size_t>(data & slot_mask);
  if (slot >= registrations.size()) return nullptr;
  Registration& found = registrations[slot];
  return found.kind != Kind::free && found.tag == data ? &found : nullptr;
}

Registration* find(std::uint32_t set, int fd) {
  if (static_cast<unsigned>(fd) >= fds::limit) return nullptr;
  for (std::uint32_t link = first[static_cast<unsigned>(fd)]; link != 0;) {
    Registration& candidate = registrations[link - 1];
    if (candidate.set == set) return &candidate;
    link = candidate.next;
  }
  return nullptr;
}

Registration* create(std::uint32_t set, int fd, Kind kind, std::uint32_t index) {
  for (std::uint32_t step = 0; step < registrations.size(); ++step) {
    const std::uint32_t slot = (hint + step) % static_cast<std::uint32_t>(registrations.size());
    Registration& registration = registrations[slot];
    if (registration.kind != Kind::free) continue;
    hint = slot + 1;
    registration = {};
    registration.kind = kind;
    registration.set = set;
    registration.index = index;
    registration.fd = fd;
    registration.owner = process::id();
    registration.tag = make_tag(slot);
    std::uint32_t& head = first[static_cast<unsigned>(fd)];
    registration.next = head;
    head = slot + 1;
    if (kind == Kind::listener) listeners::enter_epoll(index);
    return &registration;
  }
  return nullptr;
}

void remove(Registration& registration) {
  const auto link_to_it = static_cast<std::uint32_t>(&registration - registrations.data()) + 1;
  std::uint32_t* link = &first[static_cast<unsigned>(registration.fd)];
  while (*link != 0 && *link != link_to_it) link = &registrations[*link - 1].next;
  if (*link != 0) *link = registration.next;
  hint = std::min(hint, link_to_it - 1);
  if (registration.kind == Kind::listener) listeners::leave_epoll(registration.index);
  registration = {};
}

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

// The set of an epoll descriptor, made when the first of ours is put into it.
std::uint32_t set_of(int epfd) {
  const fds::Entry entry = fds::get(epfd);
  if (entry.is(fds::Kind::epoll)) return entry.index();
  for (std::uint32_t index = 0; index < sets.size(); ++index) {
    if (sets[index].references != 0) continue;
    sets[index] = {.references = 1, .inherited = false, .epfd = epfd};
    fds::set(epfd, fds::Entry::of(fds::Kind::epoll, index));
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

Result add(int epfd, int fd, fds::Entry entry, const epoll_event& event) {
  const bool fresh = !fds::get(epfd).is(fds::Kind::epoll);
  const std::uint32_t set = set_of(epfd);
  if (set == none) return Result::fail(ENOMEM);
  if (find(set, fd) != nullptr) return Result::fail(EEXIST);
  const bool is_listener = entry.is(fds::Kind::listener);
  Registration* registration =
      create(set, fd, is_listener ? Kind::listener : Kind::connection, entry.index());
  if (registration == nullptr) return Result::fail(ENOMEM);
  registration->events = event.events;
  registration->data = event.data.u64;
  const long failed = tell_kernel(epfd, EPOLL_CTL_ADD, *registration);
  if (failed < 0) {
    remove(*registration);
    // It may be no epoll descriptor at all.
    if (fresh) fds::reset(epfd);
    if (fresh) sets[set] = {};
    return Result::fail(static_cast<int>(-failed));
  }
  join_driver(epfd, set);
  note(*registration);
  return Result::ok(0);
}

Result modify(int epfd, Registration& registration, const epoll_event& event) {
  Registration wanted = registration;
  wanted.events = event.events;
  const long failed = tell_kernel(epfd, EPOLL_CTL_MOD, wanted);
  if (failed < 0) return Result::fail(static_cast<int>(-failed));
  registration.events = event.events;
  registration.data = event.data.u64;
  registration.output_told = false;
  note(registration);
  return Result::ok(0);
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
  for (Registration& registration : registrations) {
    if (registration.kind != Kind::listener || registration.set != set) continue;
    registration.tag = make_tag(static_cast<std::uint32_t>(&registration - registrations.data()));
    registration.owner = process::id();
    tell_kernel(epfd, EPOLL_CTL_ADD, registration);
  }
  join_driver(epfd, set);
}

// A plain descriptor whose data happens to be a live tag: the tag changes, not the server's data.
void avoid(int epfd, std::uint64_t data) {
  Registration* registration = find_tag(data);
  if (registration == nullptr) return;
  registration->tag = make_tag(static_cast<std::uint32_t>(registration - registrations.data()));
  tell_kernel(epfd, EPOLL_CTL_MOD, *registration);
}

// The events of a connection that are the server's to see; 0 if there is none.
std::uint32_t visible(const Registration& registration, std::uint32_t events, bool& told) {
  using connection::Readiness;
  const bool look = (events & input) != 0 && (events & EPOLLERR) == 0;
  const Readiness readiness =
      look ? connection::readiness(registration.fd, registration.index, true) : Readiness::ready;
  // The kernel reports the end itself, at the next look.
  if (readiness == Readiness::ended) return 0;
  if (readiness == Readiness::none) {
    events &= ~input;
    // What woke the kernel was not the send buffer: an edge that was told is not told again.
    const bool old_news = (registration.events & EPOLLET) != 0 && registration.output_told;
    if (old_news && (events & output) != 0 && !connection::was_full(registration.index)) {
      events &= ~output;
    }
  }
  events &= registration.events | unasked;
  told = (events & output) != 0;
  return events;
}

void rearm(int epfd, std::uint64_t tag) {
  const Hold hold(lock);
  const Registration* registration = find_tag(tag);
  if (registration == nullptr || (registration->events & EPOLLONESHOT) == 0) return;
  tell_kernel(epfd, EPOLL_CTL_MOD, *registration);
}

// Turns the kernel's events into the server's, in place. Returns how many remain.
int translate(int epfd, epoll_event* events, int count, bool& driver_ready) {
  int kept = 0;
  for (int i = 0; i < count; ++i) {
    epoll_event event = events[i];
    if (!has_magic(event.data.u64)) {
      events[kept++] = event;
      continue;
    }
    Registration registration;
    {
      const Hold hold(lock);
      const Registration* found = find_tag(event.data.u64);
      // Another process's, through an epoll that both inherited, or one that was just removed.
      if (found == nullptr) continue;
      registration = *found;
    }
    if (registration.kind == Kind::driver) {
      driver_ready = true;
      continue;
    }
    if (registration.kind == Kind::listener) event.events = registration.events & input;
    if (registration.kind == Kind::connection) {
      bool told = false;
      event.events = visible(registration, event.events, told);
      if (event.events == 0) {
        rearm(epfd, registration.tag);
        continue;
      }
      if (told) {
        const Hold hold(lock);
        if (Registration* found = find_tag(registration.tag)) found->output_told = true;
      }
    }
    event.data.u64 = registration.data;
    events[kept++] = event;
  }
  return kept;
}

int to_milliseconds(Nanoseconds left) {
  if (left == forever) return -1;
  const Nanoseconds rounded = (left + milliseconds(1) - 1) / milliseconds(1);
  return rounded > INT32_MAX ? INT32_MAX : static_cast<int>(rounded);
}

int wait_in_kernel(int epfd, epoll_event* events, int room, Nanoseconds left, const sigset_t* mask,
                   Call call) {
  const timespec span = to_timespec(left);
  switch (call) {
    case Call::wait:
      return libc.epoll_wait(epfd, events, room, to_milliseconds(left));
    case Call::pwait:
      return libc.epoll_pwait(epfd, events, room, to_milliseconds(left), mask);
    case Call::pwait2:
      return libc.epoll_pwait2(epfd, events, room, left == forever ? nullptr : &span, mask);
  }
  return -1;
}

// A wait that may not block must end even if a client keeps sending frames without payload.
constexpr int rounds_without_blocking = 8;

}  // namespace

Result control(int epfd, int operation, int fd, epoll_event* event) {
  const Exclusive exclusive;
  if (event == nullptr && operation != EPOLL_CTL_DEL) return Result::fail(EFAULT);
  const fds::Entry entry = fds::get(fd);
  const fds::Entry set = fds::get(epfd);
  if (set.is(fds::Kind::epoll)) renew(epfd, set.index());
  Registration* known = set.is(fds::Kind::epoll) ? find(set.index(), fd) : nullptr;
  if (known != nullptr && operation == EPOLL_CTL_MOD) return modify(epfd, *known, *event);
  if (known != nullptr && operation == EPOLL_CTL_DEL) return take_out(epfd, *known);
  if (entry.is(fds::Kind::internal)) return Result::fail(EBADF);
  const bool ours = entry.is(fds::Kind::connection) || entry.is(fds::Kind::listener);
  if (operation == EPOLL_CTL_ADD && ours) return add(epfd, fd, entry, *event);
  if (operation != EPOLL_CTL_DEL && set.is(fds::Kind::epoll)) avoid(epfd, event->data.u64);
  const long failed = kernel::invoke(SYS_epoll_ctl, epfd, operation, fd, event);
  return failed < 0 ? Result::fail(static_cast<int>(-failed)) : Result::ok(0);
}

Result wait(int epfd, epoll_event* events, int room, Nanoseconds timeout, const sigset_t* mask,
            Call call) {
  const Deadline deadline(timeout);
  const KeepErrno keep;
  const fds::Entry set = fds::get(epfd);
  if (set.is(fds::Kind::epoll) && sets[set.index()].inherited) {
    const Exclusive exclusive;
    renew(epfd, set.index());
  }
  SignalsInWaits signals(mask);
  for (int round = 0;; ++round) {
    const Nanoseconds left = deadline.left();
    const int count = wait_in_kernel(epfd, events, room, left, signals.mask(), call);
    if (count < 0) return Result::fail(errno);
    if (count == 0) return Result::ok(0);
    bool driver_ready = false;
    const int kept = translate(epfd, events, count, driver_ready);
    if (driver_ready) driver::drive();
    if (kept > 0) return Result::ok(kept);
    if (left == 0 && round >= rounds_without_blocking) return Result::ok(0);
    signals.engage();
    if (call == Call::wait) call = Call::pwait;
  }
}

void renew_edge(int fd) {
  if (static_cast<unsigned>(fd) >= fds::limit || first[static_cast<unsigned>(fd)] == 0) return;
  const Exclusive exclusive;
  for (std::uint32_t link = first[static_cast<unsigned>(fd)]; link != 0;) {
    const Registration& registration = registrations[link - 1];
    link = registration.next;
    // A one-shot that has fired must not be armed again.
    if ((registration.events & (EPOLLET | EPOLLONESHOT)) != EPOLLET) continue;
    tell_kernel(sets[registration.set].epfd, EPOLL_CTL_MOD, registration);
  }
}

void forget(int fd, bool last) {
  if (static_cast<unsigned>(fd) >= fds::limit || first[static_cast<unsigned>(fd)] == 0) return;
  const Hold hold(lock);
  while (first[static_cast<unsigned>(fd)] != 0) {
    Registration& registration = registrations[first[static_cast<unsigned>(fd)] - 1];
    // What was inherited is the parent's to remove. (The kernel itself would go on reporting for as
    // long as a duplicate is open anywhere: nobody wants that.)
    if (last || registration.owner == process::id()) {
      kernel_control(sets[registration.set].epfd, EPOLL_CTL_DEL, watched(registration), 0, 0);
    }
    remove(registration);
  }
}

void add_reference(std::uint32_t set) {
  const Hold hold(lock);
  ++sets[set % sets.size()].references;
}

void drop_reference(std::uint32_t set) {
  const Hold hold(lock);
  if (--sets[set % sets.size()].references != 0) {
    fds::for_each(fds::Kind::epoll, [&](int fd, std::uint32_t index) {
      if (index == set) sets[set].epfd = fd;
    });
    return;
  }
  for (Registration& registration : registrations) {
    if (registration.kind != Kind::free && registration.set == set) remove(registration);
  }
}

void before_fork() { lock.take(); }

void after_fork_in_parent() { lock.release(); }

void after_fork_in_child() {
  lock = {};
  for (Set& set : sets) set.inherited = set.references != 0;
  for (Registration& registration : registrations) {
    if (registration.kind == Kind::driver) remove(registration);
  }
}

}  // namespace wswrap::epoll
