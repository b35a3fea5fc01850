// The hooks of stdio: those few functions that make a stream of a descriptor, tell the descriptor
// of a stream, or write to a descriptor by themselves. Everything else works on the streams that
// they make.
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>

#include "shim/fds.h"
#include "shim/hooks.h"
#include "shim/libc.h"
#include "shim/scratch.h"
#include "shim/streams.h"

// glibc's twin of vsnprintf for programs that were built with FORTIFY.
extern "C" [[gnu::weak]] int __vsnprintf_chk(char* out, std::size_t size, int flag,
                                             std::size_t room, const char* format, va_list list);

namespace wswrap {
namespace {

bool is_connection(int fd) { return fds::get(fd).is(fds::Kind::connection); }

int format_into(char* out, std::size_t size, int fortify, const char* format, va_list list) {
  va_list copy;
  va_copy(copy, list);
  const int length = fortify != 0 && __vsnprintf_chk != nullptr
                         ? __vsnprintf_chk(out, size, fortify, size, format, copy)
                         : std::vsnprintf(out, size, format, copy);
  va_end(copy);
  return length;
}

// vdprintf(3) to a connection.
int print(int fd, int fortify, const char* format, va_list list) {
  constexpr std::size_t usually_enough = 1024;
  char shortest[1];
  const int length = format_into(shortest, sizeof shortest, fortify, format, list);
  if (length < 0) return length;
  const auto size = static_cast<std::size_t>(length);
  Scratch<char, usually_enough> text(size + 1);
  if (text.data() == nullptr) {
    errno = ENOMEM;
    return -1;
  }
  format_into(text.data(), size + 1, fortify, format, list);
  for (std::size_t done = 0; done < size;) {
    const ssize_t put = hook_write(fd, text.data() + done, size - done);
    if (put < 0) return -1;
    done += static_cast<std::size_t>(put);
  }
  return length;
}

// freopen(3). A standard stream gives up its connection and is libc's own again. Any other stream
// cannot become a file's: it is closed, as POSIX says of one that cannot be opened.
FILE* reopen(FILE* (*real)(const char*, const char*, FILE*), const char* path, const char* mode,
             FILE* stream) {
  const int fd = streams::number_of(stream);
  if (fd < 0) return real(path, mode, stream);
  FILE* const* const standard[] = {&stdin, &stdout, &stderr};
  const bool is_standard = fd <= STDERR_FILENO && *standard[fd] == stream;
  std::fclose(stream);
  if (is_standard && path != nullptr) return real(path, mode, *standard[fd]);
  errno = ENXIO;
  return nullptr;
}

}  // namespace

FILE* hook_fdopen(int fd, const char* mode) {
  return is_connection(fd) ? streams::open(fd, mode) : libc.fdopen(fd, mode);
}

int hook_fileno(FILE* stream) {
  const int fd = streams::number_of(stream);
  return fd >= 0 ? fd : libc.fileno(stream);
}

int hook_fileno_unlocked(FILE* stream) { return hook_fileno(stream); }

FILE* hook_freopen(const char* path, const char* mode, FILE* stream) {
  return reopen(libc.freopen, path, mode, stream);
}

FILE* hook_freopen64(const char* path, const char* mode, FILE* stream) {
  return reopen(libc.freopen64, path, mode, stream);
}

int hook_vdprintf(int fd, const char* format, va_list list) {
  return is_connection(fd) ? print(fd, 0, format, list) : libc.vdprintf(fd, format, list);
}

int hook___vdprintf_chk(int fd, int flag, const char* format, va_list list) {
  return is_connection(fd) ? print(fd, flag, format, list)
                           : libc.__vdprintf_chk(fd, flag, format, list);
}

int hook_dprintf(int fd, const char* format, ...) {
  va_list list;
  va_start(list, format);
  const int length = hook_vdprintf(fd, format, list);
  va_end(list);
  return length;
}

int hook___dprintf_chk(int fd, int flag, const char* format, ...) {
  va_list list;
  va_start(list, format);
  const int length = hook___vdprintf_chk(fd, flag, format, list);
  va_end(list);
  return length;
}

}  // namespace wswrap
