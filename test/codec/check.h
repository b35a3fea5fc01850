// A test framework of forty lines: tests register themselves by existing, failures say where.
#pragma once

#include <functional>
#include <iostream>
#include <source_location>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace wswrap::test {

struct Test {
  Test(std::string name, std::function<void()> body) {
    all().push_back({std::move(name), std::move(body)});
  }

  struct Entry {
    std::string name;
    std::function<void()> body;
  };
  static std::vector<Entry>& all();
};

// Counts a failure and prints it, with the test's name, the place and what was expected.
void report_failure(std::string_view what, std::source_location place);

inline void expect(bool holds, std::string_view what,
                   std::source_location place = std::source_location::current()) {
  if (!holds) report_failure(what, place);
}

template <typename Actual, typename Expected>
void expect_equal(const Actual& actual, const Expected& expected, std::string_view what,
                  std::source_location place = std::source_location::current()) {
  if (actual == expected) return;
  std::ostringstream text;
  text << what << ": got " << actual << ", expected " << expected;
  report_failure(text.str(), place);
}

}  // namespace wswrap::test
