// std::cin, cout, cerr and clog of a program that has libstdc++ loaded.
//
// As long as they are synchronised with stdio, which is the default, each keeps a pointer to the
// stdio stream that was standard when the program began. The place of that pointer is part of
// libstdc++'s ABI. (Without synchronisation they call read and write, which are hooked.)
#pragma once

#include <cstdio>

namespace wswrap::iostreams {

// Looks for libstdc++, once. Where dlsym(3) may be called.
void find();

// Who points to `from` shall point to `to`.
void replace(std::FILE* from, std::FILE* to);

}  // namespace wswrap::iostreams
