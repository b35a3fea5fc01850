// execve(2) and its kin: which environment the program gets, and which of our descriptors.
#pragma once

#include <cstdint>

#include "shim/environment.h"
#include "shim/program.h"

namespace wswrap::exec {

// A file as execveat(2) names it.
struct Image {
  int folder;
  const char* path;
  int flags;
};

// execveat(2): does not return, or returns -1 and sets errno.
int execute(const Image& image, char* const* argv, char* const* given);

// execvpe(3).
int search_and_execute(const char* file, char* const* argv, char* const* given);

// True if processes other than `except` (a pid) serve all our ports: a program that holds nothing
// of ours is not the server then.
bool all_ports_served(std::uint32_t except);

// A program which might be the server would run without the shim: says so on standard error.
// Returns false if it must not be started.
bool may_start(const char* path, program::Verdict verdict);

// What is to be done with the shim in the environment of such a program.
environment::Shim shim_for(program::Verdict verdict, bool wanted);

}  // namespace wswrap::exec
