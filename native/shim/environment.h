// The environment of a program that a wrapped process starts.
//
// A program that will hold a connection, a listener or a Unix socket by which it may be sent one,
// or that may become the server because nobody listens yet, must come up with the shim, whatever
// its parent did to the environment. Everybody else is spared it: a desktop that a VNC server
// starts is no business of ours.
#pragma once

#include <array>

#include "shim/scratch.h"

namespace wswrap::environment {

enum class Shim {
  kept,      // brought along, also where the parent removed it
  left_out,  // not wanted
};

// The environment for execve(2) of a program that would be `given` one: that one where nothing is
// to be changed. One that was set up to wrap another port is left alone. Lives as long as the
// program may still fail to start. (In a child of vfork(2) a large one stays behind in the memory
// of its parent.)
class Child {
 public:
  Child(char* const* given, Shim shim);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Null when it grows too big (E2BIG).
  char* const* lines() const { return result_; }

 private:
  char* const* build(char* const* given, Shim shim);

  Scratch<char*, 512> lines_;
  std::array<char, 4096> preload_;  // a changed LD_PRELOAD
  char* const* result_;
};

// Finds the shim's own path, as the loader was told. Called once at the start.
void find_shim();
const char* shim();

}  // namespace wswrap::environment
