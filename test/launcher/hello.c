// A program that says that it ran.
#include <stdio.h>

#ifdef GO
// What the Go linker leaves in every program, dynamically linked or not.
__attribute__((section(".go.buildinfo"), used)) static const char buildinfo[] = "\xff Go buildinf:";
#endif

int main(void) {
  puts("ran");
  return 0;
}
