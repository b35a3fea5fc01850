{
  "variables": {
    "codec": [
      "native/codec/answer.cc",
      "native/codec/base64.cc",
      "native/codec/handshake.cc",
      "native/codec/hixie.cc",
      "native/codec/mask.cc",
      "native/codec/md5.cc",
      "native/codec/origin.cc",
      "native/codec/receiver.cc",
      "native/codec/request.cc",
      "native/codec/sender.cc",
      "native/codec/sha1.cc",
      "native/codec/utf8.cc"
    ]
  },
  "target_defaults": {
    "include_dirs": ["native"],
    "cflags": ["-Wall", "-Wextra", "-Werror", "-Wconversion", "-fvisibility=hidden"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++20"]
  },
  "targets": [
    {
      "target_name": "wswrap",
      "sources": [
        "<@(codec)",
        "<!@(ls native/addon/*.cc)"
      ],
      "cflags_cc": ["-isystem", "<!(node -p \"require('node:path').dirname(require.resolve('node-addon-api'))\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"]
    },
    {
      "target_name": "shim",
      "type": "shared_library",
      "product_prefix": "",
      "product_name": "wswrap-shim",
      "sources": [
        "<@(codec)",
        "<!@(ls native/shim/*.cc)"
      ],
      "defines!": ["_FILE_OFFSET_BITS=64"],
      "cflags_cc": ["-ftls-model=initial-exec", "-fno-plt", "-fasynchronous-unwind-tables"],
      "actions": [
        {
          "action_name": "exports",
          "inputs": ["native/shim/exports.map.in", "native/shim/hooks.def"],
          "outputs": ["<(INTERMEDIATE_DIR)/exports.map"],
          "action": ["sh", "-c", "$(CXX) -E -P -x c++ -o <(INTERMEDIATE_DIR)/exports.map native/shim/exports.map.in"]
        }
      ],
      "ldflags": [
        "-Wl,--version-script=<(INTERMEDIATE_DIR)/exports.map",
        "-Wl,--exclude-libs,ALL", "-Wl,--as-needed", "-Wl,-z,now", "-Wl,-z,nodelete",
        "-static-libstdc++", "-static-libgcc"
      ]
    }
  ]
}
