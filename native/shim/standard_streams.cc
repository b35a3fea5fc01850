#include "shim/standard_streams.h"

#include <stdio_ext.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "shim/driver.h"
#include "shim/fds.h"
#include "shim/iostreams.h"
#include "shim/libc.h"
#include "shim/process.h"
#include "shim/result.h"
#include "shim/streams.h"

namespace wswrap::standard_streams {

#ifdef __GLIBC__

namespace {

// What libc gives to a stream on a socket.
constexpr std::size_t buffer_size = 4096;

struct Standard {
  std::FILE** variable;
  const char* mode;
  int buffering;  // of a stream that nobody has used or set
  std::FILE* native = nullptr;
  std::FILE* ours = nullptr;
  std::array<char, buffer_size> buffer{};
};

constinit std::array<Standard, 3> standard{
    {{.variable = &stdin, .mode = "r", .buffering = _IOFBF},
     {.variable = &stdout, .mode = "w", .buffering = _IOFBF},
     {.variable = &stderr, .mode = "w", .buffering = _IONBF}}};

int number_of(const Standard& one) { return static_cast<int>(&one - standard.data()); }

// False once the program has closed it.
bool is_open(const Standard& one) { return streams::number_of(one.ours) == number_of(one); }

void make(Standard& one) {
  const int fd = number_of(one);
  if (is_open(one) || libc.fileno(*one.variable) != fd) return;
  one.native = *one.variable;
  one.ours = streams::open(fd, one.mode, fd == STDIN_FILENO ? one.native : nullptr);
}

void copy_buffering(Standard& one, std::FILE* from, std::FILE* to) {
  const std::size_t size = __fbufsize(from);
  const int used = __flbf(from) != 0 ? _IOLBF : size == 1 ? _IONBF : _IOFBF;
  const int buffering = size == 0 && used == _IOFBF ? one.buffering : used;
  const bool keeps = to == one.ours && buffering != _IONBF;
  setvbuf(to, keeps ? one.buffer.data() : nullptr, buffering, keeps ? buffer_size : 0);
}

// What was written and waits to be flushed.
void move_pending(std::FILE* from, std::FILE* to) {
  // Somebody is printing at this moment.
  if (ftrylockfile(from) != 0) return;
  if (const std::size_t pending = __fpending(from); pending > 0) {
    fwrite_unlocked(from->_IO_write_base, 1, pending, to);
    __fpurge(from);
  }
  funlockfile(from);
}

void change(Standard& one, std::FILE* from, std::FILE* to) {
  if (__fpending(to) == 0) copy_buffering(one, from, to);
  *one.variable = to;
  iostreams::replace(from, to);
  if (&one != &standard[STDIN_FILENO]) move_pending(from, to);
}

}  // namespace

void prepare() {
  const driver::Guard guard;
  for (Standard& one : standard) make(one);
  iostreams::find();
}

void follow(int fd) {
  if (static_cast<unsigned>(fd) >= standard.size()) return;
  const bool wanted = fds::get(fd).is(fds::Kind::connection);
  Standard& one = standard[static_cast<std::size_t>(fd)];
  const bool have = one.ours != nullptr && *one.variable == one.ours;
  if (wanted == have || process::is_borrowed()) return;
  const KeepErrno keep;
  if (!wanted) {
    if (is_open(one)) return change(one, one.ours, one.native);
    *one.variable = one.native;
    iostreams::replace(one.ours, one.native);
    one.ours = nullptr;
    return;
  }
  prepare();
  // Else the program has put a stream of its own there.
  if (is_open(one) && *one.variable == one.native) change(one, one.native, one.ours);
}

#else

void prepare() {}
void follow(int) {}

#endif

void follow_all() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) follow(fd);
}

}  // namespace wswrap::standard_streams
