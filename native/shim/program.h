// What execve(2) would start, and whether the shim would come along.
//
// The launcher asks the same of the server itself (src/launcher/verdict.ts). This is for what a
// wrapped process starts later: a program that the loader gives no shim must not get a connection,
// or its bytes would go out without frames.
#pragma once

#include <string_view>

namespace wswrap::program {

enum class Verdict {
  unknown,      // execve(2) fails, and says why better than we could
  carries,      // the loader will inject the shim
  fixed,        // statically linked, or makes its system calls by itself
  foreign,      // built for another machine or C library
  privileged,   // the loader ignores LD_PRELOAD: setuid, setgid, file capabilities (ld.so(8))
  unreadable,   // executable, but nobody may look at it
  unreachable,  // the loader would not get at the shim: another user's folder, another root
};

// Judges a file as execveat(2) finds it, through up to five interpreters of scripts; `shim` is the
// path that the loader would be told. Safe between vfork and exec.
Verdict inspect(int folder, const char* path, int flags, const char* shim);

// The verdict in words, after "which is".
std::string_view describe(Verdict verdict);

}  // namespace wswrap::program
