// Runs every registered test, or those whose name contains the first argument. Exits with 1 if any
// failed; prints the time of each, so that a slow one is seen.
#include <chrono>
#include <cstdlib>

#include "check.h"

namespace wswrap::test {
namespace {

std::string current;
int failures = 0;

}  // namespace

std::vector<Test::Entry>& Test::all() {
  static std::vector<Entry> entries;
  return entries;
}

void report_failure(std::string_view what, std::source_location place) {
  std::cout << place.file_name() << ':' << place.line() << ": " << current << ": " << what << '\n';
  // One cause often fails thousands of random cases: the first few tell enough.
  if (++failures == 20) std::exit(1);
}

}  // namespace wswrap::test

int main(int argc, char** argv) {
  using namespace wswrap::test;
  using std::chrono::steady_clock;
  const std::string_view filter = argc > 1 ? argv[1] : "";
  for (const Test::Entry& test : Test::all()) {
    if (test.name.find(filter) == std::string::npos) continue;
    current = test.name;
    const int failed_before = failures;
    const auto start = steady_clock::now();
    test.body();
    const auto time =
        std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start);
    std::cout << (failures == failed_before ? "ok   " : "FAIL ") << test.name << " ("
              << time.count() << " ms)\n";
  }
  return failures == 0 ? 0 : 1;
}
