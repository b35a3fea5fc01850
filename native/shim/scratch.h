// Room for a call: on the stack as long as it is small, else from the kernel. Never from malloc.
#pragma once

#include <sys/mman.h>

#include <array>
#include <cstddef>

#include "shim/kernel.h"

namespace wswrap {

template <typename T, std::size_t inline_count>
class Scratch {
 public:
  explicit Scratch(std::size_t count) : size_(count * sizeof(T)) {
    if (count <= inline_count) {
      data_ = inline_.data();
      return;
    }
    data_ = static_cast<T*>(kernel::map(size_, MAP_PRIVATE | MAP_ANONYMOUS, -1));
  }
  ~Scratch() {
    if (data_ != nullptr && data_ != inline_.data()) kernel::invoke(SYS_munmap, data_, size_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // Null when the kernel has no memory.
  T* data() { return data_; }

 private:
  std::size_t size_;
  T* data_ = nullptr;
  std::array<T, inline_count> inline_;
};

}  // namespace wswrap
