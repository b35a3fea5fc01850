#include "shim/seccomp.h"

#include <sys/syscall.h>

#include <algorithm>
#include <array>

#include "shim/machine.h"

namespace wswrap::seccomp {

constinit std::atomic<bool> active{false};

namespace {

// A filter is added to those that its thread had before: each must let a call pass.
struct Filter {
  std::span<const filter::Instruction> program;  // empty: only what SECCOMP_MODE_STRICT permits
  int before = 0;                                // index + 1; 0: the first
};

// What the kernel takes at most for one thread. Pages that are not used are not there.
constexpr std::size_t most_instructions = 32768;
constinit std::array<filter::Instruction, most_instructions> instructions{};
constinit std::atomic<std::size_t> used{0};

constinit std::array<Filter, 64> filters{};
constinit std::atomic<int> filter_count{0};

// Newest filters, as index + 1.
constexpr int unmet = -1;
constinit thread_local int of_thread = unmet;
constinit std::atomic<int> of_any_thread{0};
constinit std::atomic<int> of_all_threads{0};

// AUDIT_ARCH_…: all of these are little-endian.
constexpr std::uint32_t architecture =
    own_machine | 0x40000000u | (sizeof(long) == 8 ? 0x80000000u : 0u);

// A copy of the program; none when there is no room left for it.
std::span<const filter::Instruction> keep(std::span<const filter::Instruction> program) {
  const std::size_t at = used.fetch_add(program.size());
  if (at + program.size() > instructions.size()) return {};
  const auto copy = std::span(instructions).subspan(at, program.size());
  std::ranges::copy(program, copy.begin());
  return copy;
}

bool is_permitted_in_strict_mode(long number) {
  return number == SYS_read || number == SYS_write || number == SYS_exit ||
         number == SYS_rt_sigreturn;
}

// Calls visit() for a filter and those before it until it returns false; returns whether it never
// did.
template <typename Visit>
bool all_of(int newest, Visit visit) {
  for (int next = newest; next > 0;) {
    const Filter& filter = filters[static_cast<std::size_t>(next - 1)];
    if (!visit(filter)) return false;
    next = filter.before;
  }
  return true;
}

bool passes(int newest, const filter::Call& call) {
  return all_of(newest, [&](const Filter& filter) {
    if (filter.program.empty()) return is_permitted_in_strict_mode(call.number);
    return filter::permits(filter::evaluate(filter.program, call));
  });
}

int filters_of_thread() {
  return of_thread == unmet ? of_any_thread.load(std::memory_order_acquire) : of_thread;
}

void install(std::span<const filter::Instruction> copy, bool all_threads) {
  const int index = filter_count.fetch_add(1);
  // A process with more filters than that has little left to forbid itself.
  if (index >= static_cast<int>(filters.size())) return;
  filters[static_cast<std::size_t>(index)] = {.program = copy, .before = filters_of_thread()};
  of_thread = index + 1;
  of_any_thread.store(index + 1, std::memory_order_release);
  if (all_threads) of_all_threads.store(index + 1, std::memory_order_release);
  active.store(true);
}

}  // namespace

void meet_thread() {
  if (of_thread == unmet) of_thread = of_any_thread.load(std::memory_order_acquire);
}

void add(std::span<const filter::Instruction> program, bool all_threads) {
  install(keep(program), all_threads);
}

void add_strict() { install({}, false); }

bool is_thread_strict() {
  return !all_of(filters_of_thread(), [](const Filter& filter) { return !filter.program.empty(); });
}

bool is_stopped(long number, const long (&arguments)[6]) {
  filter::Call call{};
  call.number = static_cast<int>(number);
  call.architecture = architecture;
  for (std::size_t i = 0; i < std::size(arguments); ++i) {
    call.arguments[i] = static_cast<unsigned long>(arguments[i]);
  }
  return !passes(filters_of_thread(), call) ||
         !passes(of_all_threads.load(std::memory_order_acquire), call);
}

}  // namespace wswrap::seccomp
