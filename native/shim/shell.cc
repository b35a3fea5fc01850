// system(3) and popen(3): libc starts the shell in a way of its own, past every hook, with the
// environment that this process has at that moment. Where the process has cleaned it of the shim,
// and the shell will need that, libc is lent another one.
#include <unistd.h>

#include <cerrno>

#include "shim/environment.h"
#include "shim/exec.h"
#include "shim/heritage.h"
#include "shim/hooks.h"
#include "shim/libc.h"
#include "shim/process.h"

namespace wswrap {
namespace {

// The shell gets what is not close-on-exec.
bool needs_shim() {
  if (!exec::all_ports_served(0)) return true;
  bool found = false;
  for_each_ours(process::is_borrowed(),
                [&](int fd, bool, std::uint32_t) { found = found || is_inherited(fd); });
  return found || any_channel(is_inherited);
}

// For a scope. No other thread may change the environment meanwhile, as in getenv(3).
class Lending {
 public:
  Lending() : own_(environ), child_(own_, environment::Shim::kept), lent_(own_) {
    if (child_.lines() == own_ || !needs_shim()) return;
    failed_ = child_.lines() == nullptr;
    if (!failed_) environ = lent_ = const_cast<char**>(child_.lines());
  }
  ~Lending() {
    if (environ == lent_) environ = own_;
  }
  Lending(const Lending&) = delete;
  Lending& operator=(const Lending&) = delete;

  // There was no room for it.
  bool failed() const { return failed_; }

 private:
  char** own_;
  environment::Child child_;
  char** lent_;
  bool failed_ = false;
};

}  // namespace

int hook_system(const char* command) {
  const Lending lending;
  if (!lending.failed()) return libc.system(command);
  errno = E2BIG;
  return -1;
}

FILE* hook_popen(const char* command, const char* mode) {
  const Lending lending;
  if (!lending.failed()) return libc.popen(command, mode);
  errno = E2BIG;
  return nullptr;
}

}  // namespace wswrap
