#include "shim/signals.h"

#include <signal.h>

#include "shim/kernel.h"

namespace wswrap {
namespace {

// The kernel's own struct sigaction, the same on x86 and arm64 up to the mask.
struct KernelSigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  std::uint64_t mask;
};

constexpr int last_signal = 64;

// The kernel's sigset is the first word of libc's.
constexpr std::size_t kernel_mask_size = sizeof(std::uint64_t);

// Raised by the code that runs, or by libc for itself: they do not interrupt a wait.
bool is_internal(int signal) {
  switch (signal) {
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
    case SIGABRT:
    case 32:
    case 33:
      return true;
    default:
      return false;
  }
}

}  // namespace

void SignalsInWaits::engage() {
  if (engaged_) return;
  const std::uint64_t all = ~std::uint64_t{0};
  engaged_ = kernel::invoke(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before_, kernel_mask_size) == 0;
}

SignalsInWaits::~SignalsInWaits() {
  if (engaged_) {
    kernel::invoke(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, kernel_mask_size);
  }
}

bool signals_restart() {
  for (int signal = 1; signal <= last_signal; ++signal) {
    if (is_internal(signal)) continue;
    KernelSigaction action{};
    if (kernel::invoke(SYS_rt_sigaction, signal, nullptr, &action, sizeof action.mask) < 0)
      continue;
    if (action.handler == SIG_DFL || action.handler == SIG_IGN) continue;
    if ((action.flags & SA_RESTART) == 0) return false;
  }
  return true;
}

}  // namespace wswrap
