// The sender as a JavaScript class.
#pragma once

#include <napi.h>

namespace wswrap::addon {

// The constructor; see Sender in src/codec.ts.
Napi::Function sender_class(Napi::Env env);

}  // namespace wswrap::addon
