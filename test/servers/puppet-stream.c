// The puppet's calls of stdio. A stream is known by the number that `fdopen` gives as its result.
#include "puppet.h"

enum { MOST = 16 };

static FILE *streams[MOST];
static int opened;

static FILE *stream(const struct call *call) {
  const int i = number(call, 1);
  if (i < 0 || i >= opened) refuse("the number of that stream");
  return streams[i];
}

// fdopen FD MODE; the descriptor that fileno tells is shown
static void do_fdopen(struct call *call) {
  if (opened == MOST) refuse("so many streams");
  const int fd = number(call, 1);
  const char *mode = word(call, 2);
  OBSERVE(call, (streams[opened] = fdopen(fd, mode)) == NULL ? -1 : 0);
  if (call->result < 0) return;
  note(call, "%d %d", fileno(streams[opened]), fileno_unlocked(streams[opened]));
  call->result = opened++;
}

static void do_fclose(struct call *call) { OBSERVE(call, fclose(stream(call))); }

static void do_fflush(struct call *call) { OBSERVE(call, fflush(stream(call))); }

static void flush_all(struct call *call) { OBSERVE(call, fflush(NULL)); }

// setvbuf STREAM none|line|full
static void do_setvbuf(struct call *call) {
  static const char *const names[] = {"none", "line", "full", NULL};
  static const int modes[] = {_IONBF, _IOLBF, _IOFBF};
  const int mode = modes[choose(word(call, 2), names)];
  OBSERVE(call, setvbuf(stream(call), NULL, mode, 0));
}

// gets STREAM SIZE
static void do_fgets(struct call *call) {
  char *line = (char *)room();
  OBSERVE(call, fgets(line, number(call, 2), stream(call)) == NULL ? -1 : 0);
  if (call->result < 0) return;
  call->result = (long)strlen(line);
  note_data(call, room());
}

static void do_getline(struct call *call) {
  char *line = NULL;
  size_t size = 0;
  OBSERVE(call, getline(&line, &size, stream(call)));
  note_data(call, (unsigned char *)line);
  free(line);
}

// fread STREAM SIZE
static void do_fread(struct call *call) {
  const size_t size = (size_t)number(call, 2);
  OBSERVE(call, fread(room(), 1, size, stream(call)));
  note_data(call, room());
}

// fscanf STREAM: a word and a number
static void do_fscanf(struct call *call) {
  char text[100] = "";
  int value = 0;
  OBSERVE(call, fscanf(stream(call), "%99s %d", text, &value));
  note(call, "%s %d", text, value);
}

static void do_getc(struct call *call) { OBSERVE(call, getc(stream(call))); }

// ungetc STREAM CHARACTER
static void do_ungetc(struct call *call) {
  const int byte = word(call, 2)[0];
  OBSERVE(call, ungetc(byte, stream(call)));
}

// fwrite STREAM DATA
static void do_fwrite(struct call *call) {
  const size_t size = data(word(call, 2), room());
  OBSERVE(call, fwrite(room(), 1, size, stream(call)));
}

// fprintf STREAM DATA
static void do_fprintf(struct call *call) {
  const int size = (int)data(word(call, 2), room());
  OBSERVE(call, fprintf(stream(call), "%.*s\n", size, (char *)room()));
}

// dprintf FD DATA
static void do_dprintf(struct call *call) {
  const int fd = number(call, 1);
  const int size = (int)data(word(call, 2), room());
  OBSERVE(call, dprintf(fd, "%.*s\n", size, (char *)room()));
}

// state STREAM: its end and error flags
static void state(struct call *call) {
  call->error = UNTOUCHED;
  note(call, "end=%d error=%d", feof(stream(call)) != 0, ferror(stream(call)) != 0);
}

static void do_clearerr(struct call *call) {
  clearerr(stream(call));
  call->error = UNTOUCHED;
}

static void do_fseek(struct call *call) { OBSERVE(call, fseek(stream(call), 0, SEEK_SET)); }

const struct command stream_commands[] = {
    {"fdopen", do_fdopen},     {"fclose", do_fclose},   {"fflush", do_fflush},
    {"fflush-all", flush_all}, {"setvbuf", do_setvbuf}, {"fgets", do_fgets},
    {"getline", do_getline},   {"fread", do_fread},     {"fscanf", do_fscanf},
    {"getc", do_getc},         {"ungetc", do_ungetc},   {"fwrite", do_fwrite},
    {"fprintf", do_fprintf},   {"dprintf", do_dprintf}, {"state", state},
    {"clearerr", do_clearerr}, {"fseek", do_fseek},     {NULL, NULL}};
