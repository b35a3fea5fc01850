// The environment of a program that a wrapped process starts.
//
// A program that will hold a connection, a listener or a Unix socket by which it may be sent one,
// or that may become the server because nobody listens yet, must come up with the shim, whatever
// its parent did to the environment. Everybody else is spared it: a desktop that a VNC server
// starts is no business of ours.
#pragma once

#include <array>
#include <cstddef>

namespace wswrap::environment {

enum class Shim {
  kept,      // brought along, also where the parent removed it
  left_out,  // not wanted
};

// How many pointers build() needs for a child of `given`, at most.
std::size_t room(char* const* given);

// Room for a changed LD_PRELOAD.
using Preload = std::array<char, 4096>;

// The environment for execve(2): `given` itself where nothing is to be changed, else `lines`, into
// which pointers are put. Null when LD_PRELOAD grows too long. An environment that was set up to
// wrap another port is left alone.
char* const* build(char* const* given, Shim shim, char** lines, Preload& preload);

// Finds the shim's own path, as the loader was told. Called once at the start.
void find_shim();
const char* shim();

}  // namespace wswrap::environment
