// The HTTP answer to an opening handshake, written piece by piece into a bounded buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string_view>

namespace wswrap::codec {

class Answer {
 public:
  explicit Answer(std::span<char> buffer) : buffer_(buffer) {}

  // Appends text; from the first piece that does not fit, everything is left out and fits() is
  // false.
  void add(std::string_view text) {
    fits_ = fits_ && text.size() <= buffer_.size() - size_;
    if (!fits_ || text.empty()) return;
    std::memcpy(buffer_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }

  void add(std::initializer_list<std::string_view> pieces) {
    for (const std::string_view piece : pieces) add(piece);
  }

  void add_number(std::size_t number) {
    char digits[20];
    std::size_t size = 0;
    do digits[sizeof digits - ++size] = static_cast<char>('0' + number % 10);
    while ((number /= 10) > 0);
    add(std::string_view{digits + sizeof digits - size, size});
  }

  bool fits() const { return fits_; }
  std::size_t size() const { return size_; }

 private:
  std::span<char> buffer_;
  std::size_t size_ = 0;
  bool fits_ = true;
};

// Writes a refusal: status line, headers and `reason` as a line of text. Returns its size.
std::size_t write_refusal(std::uint16_t status, std::string_view reason, std::span<char> buffer);

}  // namespace wswrap::codec
