// A number in decimal digits, without stdio.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace wswrap {

class Decimal {
 public:
  explicit Decimal(std::uint64_t value) {
    do {
      digits_[--start_] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
  }
  std::string_view text() const { return {digits_.data() + start_, digits_.size() - start_}; }

 private:
  std::array<char, 20> digits_;
  std::size_t start_ = digits_.size();
};

}  // namespace wswrap
