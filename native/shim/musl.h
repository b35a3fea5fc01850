// Included before everything else when a g++ whose C++ headers are configured for glibc compiles
// for musl (musl-gcc). A compiler that targets musl does without.
#pragma once

// bits/os_defines.h asks for it.
#define __GLIBC_PREREQ(major, minor) 0

// bits/c++locale.h calls locale_t so.
#define __locale_t locale_t

// pthread_cond_clockwait(3), which musl lacks.
#include <bits/c++config.h>
#undef _GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT
