// The receiver as a JavaScript class.
#pragma once

#include <napi.h>

namespace wswrap::addon {

// The constructor; see Receiver in src/codec.ts.
Napi::Function receiver_class(Napi::Env env);

}  // namespace wswrap::addon
