#include "shim/listeners.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <atomic>
#include <cstring>

#include "shim/arena.h"
#include "shim/chores.h"
#include "shim/clients.h"
#include "shim/config.h"
#include "shim/descriptors.h"
#include "shim/driver.h"
#include "shim/fds.h"
#include "shim/handover.h"
#include "shim/heartbeat.h"
#include "shim/patience.h"
#include "shim/process.h"
#include "shim/references.h"
#include "shim/slots.h"
#include "shim/socket.h"
#include "shim/trace.h"

namespace wswrap::listeners {
namespace {

// Ports times address families times SO_REUSEPORT workers.
constinit Slots<Listener, 1024> listeners{};

// One event takes that many clients from the kernel; the rest waits for its turn.
constexpr int accepts_per_event = 64;

// Calls `visit` for each listener that this process has descriptors of.
template <typename Visit>
void for_each_in_use(Visit visit) {
  for (Listener& listener : listeners.known()) {
    if (listener.references != 0) visit(listener);
  }
}

struct LocalAddress {
  bool is_tcp = false;
  std::uint16_t port = 0;
  bool loopback = false;
};

LocalAddress local_address(int fd) {
  int type = 0;
  socklen_t type_size = sizeof type;
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (kernel::invoke(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0) return {};
  if (type != SOCK_STREAM || kernel::invoke(SYS_getsockname, fd, &storage, &size) < 0) return {};
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &storage, sizeof v4);
    return {true, ntohs(v4.sin_port), (ntohl(v4.sin_addr.s_addr) >> 24) == 127};
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &storage, sizeof v6);
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 127;
    return {true, ntohs(v6.sin6_port), mapped || IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr)};
  }
  return {};
}

bool watch_handover(const Listener& listener) {
  return driver::watch(listener.take, driver::Source::handover, listeners.number_of(listener),
                       EPOLLIN | EPOLLEXCLUSIVE);
}

bool watch(const Listener& listener) {
  return driver::watch(listener.socket, driver::Source::listener, listeners.number_of(listener),
                       EPOLLIN) &&
         watch_handover(listener);
}

void strip(Listener& listener) {
  if (listener.socket >= 0) driver::forget(listener.socket);
  if (listener.take >= 0) driver::forget(listener.take);
  fds::close_internal(listener.socket);
  fds::close_internal(listener.ready);
  listener.socket = listener.ready = -1;
  listener.first = listener.last = listener.complete = 0;
  listener.sated = false;
}

// Makes what a listener needs in this process. `fd` is one of its descriptors.
int equip(Listener& listener, int fd) {
  if (listener.ready >= 0) return 0;
  const long duplicate = kernel::invoke(SYS_fcntl, fd, F_DUPFD_CLOEXEC, fds::parking_base());
  if (duplicate < 0) return static_cast<int>(-duplicate);
  const long ready = kernel::invoke(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
  if (ready < 0) {
    sock::close(static_cast<int>(duplicate));
    return static_cast<int>(-ready);
  }
  listener.socket = fds::hide(static_cast<int>(duplicate));
  listener.ready = fds::hide(static_cast<int>(ready));
  if (watch(listener)) {
    listener.paused = false;
    return 0;
  }
  strip(listener);
  return ENOMEM;
}

void signal_ready(const Listener& listener) {
  const std::uint64_t one = 1;
  kernel::invoke(SYS_write, listener.ready, &one, sizeof one);
}

void take_signal(const Listener& listener) {
  std::uint64_t one = 0;
  kernel::invoke(SYS_read, listener.ready, &one, sizeof one);
}

// Taken out rather than asked for nothing: a hang-up is reported to who asks for nothing, too.
void pause(Listener& listener) {
  listener.paused = true;
  listener.sated = false;
  driver::forget(listener.socket);
  driver::forget(listener.take);
}

void resume(Listener& listener) {
  if (!listener.paused) return;
  listener.paused = false;
  watch(listener);
}

// accept(2) could not give us a client; the server must hear of it as it would without us.
void report(Listener& listener, int error) {
  pause(listener);
  if (listener.error == 0) signal_ready(listener);
  listener.error = error;
}

bool is_transient(long error) {
  return error == -ECONNABORTED || error == -EINTR || error == -EPROTO || error == -EPERM;
}

void close_handover(Listener& listener) {
  fds::close_internal(listener.give);
  fds::close_internal(listener.take);
  listener.give = listener.take = -1;
}

// Makes the way by which clients come from processes that share the listener and go to them, or
// takes over the one that the program was started with.
bool open_handover(Listener& listener, bool known) {
  arena::Ends& ends = arena::ends_of(listener.record);
  if (known && handover::inherit(ends, listener.give, listener.take)) return true;
  if (!handover::open(listener.give, listener.take)) return false;
  if (known) return true;
  ends = {.give = arena::cookie_of(listener.give), .take = arena::cookie_of(listener.take)};
  return true;
}

// Finds or makes the listener's record. Returns false when there is no room.
bool enroll(Listener& listener, int fd) {
  const std::uint64_t cookie = arena::cookie_of(fd);
  listener.record = arena::find(cookie);
  if (listener.record != arena::none) {
    arena::join(listener.record, process::id());
    return true;
  }
  listener.record = arena::allocate(cookie, arena::Purpose::listener);
  if (listener.record == arena::none) return false;
  const long flags = kernel::invoke(SYS_fcntl, fd, F_GETFL);
  if ((flags & O_NONBLOCK) != 0) arena::set_state(arena::at(listener.record), arena::nonblocking);
  kernel::invoke(SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK);
  return true;
}

void leave_record(const Listener& listener) {
  if (arena::leave(listener.record, process::id())) arena::release(listener.record);
}

// Makes all that a listener needs; `known`: it has a record already. Returns 0 or an errno.
int begin(Listener& listener, int fd, bool known) {
  if (!enroll(listener, fd)) return ENOMEM;
  const int error = open_handover(listener, known) ? equip(listener, fd) : EMFILE;
  if (error != 0) {
    leave_record(listener);
    close_handover(listener);
  }
  return error;
}

void copy_address(const clients::Client& client, sockaddr* address, socklen_t* size) {
  if (address == nullptr || size == nullptr) return;
  std::memcpy(address, &client.address, *size < client.address_size ? *size : client.address_size);
  *size = client.address_size;
}

// Gives the client's descriptor the number and flags that accept4(2) would have given it.
int deliver(const clients::Client& client, int flags) {
  int fd = client.fd;
  const bool close_on_exec = (flags & SOCK_CLOEXEC) != 0;
  if (client.parked) {
    const long moved = kernel::invoke(SYS_fcntl, fd, close_on_exec ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
    if (moved < 0) return static_cast<int>(moved);
    fds::close_internal(fd);
    fd = static_cast<int>(moved);
  } else if (!close_on_exec) {
    kernel::invoke(SYS_fcntl, fd, F_SETFD, 0);
  }
  if ((flags & SOCK_NONBLOCK) != 0) kernel::invoke(SYS_fcntl, fd, F_SETFL, O_RDWR | O_NONBLOCK);
  descriptors::on_birth(fd);
  if (!client.raw) {
    references::add(fd, client.index);
    heartbeat::start();
  }
  return fd;
}

void pop(Listener& listener) {
  take_signal(listener);
  --listener.complete;
  listener.first = clients::at(listener.first - 1).next;
  if (listener.first != 0) return;
  listener.last = 0;
  if (listener.sated) watch_handover(listener);
  listener.sated = false;
}

// Hands over the complete clients. Returns false when there is no room for all.
bool share_complete(Listener& listener) {
  while (listener.first != 0) {
    const std::uint32_t number = listener.first - 1;
    if (!clients::may_hand_over(number, listener.give)) return false;
    pop(listener);
    clients::end_here(number);
  }
  return true;
}

void share_everything(Listener& listener) {
  if (!share_complete(listener)) return;
  clients::hand_over_waiting(listeners.number_of(listener), listener.give);
}

// Hands what waits here to the processes that share the listener.
void share(Listener& listener) {
  if (arena::is_shared(listener.record)) share_everything(listener);
}

// Nobody here waits for its clients, and others may serve who comes now. Alone, this process goes
// on shaking hands, as the kernel goes on completing connections that nobody accepts.
bool is_for_others(Listener& listener) {
  if (listener.epolls != 0 || listener.paused || listener.ready < 0) return false;
  return std::atomic_ref(listener.waits).load() == 0 && arena::is_shared(listener.record);
}

void leave_to_others(Listener& listener) {
  if (!is_for_others(listener)) return;
  pause(listener);
  share(listener);
}

// The next complete client, or what went wrong instead; EAGAIN if there is neither. Runs with the
// driver held.
Result take(int fd, std::uint32_t index, sockaddr* address, socklen_t* size, int flags) {
  // While we waited a signal handler may have closed it.
  if (fds::get(fd).word != fds::Entry::of(fds::Kind::listener, index).word) {
    return Result::fail(EBADF);
  }
  Listener& listener = at(index);
  resume(listener);
  if (listener.first == 0) {
    const int error = listener.error;
    if (error == 0) return Result::fail(EAGAIN);
    take_signal(listener);
    listener.error = 0;
    return Result::fail(error);
  }
  const std::uint32_t number = listener.first - 1;
  clients::Client& client = clients::at(number);
  const int born = deliver(client, flags);
  if (born < 0) return Result::fail(-born);
  copy_address(client, address, size);
  pop(listener);
  client.parked = false;
  clients::remove(number);
  // The server goes off to serve it: what else waits here must not wait for its return.
  share_all();
  return Result::ok(born);
}

// The same, also of a client that is complete only once the driver's work is done. Held once for
// all of it: to block signals and let them through again is most of what holding costs.
Result take_or_drive(int fd, std::uint32_t index, sockaddr* address, socklen_t* size, int flags) {
  const driver::Guard guard;
  const Result taken = take(fd, index, address, size, flags);
  if (taken.error != EAGAIN) return taken;
  driver::drive();
  return take(fd, index, address, size, flags);
}

}  // namespace

Listener& at(std::uint32_t index) { return listeners[index]; }

int adopt(int fd) {
  if (fds::get(fd).is(fds::Kind::listener)) return 0;
  const LocalAddress local = local_address(fd);
  if (!local.is_tcp || !config.wraps(local.port)) return 0;
  if (static_cast<unsigned>(fd) >= fds::limit) return EMFILE;
  if (!arena::open()) return ENOMEM;
  const driver::Guard guard;
  const std::uint32_t record = arena::find(arena::cookie_of(fd));
  const bool known = record != arena::none;
  for (Listener& listener : listeners.known()) {
    if (!known || listener.references == 0 || listener.record != record) continue;
    ++listener.references;
    fds::set(fd, fds::Entry::of(fds::Kind::listener, listeners.number_of(listener)));
    return 0;
  }
  Listener* const slot = listeners.take();
  if (slot == nullptr) return ENOMEM;
  Listener& listener = *slot;
  // Whole: a thread that was late may have counted itself in or out since the slot was given back.
  listener = {.port = local.port, .loopback = local.loopback};
  if (const int error = begin(listener, fd, known); error != 0) {
    listeners.give_back(listener);
    return error;
  }
  // A port that may be shared is never so served that nobody else could be its server.
  if (!sock::shares_port(fd)) arena::note_listener(config.place_of(local.port), listener.record);
  listener.references = 1;
  fds::set(fd, fds::Entry::of(fds::Kind::listener, listeners.number_of(listener)));
  if (!known && logs(LogLevel::info)) LogLine() << "port " << local.port << " speaks WebSocket";
  return 0;
}

int readiness(std::uint32_t index, int fd) {
  Listener& listener = at(index);
  if (listener.ready >= 0 && !listener.paused) return listener.ready;
  const driver::Guard guard;
  const int error = equip(listener, fd);
  if (error != 0) return -error;
  resume(listener);
  return listener.ready;
}

namespace {

Result await_client(int fd, std::uint32_t index, sockaddr* address, socklen_t* size, int flags) {
  if (const int ready = readiness(index, fd); ready < 0) return Result::fail(-ready);
  Listener& listener = at(index);
  Patience patience(fd, SO_RCVTIMEO);
  for (;;) {
    const Result taken = take_or_drive(fd, index, address, size, flags);
    if (taken.error != EAGAIN) return taken;
    if (is_nonblocking(index)) return Result::fail(EAGAIN);
    const int error = patience.wait(listener.ready, POLLIN, true);
    if (error != 0) return Result::fail(error);
  }
}

}  // namespace

Result accept(int fd, std::uint32_t index, sockaddr* address, socklen_t* size, int flags) {
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return Result::fail(EINVAL);
  begin_wait(index);
  leave_to_others();
  const Result result = await_client(fd, index, address, size, flags);
  end_wait(index);
  return result;
}

bool is_nonblocking(std::uint32_t index) {
  return (arena::state_of(arena::at(at(index).record)) & arena::nonblocking) != 0;
}

void set_nonblocking(std::uint32_t index, bool value) {
  arena::Record& record = arena::at(at(index).record);
  if (value) {
    arena::set_state(record, arena::nonblocking);
  } else {
    arena::clear_state(record, arena::nonblocking);
  }
}

void add_reference(std::uint32_t index) {
  const driver::Guard guard;
  ++at(index).references;
}

void drop_reference(std::uint32_t index) {
  const driver::Guard guard;
  Listener& listener = at(index);
  if (listener.references == 0 || --listener.references != 0) return;
  share(listener);
  clients::end_all_of(index);
  strip(listener);
  close_handover(listener);
  leave_record(listener);
  listeners.give_back(listener);
}

void enter_epoll(std::uint32_t index) {
  const driver::Guard guard;
  ++at(index).epolls;
}

void leave_epoll(std::uint32_t index) {
  const driver::Guard guard;
  Listener& listener = at(index);
  --listener.epolls;
  leave_to_others(listener);
}

void begin_wait(std::uint32_t index) { std::atomic_ref(at(index).waits).fetch_add(1); }

void end_wait(std::uint32_t index) {
  std::atomic_ref waits(at(index).waits);
  std::uint32_t seen = waits.load();
  while (seen != 0 && !waits.compare_exchange_weak(seen, seen - 1)) {
  }
}

void leave_to_others() {
  if (!arena::has_company()) return;
  for_each_in_use([](Listener& listener) {
    // Without the driver, at first: this is asked before every wait.
    if (!is_for_others(listener)) return;
    const driver::Guard guard;
    leave_to_others(listener);
  });
}

void enqueue(std::uint32_t index, std::uint32_t client) {
  Listener& listener = at(index);
  clients::at(client).next = 0;
  if (listener.last != 0) {
    clients::at(listener.last - 1).next = client + 1;
  } else {
    listener.first = client + 1;
  }
  listener.last = client + 1;
  ++listener.complete;
  signal_ready(listener);
  if (listener.paused) share(listener);
}

void on_event(std::uint32_t index) {
  Listener& listener = at(index);
  for (int i = 0; i < accepts_per_event && listener.references != 0; ++i) {
    if (listener.complete >= config.max_pending) return pause(listener);
    sockaddr_in6 address{};
    socklen_t size = sizeof address;
    const long fd = kernel::invoke(SYS_accept4, listener.socket, &address, &size, SOCK_CLOEXEC);
    if (fd == -EAGAIN) return;
    if (is_transient(fd)) continue;
    const bool is_short = fd == -EMFILE || fd == -ENFILE;
    if (is_short && (chores::evict_refused() || clients::evict_oldest())) continue;
    if (fd < 0) return report(listener, static_cast<int>(-fd));
    clients::add(static_cast<int>(fd), index, address, size);
  }
}

// What is handed over goes round until somebody accepts it: who has one that is complete leaves the
// others to others, or every accept would send all that wait round once more.
void on_handover(std::uint32_t index) {
  Listener& listener = at(index);
  clients::Client client;
  for (int i = 0; i < accepts_per_event && listener.take >= 0; ++i) {
    if (listener.complete != 0 && arena::is_shared(listener.record)) {
      listener.sated = true;
      return driver::forget(listener.take);
    }
    if (!handover::get(listener.take, client)) return;
    client.listener = index;
    clients::resume(client);
  }
}

void drop_after_fork() {
  for (Listener& listener : listeners.known()) {
    // The driver is the parent's: nothing is taken out of it.
    fds::close_internal(listener.socket);
    fds::close_internal(listener.ready);
    listener.socket = listener.ready = -1;
    listener.first = listener.last = listener.complete = 0;
    listener.paused = listener.sated = false;
    listener.waits = 0;
    listener.error = 0;
  }
}

bool owns_record(std::uint32_t record) {
  bool found = false;
  for_each_in_use([&](const Listener& one) { found = found || one.record == record; });
  return found;
}

void share_before_fork() {
  for_each_in_use([](Listener& listener) { share_complete(listener); });
}

void bequeath(std::uint32_t record, bool inherited, bool leaving) {
  for_each_in_use([&](Listener& listener) {
    if (listener.record != record) return;
    for (const int fd : {listener.give, listener.take}) {
      kernel::invoke(SYS_fcntl, fd, F_SETFD, inherited ? 0 : FD_CLOEXEC);
    }
    if (leaving) share_everything(listener);
  });
}

void share_all() {
  const driver::Guard guard;
  for_each_in_use(share);
}

}  // namespace wswrap::listeners
