// What the parts of the puppet share: a call that was asked for, and how to report on it.
//
// A request is a line "ID CALL ARGUMENT…". The reply is "ID RESULT ERROR DETAIL… | ELAPSED CPU
// WAITS": what the call returned, the name of its errno ("ok" when it succeeded and left errno
// alone), what it wrote to memory, the milliseconds and CPU milliseconds that it took, and how
// often the thread slept in it (-1: nobody looked).
#pragma once

#include <stdarg.h>
#include <sys/resource.h>
#include <time.h>

#include "transfer.h"

enum { MAX_WORDS = 64, UNTOUCHED = 4242, ROOM = 32 * 1024 * 1024 };

struct call {
  char line[65536];
  const char *id;
  const char *word[MAX_WORDS];  // word[0] names the call
  int words;
  long result;
  int error;
  double elapsed, cpu;
  long waits;
  size_t noted;
  char note[65536];
};

typedef void (*action)(struct call *call);

struct command {
  const char *name;
  action act;
};

// The parts' tables end with a nameless entry.
extern const struct command transfer_commands[], pipe_commands[], wait_commands[],
    descriptor_commands[], control_commands[], passing_commands[], stream_commands[];

// The child that `hold` made.
extern pid_t holder;

static inline double now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

// How often this thread gave the processor away of its own accord (getrusage(2)).
static inline long waits(void) {
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

// Makes a call and keeps what it did: its result, its errno, its time.
#define OBSERVE(call, expression)                             \
  do {                                                        \
    const double cpu_before = now(CLOCK_PROCESS_CPUTIME_ID);  \
    const double before = now(CLOCK_MONOTONIC);               \
    const long waits_before = waits();                        \
    errno = UNTOUCHED;                                        \
    (call)->result = (long)(expression);                      \
    (call)->error = errno;                                    \
    (call)->waits = waits() - waits_before;                   \
    (call)->elapsed = now(CLOCK_MONOTONIC) - before;          \
    (call)->cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu_before; \
  } while (0)

__attribute__((format(printf, 2, 3))) static inline void note(struct call *call, const char *format,
                                                              ...) {
  va_list list;
  va_start(list, format);
  const size_t room = sizeof call->note - call->noted;
  call->noted += (size_t)vsnprintf(call->note + call->noted, room, format, list);
  va_end(list);
  if (call->noted >= sizeof call->note) refuse("a reply that long");
}

// Argument i; "" when there is none.
static inline const char *word(const struct call *call, int i) {
  return i < call->words ? call->word[i] : "";
}

static inline int number(const struct call *call, int i) {
  char *end;
  const long value = strtol(word(call, i), &end, 0);
  if (end == word(call, i) || *end != '\0') refuse(call->line);
  return (int)value;
}

struct name {
  const char *name;
  unsigned value;
};

// The sum of names that are joined by '+', such as "dontwait+peek"; "0" and "" are 0.
static inline unsigned flags_of(const char *text, const struct name *names) {
  unsigned sum = 0;
  for (const char *at = text; *at != '\0' && strcmp(text, "0") != 0;) {
    const size_t size = strcspn(at, "+");
    const struct name *one = names;
    while (one->name != NULL && (strlen(one->name) != size || strncmp(one->name, at, size) != 0)) {
      ++one;
    }
    if (one->name == NULL) refuse(text);
    sum |= one->value;
    at += size + (at[size] == '+');
  }
  return sum;
}

static inline void note_names(struct call *call, unsigned value, const struct name *names) {
  const char *separator = "";
  for (; names->name != NULL; ++names) {
    if ((value & names->value) == 0) continue;
    note(call, "%s%s", separator, names->name);
    separator = "+";
    value &= ~names->value;
  }
  if (value != 0) note(call, "%s%#x", separator, value);
}

// The calling thread's memory for what it sends or receives, of ROOM bytes.
unsigned char *room(void);
// Writes the data that a word describes to `out` and returns its size.
size_t data(const char *text, unsigned char *out);
// Shows the bytes that call->result says were received.
void note_data(struct call *call, const unsigned char *bytes);
