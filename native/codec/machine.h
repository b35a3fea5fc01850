// What this machine's processor can do beyond what every one of its kind can.
#pragma once

#ifdef __x86_64__

#include <cpuid.h>

#include <atomic>
#include <cstdint>

namespace wswrap::codec::machine {

enum class Answer : std::uint8_t { unknown, no, yes };

// Asks the processor, and whether the kernel keeps the wide registers (Intel SDM volume 1, 14.7.1).
// The compiler's own __builtin_cpu_supports() needs a constructor to have run, and calls may come
// before any.
inline bool asks_for_avx2() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0 || (c & bit_AVX) == 0) {
    return false;
  }
  unsigned low = 0, high = 0;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  constexpr unsigned sse_and_avx_state = 6;
  if ((low & sse_and_avx_state) != sse_and_avx_state) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_AVX2) != 0;
}

// Whoever asks first finds out; if two do at once, they find the same.
inline bool has_avx2() {
  static constinit std::atomic<Answer> known = Answer::unknown;
  Answer answer = known.load(std::memory_order_relaxed);
  if (answer == Answer::unknown) {
    answer = asks_for_avx2() ? Answer::yes : Answer::no;
    known.store(answer, std::memory_order_relaxed);
  }
  return answer == Answer::yes;
}

}  // namespace wswrap::codec::machine

#endif
