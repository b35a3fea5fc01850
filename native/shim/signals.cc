#include "shim/signals.h"

#include <signal.h>

#include "shim/kernel.h"

namespace wswrap {
namespace {

// The kernel's own struct sigaction, the same on x86-64 and arm64 up to the mask.
struct KernelSigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};

constexpr int last_signal = 64;

}  // namespace

bool signals_restart() {
  for (int signal = 1; signal <= last_signal; ++signal) {
    KernelSigaction action{};
    if (kernel::invoke(SYS_rt_sigaction, signal, nullptr, &action, sizeof action.mask) < 0)
      continue;
    if (action.handler == SIG_DFL || action.handler == SIG_IGN) continue;
    if ((action.flags & SA_RESTART) == 0) return false;
  }
  return true;
}

}  // namespace wswrap
