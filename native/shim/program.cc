#include "shim/program.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "shim/kernel.h"
#include "shim/machine.h"
#include "shim/proc.h"

namespace wswrap::program {
namespace {

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);
using Section = ElfW(Shdr);

constexpr unsigned char own_class = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
#if defined(__GLIBC__)
constexpr bool own_libc_is_musl = false;
#else
constexpr bool own_libc_is_musl = true;
#endif

// The kernel looks at this much of a file, and goes through that many interpreters.
constexpr std::size_t head_size = 256;
constexpr int max_depth = 5;

using Head = std::array<char, head_size>;

// The file that a descriptor stands for, or -errno. One that was opened for its path alone (O_PATH)
// cannot be read.
long reopen(int fd) {
  const long flags = kernel::invoke(SYS_fcntl, fd, F_GETFL);
  if (flags < 0) return flags;
  if ((flags & O_PATH) == 0) return kernel::invoke(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0);
  const long opened = (ProcPath() << "self/fd/" << static_cast<std::uint32_t>(fd)).open();
  return opened == -ENOENT ? -EACCES : opened;
}

// The file that execveat(2) would start, or -errno.
long open_image(int folder, const char* path, int flags) {
  if (*path == '\0' && (flags & AT_EMPTY_PATH) != 0) return reopen(folder);
  const int follow = (flags & AT_SYMLINK_NOFOLLOW) != 0 ? O_NOFOLLOW : 0;
  return kernel::invoke(SYS_openat, folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | follow);
}

// A file that is open for as long as it is looked at.
class File {
 public:
  explicit File(long fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) kernel::invoke(SYS_close, fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  long error() const { return fd_ < 0 ? fd_ : 0; }
  int fd() const { return static_cast<int>(fd_); }

  // Returns how many bytes there were.
  std::size_t read(std::uint64_t offset, void* out, std::size_t size) const {
    const long got = kernel::read_at(fd(), out, size, static_cast<std::int64_t>(offset));
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  }

  template <typename T>
  bool read(std::uint64_t offset, T& out) const {
    return read(offset, &out, sizeof out) == sizeof out;
  }

 private:
  long fd_;
};

std::size_t at_most(std::uint64_t size, std::size_t most) {
  return size < most ? static_cast<std::size_t>(size) : most;
}

// True when executing the file gives the process another user, another group, or capabilities.
bool changes_privileges(const File& file, const kernel::Status& status) {
  const kernel::Identity self = kernel::identity();
  const auto user = (status.mode & S_ISUID) != 0 ? status.user : self.effective_user;
  constexpr unsigned set_group = S_ISGID | S_IXGRP;
  const auto group = (status.mode & set_group) == set_group ? status.group : self.effective_group;
  if (user != self.user || group != self.group) return true;
  return self.user != 0 &&
         kernel::invoke(SYS_fgetxattr, file.fd(), "security.capability", nullptr, 0) > 0;
}

bool is_musl_loader(std::string_view path) { return path.find("/ld-musl-") != path.npos; }

// A dynamic loader that is started as a program honours LD_PRELOAD for the program it is given.
bool is_loader(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("ld-") || name.starts_with("ld.so") || name.starts_with("ld64.so");
}

// Go makes its system calls by itself, even where it is linked with a C library.
bool is_go(const File& file, const Header& header) {
  Section names{};
  const std::uint64_t at = header.e_shoff + std::uint64_t{header.e_shstrndx} * sizeof names;
  std::array<char, 4096> text;
  if (header.e_shstrndx == SHN_UNDEF || !file.read(at, names)) return false;
  const std::size_t size =
      file.read(names.sh_offset, text.data(), at_most(names.sh_size, text.size()));
  const std::string_view all(text.data(), size);
  return all.find(".gopclntab") != all.npos || all.find(".go.buildinfo") != all.npos;
}

Verdict inspect_elf(const File& file, std::string_view path) {
  Header header{};
  if (!file.read(0, header)) return Verdict::unknown;
  if (header.e_ident[EI_CLASS] != own_class || header.e_machine != own_machine) {
    return Verdict::foreign;
  }
  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    Segment segment{};
    if (!file.read(header.e_phoff + i * sizeof segment, segment)) return Verdict::unknown;
    if (segment.p_type != PT_INTERP) continue;
    Head name{};
    const std::size_t size =
        file.read(segment.p_offset, name.data(), at_most(segment.p_filesz, head_size));
    if (is_musl_loader({name.data(), size}) != own_libc_is_musl) return Verdict::foreign;
    return is_go(file, header) ? Verdict::fixed : Verdict::carries;
  }
  if (!is_loader(path)) return Verdict::fixed;
  return is_musl_loader(path) == own_libc_is_musl ? Verdict::carries : Verdict::foreign;
}

// execve(2) will fail: the effective user may not execute it, or there is no such file.
bool is_refused(int folder, const char* path) {
  constexpr long faccessat2 = 439;  // the same everywhere, but unknown to old headers
  constexpr int by_effective_user = 0x200;
  const long failed = kernel::invoke(faccessat2, folder, path, X_OK, by_effective_user);
  return failed < 0 && failed != -ENOSYS && failed != -EPERM;
}

// execve(2) will not find it either. Anything else that keeps us from looking must count against
// the program: it may get a connection.
bool is_absent(long error) {
  return error == -ENOENT || error == -ENOTDIR || error == -ELOOP || error == -ENAMETOOLONG ||
         error == -EBADF;
}

// The path in a script's first line, terminated; null if there is none.
const char* interpreter(Head& head, std::size_t size) {
  if (size < 2 || head[0] != '#' || head[1] != '!') return nullptr;
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  char* const end = std::find(head.data() + 2, head.data() + std::min(size, head_size - 1), '\n');
  char* const start = std::find_if_not(head.data() + 2, end, is_blank);
  char* const stop = std::find_if(start, end, is_blank);
  *stop = '\0';
  return start != stop ? start : nullptr;
}

Verdict inspect_file(const File& file, Head& head, const char* path, const char*& next) {
  kernel::Status status;
  if (kernel::status_of(file.fd(), status) < 0 || !S_ISREG(status.mode)) {
    return Verdict::unknown;
  }
  const std::size_t size = file.read(0, head.data(), head.size());
  next = interpreter(head, size);
  if (next != nullptr) return Verdict::unknown;
  if (size < SELFMAG || std::memcmp(head.data(), ELFMAG, SELFMAG) != 0) return Verdict::unknown;
  const Verdict verdict = inspect_elf(file, path);
  return verdict == Verdict::carries && changes_privileges(file, status) ? Verdict::privileged
                                                                         : verdict;
}

Verdict inspect_image(int folder, const char* path, int flags) {
  if (path == nullptr) return Verdict::unknown;
  if (*path != '\0' && is_refused(folder, path)) return Verdict::unknown;
  std::array<Head, 2> heads;
  for (int depth = 0; depth <= max_depth; ++depth) {
    const File file(open_image(folder, path, flags));
    if (is_absent(file.error())) return Verdict::unknown;
    if (file.error() != 0) return Verdict::unreadable;
    const char* next = nullptr;
    const Verdict verdict =
        inspect_file(file, heads[static_cast<std::size_t>(depth) % 2], path, next);
    if (next == nullptr) return verdict;
    folder = AT_FDCWD;
    path = next;
    flags = 0;
  }
  return Verdict::unknown;
}

// Without looking, the loader would go on without it.
bool is_readable(const char* path) { return File(open_image(AT_FDCWD, path, 0)).error() == 0; }

}  // namespace

Verdict inspect(int folder, const char* path, int flags, const char* shim) {
  const Verdict verdict = inspect_image(folder, path, flags);
  return verdict == Verdict::carries && !is_readable(shim) ? Verdict::unreachable : verdict;
}

std::string_view describe(Verdict verdict) {
  switch (verdict) {
    case Verdict::fixed:
      return "statically linked";
    case Verdict::foreign:
      return "built for another machine or C library";
    case Verdict::privileged:
      return "started with other privileges (setuid, setgid or capabilities)";
    case Verdict::unreadable:
      return "not readable";
    case Verdict::unreachable:
      return "started by a user who cannot read the shim's file";
    case Verdict::unknown:
    case Verdict::carries:
      break;
  }
  return "wrappable";
}

}  // namespace wswrap::program
