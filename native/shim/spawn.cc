#include "shim/spawn.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

#include "shim/arena.h"
#include "shim/config.h"
#include "shim/driver.h"
#include "shim/environment.h"
#include "shim/exec.h"
#include "shim/fds.h"
#include "shim/file_actions.h"
#include "shim/heritage.h"
#include "shim/kernel.h"
#include "shim/listeners.h"
#include "shim/lock.h"
#include "shim/process.h"
#include "shim/program.h"
#include "shim/result.h"
#include "shim/scratch.h"
#include "shim/search.h"

namespace wswrap::spawn {
namespace {

using file_actions::Action;
using program::Verdict;

// The numbers under which the child has what its parent has under one.
class Places {
 public:
  Places(int fd, bool inherited, const posix_spawn_file_actions_t* actions)
      : origin_(fd), numbers_{{fd, inherited}}, count_(1) {
    file_actions::for_each(actions, [&](const Action& action) { apply(action); });
  }

  // The child has it at all.
  bool any() const {
    return unsure_ || std::any_of(numbers_.begin(), numbers_.begin() + count_,
                                  [](const Place& place) { return place.inherited; });
  }

  // The child was meant to have it: it is a standard stream, or was put where it is.
  bool intended() const {
    return unsure_ || std::any_of(numbers_.begin(), numbers_.begin() + count_, [&](const Place& p) {
             return p.inherited && (p.number <= STDERR_FILENO || p.number != origin_);
           });
  }

 private:
  struct Place {
    int number = -1;
    bool inherited = false;  // not close-on-exec
  };

  void apply(const Action& action) {
    switch (action.kind) {
      case Action::Kind::close:
      case Action::Kind::open:
        return remove([&](int number) { return number == action.fd; });
      case Action::Kind::close_from:
        return remove([&](int number) { return number >= action.fd; });
      case Action::Kind::duplicate: {
        const bool ours = has(action.fd);
        remove([&](int number) { return number == action.target; });
        if (ours) add(action.target);
        return;
      }
      case Action::Kind::unknown:
        unsure_ = true;
        return;
      case Action::Kind::enter:
      case Action::Kind::enter_descriptor:
      case Action::Kind::other:
        return;
    }
  }

  bool has(int number) const {
    return std::any_of(numbers_.begin(), numbers_.begin() + count_,
                       [&](const Place& place) { return place.number == number; });
  }

  void add(int number) {
    if (count_ == numbers_.size()) {
      unsure_ = true;
      return;
    }
    numbers_[count_++] = {number, true};
  }

  template <typename Matches>
  void remove(Matches matches) {
    const auto end = std::remove_if(numbers_.begin(), numbers_.begin() + count_,
                                    [&](const Place& place) { return matches(place.number); });
    count_ = static_cast<std::size_t>(end - numbers_.begin());
  }

  int origin_;
  std::array<Place, 16> numbers_;
  std::size_t count_;
  bool unsure_ = false;
};

// The folder from which the child looks for its program.
class Folder {
 public:
  explicit Folder(const posix_spawn_file_actions_t* actions) {
    file_actions::for_each(actions, [&](const Action& action) {
      if (action.kind == Action::Kind::enter_descriptor) replace(dup(action.fd));
      if (action.kind == Action::Kind::enter) {
        replace(kernel::invoke(SYS_openat, fd_, action.path, O_PATH | O_DIRECTORY | O_CLOEXEC));
      }
    });
  }
  ~Folder() { replace(AT_FDCWD); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  int fd() const { return static_cast<int>(fd_); }

 private:
  static long dup(int fd) { return kernel::invoke(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0); }
  void replace(long fd) {
    if (fd_ >= 0) kernel::invoke(SYS_close, fd_);
    fd_ = fd;
  }
  long fd_ = AT_FDCWD;
};

Verdict inspect(const Request& request) {
  const Folder folder(request.actions);
  Verdict verdict = Verdict::unknown;
  const auto look = [&](const char* path) {
    verdict = program::inspect(folder.fd(), path, 0, environment::shim());
    return verdict == Verdict::unknown;
  };
  if (request.searches) {
    search::for_each_candidate(request.file, look);
  } else {
    look(request.file);
  }
  return verdict;
}

// The child to come has a place among the holders of what it gets, so that its parent may close its
// own copies at once.
class Reservation {
 public:
  explicit Reservation(const Request& request) : reserved_(arena::next_reservation()) {
    const driver::Guard guard;
    for_each_ours(process::is_borrowed(), [&](int fd, bool is_listener, std::uint32_t record) {
      if (!Places(fd, is_inherited(fd), request.actions).any()) return;
      holds_ = true;
      arena::join(record, reserved_);
      if (is_listener) listeners::bequeath(record, true, false);
    });
    may_get_ = holds_ || any_channel([&](int fd) {
                 return Places(fd, is_inherited(fd), request.actions).any();
               });
  }

  // The child will hold a connection, a listener, or what it may get one by.
  bool holds() const { return may_get_; }

  // `child` is 0 if there is none.
  void settle(std::uint32_t child) const {
    if (!holds_) return;
    arena::rename_everywhere(reserved_, child);
    for_each_ours(process::is_borrowed(), [](int, bool is_listener, std::uint32_t record) {
      if (is_listener) listeners::bequeath(record, false, false);
    });
  }

 private:
  std::uint32_t reserved_;
  bool holds_ = false;
  bool may_get_ = false;
};

// Keeps everything of ours from a program that cannot carry the shim.
class Withholding {
 public:
  explicit Withholding(const Request& request)
      : words_(static_cast<std::size_t>(fds::high_water()) / 64 + 1), marks_(words_) {
    if (marks_.data() == nullptr) return;
    std::fill_n(marks_.data(), words_, 0);
    const driver::Guard guard;
    for_each_ours(process::is_borrowed(), [&](int fd, bool is_listener, std::uint32_t record) {
      const Places places(fd, is_inherited(fd), request.actions);
      if (!places.any()) return;
      if (!places.intended()) {
        hide(fd);
      } else if (is_listener) {
        refused_ = true;
      } else {
        refuse_program(fd, record);
      }
    });
  }
  ~Withholding() {
    for (std::size_t word = 0; marks_.data() != nullptr && word < words_; ++word) {
      for (std::uint64_t left = marks_.data()[word]; left != 0; left &= left - 1) {
        const auto fd = word * 64 + static_cast<std::size_t>(std::countr_zero(left));
        kernel::invoke(SYS_fcntl, fd, F_SETFD, 0);
      }
    }
  }
  Withholding(const Withholding&) = delete;
  Withholding& operator=(const Withholding&) = delete;

  // It would get something of ours, or there is no memory: it must not be started.
  bool failed() { return refused_ || marks_.data() == nullptr; }

 private:
  // The descriptor is only close-on-exec for the moment.
  void hide(int fd) {
    const auto number = static_cast<std::size_t>(fd);
    if (number / 64 >= words_ || kernel::invoke(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC) < 0) {
      refused_ = true;
      return;
    }
    marks_.data()[number / 64] |= std::uint64_t{1} << (number % 64);
  }

  std::size_t words_;
  Scratch<std::uint64_t, 64> marks_;
  bool refused_ = false;
};

int run(const Request& request, pid_t* pid, const posix_spawnattr_t* attributes, char* const* argv,
        char* const* given, environment::Shim shim) {
  const environment::Child child(given, shim);
  if (child.lines() == nullptr) return E2BIG;
  return request.function(pid, request.file, request.actions, attributes, argv, child.lines());
}

}  // namespace

int start(const Request& request, pid_t* pid, const posix_spawnattr_t* attributes,
          char* const* argv, char* const* given) {
  const Verdict verdict = config.port_count != 0 ? inspect(request) : Verdict::unknown;
  if (verdict == Verdict::unknown) {
    return request.function(pid, request.file, request.actions, attributes, argv, given);
  }
  const KeepErrno keep;
  // The parent lives on: what it serves is served.
  const bool served = exec::all_ports_served(0);
  if (verdict != Verdict::carries) {
    if (!served && !exec::may_start(request.file, verdict)) return EACCES;
    Withholding withholding(request);
    if (withholding.failed()) return EACCES;
    return run(request, pid, attributes, argv, given, exec::shim_for(verdict, !served));
  }
  pid_t child = 0;
  const Reservation child_to_be(request);
  const bool wanted = child_to_be.holds() || !served;
  const int error = run(request, &child, attributes, argv, given, exec::shim_for(verdict, wanted));
  child_to_be.settle(error == 0 ? static_cast<std::uint32_t>(child) : 0);
  if (error == 0 && pid != nullptr) *pid = child;
  return error;
}

}  // namespace wswrap::spawn
