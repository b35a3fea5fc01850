// Bytes for tests: literals, seeded randomness, and copies in heap blocks of their exact size, so
// that AddressSanitizer sees the first byte read or written outside.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wswrap::test {

using Bytes = std::vector<std::byte>;

inline Bytes bytes(std::string_view text) {
  const auto view = std::as_bytes(std::span{text});
  return {view.begin(), view.end()};
}

// Bytes from hexadecimal digits; blanks are for the reader.
inline Bytes hex(std::string_view digits) {
  Bytes result;
  int high = -1;
  for (const char c : digits) {
    if (c == ' ') continue;
    const int value = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = value;
    } else {
      result.push_back(static_cast<std::byte>(high << 4 | value));
      high = -1;
    }
  }
  return result;
}

inline std::string to_hex(std::span<const std::byte> data) {
  std::string result;
  for (const std::byte b : data) {
    for (const int shift : {4, 0}) {
      result += "0123456789abcdef"[std::to_integer<unsigned>(b) >> shift & 15];
    }
  }
  return result;
}

inline void append(Bytes& to, std::span<const std::byte> what) {
  to.insert(to.end(), what.begin(), what.end());
}

class Exact {
 public:
  explicit Exact(std::size_t size) : data_(new std::byte[size]), size_(size) {}
  explicit Exact(std::span<const std::byte> source) : Exact(source.size()) {
    std::copy(source.begin(), source.end(), data_.get());
  }
  std::span<std::byte> span() const { return {data_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t size_;
};

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  // 0 to limit - 1.
  std::size_t below(std::size_t limit) { return engine_() % limit; }
  bool chance(std::size_t one_in) { return below(one_in) == 0; }
  std::byte byte() { return static_cast<std::byte>(engine_()); }

  Bytes bytes(std::size_t size) {
    Bytes result(size);
    for (std::byte& b : result) b = byte();
    return result;
  }

  template <typename T>
  const T& pick(const std::vector<T>& choices) {
    return choices[below(choices.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace wswrap::test
