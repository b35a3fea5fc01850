// Files below /proc, named and read without stdio.
#pragma once

#include <fcntl.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "shim/decimal.h"
#include "shim/kernel.h"

namespace wswrap {

// A path that begins with "/proc/".
class ProcPath {
 public:
  ProcPath() { *this << "/proc/"; }

  ProcPath& operator<<(std::string_view text) {
    // The last byte stays 0.
    const std::size_t room = text_.size() - 1 - size_;
    const std::size_t size = text.size() < room ? text.size() : room;
    std::memcpy(text_.data() + size_, text.data(), size);
    size_ += size;
    return *this;
  }
  ProcPath& operator<<(std::uint32_t number) { return *this << Decimal(number).text(); }

  // A descriptor to read from, or -errno.
  long open() const {
    return kernel::invoke(SYS_openat, AT_FDCWD, text_.data(), O_RDONLY | O_CLOEXEC);
  }

  // Reads the beginning of the file. Empty when it cannot be read.
  std::string_view read(std::span<char> buffer) const {
    const long fd = open();
    if (fd < 0) return {};
    const long got = kernel::invoke(SYS_read, fd, buffer.data(), buffer.size());
    kernel::invoke(SYS_close, fd);
    return {buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
  }

  // Where the symbolic link leads. Empty when it is none.
  std::string_view target(std::span<char> buffer) const {
    const long got =
        kernel::invoke(SYS_readlinkat, AT_FDCWD, text_.data(), buffer.data(), buffer.size());
    return {buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
  }

 private:
  std::array<char, 64> text_{};
  std::size_t size_ = 0;
};

}  // namespace wswrap
