// What a hook returns, before it becomes a return value and errno at the border.
#pragma once

#include <cerrno>
#include <cstddef>

namespace wswrap {

struct Result {
  long value = 0;
  int error = 0;  // an errno, 0 on success
  bool foreign =
      false;  // the descriptor turned out not to be ours: the real function must serve it

  static constexpr Result ok(long value) { return {.value = value}; }
  static constexpr Result fail(int error) { return {.value = -1, .error = error}; }
  // A call that did something before it met an error reports what it did.
  static constexpr Result partial(std::size_t done, int error) {
    return done > 0 ? ok(static_cast<long>(done)) : fail(error);
  }
  static constexpr Result not_ours() { return {.value = -1, .error = ENOTSOCK, .foreign = true}; }
};

// Keeps errno as it was for the scope: success must not touch it, and our own calls into libc do.
class KeepErrno {
 public:
  KeepErrno() : saved_(errno) {}
  ~KeepErrno() { errno = saved_; }
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;

 private:
  int saved_;
};

}  // namespace wswrap
