// A library that stops the clocks of the program that it is loaded into, as faketime(1) can.
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
  (void)clock;
  *now = (struct timespec){.tv_sec = 1000};
  return 0;
}
