#include "shim/process.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string_view>
#include <utility>

#include "shim/arena.h"
#include "shim/chores.h"
#include "shim/config.h"
#include "shim/descriptors.h"
#include "shim/driver.h"
#include "shim/environment.h"
#include "shim/epoll.h"
#include "shim/fds.h"
#include "shim/heartbeat.h"
#include "shim/kernel.h"
#include "shim/libc.h"
#include "shim/listeners.h"
#include "shim/lock.h"
#include "shim/open_fds.h"
#include "shim/references.h"
#include "shim/standard_streams.h"
#include "shim/streams.h"
#include "shim/trace.h"

namespace wswrap::process {
namespace {

constinit std::atomic<std::uint32_t> own_id{0};

constexpr int exit_failure = 125;

// Fails closed: a server that was to be wrapped does not run unwrapped.
[[noreturn]] void fail_start(std::string_view what, std::string_view subject) {
  complain({what, " ", subject});
  kernel::invoke(SYS_exit_group, exit_failure);
  __builtin_unreachable();
}

// The first process of a tree makes the arena, so that all processes share one: a connection may be
// passed to a process that is no descendant of the one that accepted it.
void adopt_arena() {
  fds::for_each_open([](int fd) { arena::adopt(fd); });
  if (!arena::open()) fail_start("no memory for the records of connections", {});
}

// A client that the program has in place of its standard error is not told of our doings.
bool may_log() {
  return !config.log_file.empty() || arena::find(arena::cookie_of(STDERR_FILENO)) == arena::none;
}

// The thread that called execve(2) halted all transfers, and is this one if it was the first.
void free_locks(std::uint32_t index) {
  arena::Record& record = arena::at(index);
  if (record.receive_lock.is_mine()) record.receive_lock.OwnerLock::release();
  if (record.transmit_lock.is_mine()) record.transmit_lock.OwnerLock::release();
}

// What else this process was born with: connections from a parent that wraps them, listeners from
// socket activation.
void adopt_descriptors() {
  fds::for_each_open([](int fd) {
    if (fds::get(fd).plain() && descriptors::adopt(fd) != 0) {
      fail_start("cannot wrap an inherited listener", {});
    }
  });
  fds::for_each(fds::Kind::connection, [](int, std::uint32_t index) { free_locks(index); });
  arena::leave_unless(id(), [](std::uint32_t index) {
    return references::count_for(index) != 0 || listeners::owns_record(index);
  });
}

// Of the fork that this thread makes; others may be making theirs. 0: none, or one that needs
// nothing.
constinit thread_local std::uint32_t reservation = 0;
constinit thread_local bool prepared = false;

[[gnu::constructor(101)]] void start() {
  resolve_libc();
  own_id.store(static_cast<std::uint32_t>(kernel::call(SYS_getpid)));
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  if (const char* wrong = read_config(environ)) {
    fail_start("not starting an unwrapped server: no sense in the value of", wrong);
  }
  if (config.port_count == 0) return;
  environment::find_shim();
  adopt_arena();
  if (config.log_level != LogLevel::quiet && may_log() && !open_log()) {
    fail_start("cannot open the log file", config.log_file);
  }
  adopt_descriptors();
  standard_streams::follow_all();
}

[[gnu::destructor(101)]] void stop() { streams::after_flush(at_exit); }

}  // namespace

std::uint32_t id() { return own_id.load(std::memory_order_relaxed); }

bool is_borrowed() {
  const long actual = kernel::call(SYS_getpid);
  // A process that must not ask is what it was.
  return actual > 0 && static_cast<std::uint32_t>(actual) != id();
}

// The driver first, as everywhere.
void before_fork() {
  if (!fds::any() || is_borrowed()) return;
  driver::hold_for_fork();
  epoll::before_fork();
  prepared = true;
  listeners::share_before_fork();
  reservation = references::before_fork();
}

void after_fork_in_parent() {
  if (!prepared || is_borrowed()) return;
  prepared = false;
  epoll::after_fork_in_parent();
  driver::release_after_fork();
}

void after_fork_in_child() {
  forget_thread_id();
  own_id.store(static_cast<std::uint32_t>(kernel::call(SYS_getpid)));
  if (!prepared) return;
  prepared = false;
  epoll::after_fork_in_child();
  driver::drop_after_fork();
  references::after_fork_in_child(std::exchange(reservation, 0));
  heartbeat::start();
  chores::resume_after_fork();
}

void settle_fork(long child) {
  const std::uint32_t settled = std::exchange(reservation, 0);
  if (settled == 0) return;
  if (child < 0) {
    references::on_failed_fork(settled);
  } else {
    references::after_fork_in_parent(settled, static_cast<std::uint32_t>(child));
  }
}

void at_exit() {
  if (!fds::any() || is_borrowed()) return;
  listeners::share_all();
  fds::for_each(fds::Kind::connection, [](int fd, std::uint32_t index) {
    if (!references::drop(fd, index)) return;
    fds::set(fd, fds::Entry::lingering(index));
    descriptors::end_connection(fd, index, codec::close_code::going_away);
  });
  chores::finish();
}

}  // namespace wswrap::process
