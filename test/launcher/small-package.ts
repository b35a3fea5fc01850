// A package whose native part is small: the real launcher and the real execve, but a shim that does
// nothing. Its build takes a second, so that building itself can be tested.
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

import { packageRoot } from '../../src/paths.js';
import { scratch } from './run.js';

const files = {
  'binding.gyp': `{
    "target_defaults": { "include_dirs": ["native"], "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"], "cflags_cc": ["-std=c++20", "-O0"] },
    "targets": [
      {
        "target_name": "wswrap",
        "sources": ["native/addon/addon.cc", "native/addon/descriptors.cc", "native/addon/execve.cc", "native/addon/xattr.cc"],
        "cflags_cc": ["-isystem", "<!(node -p \\"require('node:path').dirname(require.resolve('node-addon-api'))\\")"],
        "defines": ["NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS"]
      },
      {
        "target_name": "shim",
        "type": "shared_library",
        "product_prefix": "",
        "product_name": "wswrap-shim",
        "sources": ["native/shim/shim.cc"]
      }
    ]
  }\n`,
  'native/addon/addon.h': `#pragma once
    #include <napi.h>
    namespace wswrap::addon {
    Napi::Object init_descriptors(Napi::Env env, Napi::Object exports);
    Napi::Object init_execve(Napi::Env env, Napi::Object exports);
    Napi::Object init_xattr(Napi::Env env, Napi::Object exports);
    }\n`,
  'native/addon/addon.cc': `#include "addon/addon.h"
    static Napi::Object init(Napi::Env env, Napi::Object exports) {
      return wswrap::addon::init_xattr(env, wswrap::addon::init_execve(env, exports));
    }
    NODE_API_MODULE(wswrap, init)\n`,
  'native/shim/shim.cc': `#include <unistd.h>
    extern "C" int nothing() { return getpid(); }\n`,
};

const headers = ['addon/arguments.h', 'codec/protocol.h'];

/** Lays out such a package, not built yet. Returns its root. */
export function smallPackage(t: TestContext): string {
  const root = join(scratch(t), 'package');
  for (const name of ['bin', 'dist/src', 'package.json']) {
    cpSync(join(packageRoot, name), join(root, name), { recursive: true });
  }
  symlinkSync(join(packageRoot, 'node_modules'), join(root, 'node_modules'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  const sources = ['descriptors.cc', 'descriptors.h', 'execve.cc', 'xattr.cc', 'system_error.h'];
  for (const name of [...sources.map((file) => `addon/${file}`), ...headers]) {
    cpSync(join(packageRoot, 'native', name), join(root, 'native', name), { recursive: true });
  }
  return root;
}
