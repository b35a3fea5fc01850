// A table of fixed size whose free slots are found at once, however many are in use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace wswrap {

// `T` tells by itself whether its slot is in use, for whoever goes through the table.
template <typename T, std::size_t size>
class Slots {
 public:
  // A free slot, or null when there is none.
  T* take() {
    if (free_ == 0) return peak_ < size ? &items_[peak_++] : nullptr;
    const std::uint32_t slot = free_ - 1;
    free_ = next_[slot];
    return &items_[slot];
  }

  // The slot is free again.
  void give_back(T& item) {
    const std::uint32_t slot = number_of(item);
    item = {};
    next_[slot] = free_;
    free_ = slot + 1;
  }

  std::uint32_t number_of(const T& item) const {
    return static_cast<std::uint32_t>(&item - items_.data());
  }

  T& operator[](std::uint32_t slot) { return items_[slot % size]; }

  // Those that have ever been in use.
  std::span<T> known() { return std::span(items_).first(peak_); }

  // Nothing is in use any more; what is known was set free by the caller.
  void clear() { free_ = peak_ = 0; }

 private:
  std::array<T, size> items_{};
  std::array<std::uint32_t, size> next_{};
  std::uint32_t free_ = 0;  // slot + 1
  std::uint32_t peak_ = 0;
};

}  // namespace wswrap
