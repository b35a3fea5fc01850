// The types of the hook table.
#pragma once

#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include <csignal>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>

// musl has such names as macros.
#undef freopen64

namespace wswrap {

// Where C libraries disagree about a parameter, the table has the type that this one declares.
template <typename Request>
Request request_of(int (*)(int, Request, ...));
template <typename Flags>
Flags flags_of(int (*)(int, mmsghdr*, unsigned, Flags));

using IoctlRequest = decltype(request_of(&::ioctl));
using MessageFlags = decltype(flags_of(&::sendmmsg));

// What 32-bit glibc's functions for times of 64 bits take (_TIME_BITS=64). Its headers show these
// types under the names of the narrow ones.
struct WideTimespec {
  std::int64_t tv_sec;
  std::int32_t tv_nsec;
  std::int32_t padding;
};
struct WideTimeval {
  std::int64_t tv_sec;
  std::int64_t tv_usec;
};

}  // namespace wswrap
