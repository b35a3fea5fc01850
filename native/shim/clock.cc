#include "shim/clock.h"

#include <link.h>
#include <sys/auxv.h>
#include <time.h>

#include <atomic>
#include <cstring>
#include <string_view>

#include "shim/kernel.h"

namespace wswrap {
namespace {

#if defined(__aarch64__)
constexpr std::string_view vdso_name = "__kernel_clock_gettime";
#else
constexpr std::string_view vdso_name = "__vdso_clock_gettime";
#endif

using ClockGettime = int(clockid_t, timespec*);

int ask_kernel(clockid_t clock, timespec* now) {
  return static_cast<int>(kernel::invoke(SYS_clock_gettime, clock, now));
}

// The kernel's function in the page of code that it maps into every process (vdso(7)), or null.
ClockGettime* find_in_vdso() {
  const auto base = static_cast<ElfW(Addr)>(getauxval(AT_SYSINFO_EHDR));
  if (base == 0) return nullptr;
  const auto* image = reinterpret_cast<const ElfW(Ehdr)*>(base);
  const auto* headers = reinterpret_cast<const ElfW(Phdr)*>(base + image->e_phoff);
  ElfW(Addr) bias = base;
  const ElfW(Dyn)* dynamic = nullptr;
  for (int i = 0; i < image->e_phnum; ++i) {
    if (headers[i].p_type == PT_LOAD) bias = base + headers[i].p_offset - headers[i].p_vaddr;
    if (headers[i].p_type == PT_DYNAMIC) {
      dynamic = reinterpret_cast<const ElfW(Dyn)*>(base + headers[i].p_offset);
    }
  }
  const ElfW(Sym)* symbols = nullptr;
  const char* names = nullptr;
  for (; dynamic != nullptr && dynamic->d_tag != DT_NULL; ++dynamic) {
    const ElfW(Addr) address = bias + dynamic->d_un.d_ptr;
    if (dynamic->d_tag == DT_SYMTAB) symbols = reinterpret_cast<const ElfW(Sym)*>(address);
    if (dynamic->d_tag == DT_STRTAB) names = reinterpret_cast<const char*>(address);
  }
  if (symbols == nullptr || names == nullptr) return nullptr;
  // Linkers put the names right behind the symbols, whose number is not told elsewhere.
  const auto* end = reinterpret_cast<const ElfW(Sym)*>(names);
  for (const ElfW(Sym)* symbol = symbols; symbol + 1 <= end; ++symbol) {
    if (symbol->st_shndx != SHN_UNDEF && names + symbol->st_name == vdso_name) {
      return reinterpret_cast<ClockGettime*>(bias + symbol->st_value);
    }
  }
  return nullptr;
}

constinit std::atomic<ClockGettime*> clock_function{nullptr};

// Looked up at the first use: two threads that do so find the same.
ClockGettime* clock_to_ask() {
  ClockGettime* known = clock_function.load(std::memory_order_relaxed);
  if (known != nullptr) return known;
  known = find_in_vdso();
  if (known == nullptr) known = &ask_kernel;
  clock_function.store(known, std::memory_order_relaxed);
  return known;
}

}  // namespace

Nanoseconds monotonic_now() {
  if (seccomp::is_strict()) return 0;
  timespec now{};
  clock_to_ask()(CLOCK_MONOTONIC, &now);
  return to_nanoseconds(now);
}

Nanoseconds coarse_now() {
  if (seccomp::is_strict()) return 0;
  timespec now{};
  clock_to_ask()(CLOCK_MONOTONIC_COARSE, &now);
  return to_nanoseconds(now);
}

}  // namespace wswrap
