// Memory that the kernel copies to and from at one speed, whichever loop it belongs to.
//
// `rep movsb`, by which Linux copies where the processor says that this is fast (FSRM), takes
// twenty times as long on AMD's Zen 3 and later when the destination lies less than 32 bytes behind
// the source, both taken modulo the page (sourceware.org/PR30994). What malloc returns for a large
// buffer lies sixteen bytes behind a page, and what lies in a socket often begins with one: so
// plain TCP was measured at a third of its speed. From the middle of a page it is far to either
// side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace bench {

class Buffer {
 public:
  explicit Buffer(std::size_t size) : memory_(new char[size + 2 * page]) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
    bytes_ = std::span(memory_.get() + (page - address % page) + page / 2, size);
  }

  char* data() const { return bytes_.data(); }
  std::span<char> bytes() const { return bytes_; }

 private:
  static constexpr std::size_t page = 4096;
  std::unique_ptr<char[]> memory_;  // not cleared: what nobody uses takes no memory
  std::span<char> bytes_;
};

}  // namespace bench
