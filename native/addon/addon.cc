// The addon's entry: the codec for JavaScript, and the few calls of libc that Node lacks.
#include "addon/addon.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  using namespace wswrap::addon;
  exports = init_accounts(env, exports);
  exports = init_codec(env, exports);
  exports = init_descriptors(env, exports);
  exports = init_execve(env, exports);
  exports = init_memory(env, exports);
  exports = init_syslog(env, exports);
  return init_xattr(env, exports);
}

}  // namespace

NODE_API_MODULE(wswrap, init)
