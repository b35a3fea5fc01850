// A server that does what its standard input tells it, one system call per line, and reports
// exactly what came of it. A test plays client and server at once, and can play the same scene
// against a plain TCP socket and a wrapped one.
//
// An id that begins with & is served on a thread of its own; "interrupt ID" sends that thread a
// signal, "cancel ID" cancels it. The listener that is opened at start is descriptor 3.
#include "puppet.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct helper {
  pthread_t thread;
  char id[32];
};

static struct helper helpers[64];
static int helper_count;
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

static void run(struct call *call);

// What the next signal's handler closes.
static int doomed = -1;

static void on_signal(int number) {
  (void)number;
  const int error = errno;
  if (doomed >= 0) close(doomed);
  doomed = -1;
  errno = error;
}

static void handle(int number, int flags) {
  const struct sigaction how = {.sa_handler = on_signal, .sa_flags = flags};
  sigaction(number, &how, NULL);
}

static void drop_first_words(struct call *call, int count) {
  call->words -= count;
  memmove(call->word, call->word + count, (size_t)call->words * sizeof *call->word);
}

// alarm MILLISECONDS interrupt|restart CALL…: a signal comes while the call is made.
static void alarm_in(struct call *call) {
  static const char *const hows[] = {"interrupt", "restart", NULL};
  handle(SIGALRM, choose(word(call, 2), hows) == 1 ? SA_RESTART : 0);
  const long delay = number(call, 1);
  const struct itimerspec when = {
      .it_value = {.tv_sec = delay / 1000, .tv_nsec = delay % 1000 * 1000000}};
  timer_t timer;
  if (timer_create(CLOCK_MONOTONIC, NULL, &timer) < 0) die("timer_create");
  drop_first_words(call, 3);
  timer_settime(timer, 0, &when, NULL);
  run(call);
  timer_delete(timer);
}

// doom FD: the next signal's handler closes it.
static void doom(struct call *call) { OBSERVE(call, (doomed = number(call, 1), 0)); }

static void default_sigpipe(struct call *call) {
  OBSERVE(call, signal(SIGPIPE, SIG_DFL) == SIG_ERR ? -1 : 0);
}

static int storm_target, storms_left;
static timer_t storm_timer;

// write(2) may be called at any time, in the middle of whatever the thread does.
static void on_storm(int number) {
  (void)number;
  const int error = errno;
  if (storms_left > 0 && write(storm_target, ".", 1) == 1) --storms_left;
  if (storms_left == 0) timer_settime(storm_timer, 0, &(struct itimerspec){0}, NULL);
  errno = error;
}

// storm FD COUNT: from now on a signal handler writes to FD every half millisecond, COUNT times.
static void storm(struct call *call) {
  const struct sigaction how = {.sa_handler = on_storm, .sa_flags = SA_RESTART};
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
  const struct timespec half = {.tv_nsec = 500000};
  storm_target = number(call, 1);
  storms_left = number(call, 2);
  sigaction(SIGUSR2, &how, NULL);
  if (timer_create(CLOCK_MONOTONIC, &event, &storm_timer) < 0) die("timer_create");
  const struct itimerspec when = {.it_value = half, .it_interval = half};
  OBSERVE(call, timer_settime(storm_timer, 0, &when, NULL));
}

static struct helper *helper(const struct call *call) {
  for (int i = helper_count - 1; i >= 0; --i) {
    if (strcmp(helpers[i].id, word(call, 1)) == 0) return &helpers[i];
  }
  refuse(call->line);
}

static void interrupt(struct call *call) {
  handle(SIGUSR1, 0);
  OBSERVE(call, pthread_kill(helper(call)->thread, SIGUSR1));
}

// asynchronous CALL…: from now on the thread can be cancelled at any moment
static void asynchronous(struct call *call) {
  drop_first_words(call, 1);
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  run(call);
  pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
}

static void cancel(struct call *call) { OBSERVE(call, pthread_cancel(helper(call)->thread)); }

// in-child CALL…: the call is made by a child, which then exits; the parent waits for it.
static void in_child(struct call *call) {
  struct call *shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) die("mmap");
  *shared = *call;
  drop_first_words(shared, 1);
  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    run(shared);
    exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  call->result = shared->result;
  call->error = shared->error;
  call->elapsed = shared->elapsed;
  call->cpu = shared->cpu;
  call->waits = shared->waits;
  note(call, "%s", shared->note);
  if (status != 0) note(call, " status=%#x", (unsigned)status);
  munmap(shared, sizeof *shared);
}

static void *run_call(void *call) {
  run(call);
  return NULL;
}

// small-stack CALL…: the call is made on a thread with a stack of 64 KiB.
static void on_small_stack(struct call *call) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 * 1024);
  drop_first_words(call, 1);
  if (pthread_create(&thread, &attributes, run_call, call) != 0) die("pthread_create");
  pthread_join(thread, NULL);
}

pid_t holder;
static pid_t elder_holders[64];
static unsigned elders;

// hold: a child that has every descriptor and does nothing until `release` kills it. Of several
// that kills the youngest.
static void hold(struct call *call) {
  if (elders == sizeof elder_holders / sizeof *elder_holders) refuse("so many that hold");
  elder_holders[elders++] = holder;
  OBSERVE(call, (holder = fork()) < 0 ? -1 : 0);
  if (holder != 0) return;
  for (;;) pause();
}

static void release(struct call *call) {
  OBSERVE(call, kill(holder, SIGKILL));
  waitpid(holder, NULL, 0);
  if (elders > 0) holder = elder_holders[--elders];
}

// run-on FD COMMAND…: COMMAND has FD as its standard input and output; its status is the result.
static void run_on(struct call *call) {
  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    char *argv[MAX_WORDS] = {NULL};
    for (int i = 2; i < call->words; ++i) argv[i - 2] = (char *)(uintptr_t)call->word[i];
    if (dup2(number(call, 1), 0) < 0 || dup2(number(call, 1), 1) < 0) die("dup2");
    close(number(call, 1));
    execvp(argv[0], argv);
    die(argv[0]);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  call->error = UNTOUCHED;
  call->result = status;
}

static void leave(struct call *call) {
  if (strcmp(word(call, 1), "now") == 0) _exit(0);
  exit(0);
}

static const struct command process_commands[] = {{"alarm", alarm_in},
                                                  {"sigpipe-default", default_sigpipe},
                                                  {"asynchronous", asynchronous},
                                                  {"cancel", cancel},
                                                  {"doom", doom},
                                                  {"interrupt", interrupt},
                                                  {"hold", hold},
                                                  {"in-child", in_child},
                                                  {"exit", leave},
                                                  {"release", release},
                                                  {"run-on", run_on},
                                                  {"storm", storm},
                                                  {"small-stack", on_small_stack},
                                                  {NULL, NULL}};

static void run(struct call *call) {
  const struct command *const tables[] = {transfer_commands,   pipe_commands,    wait_commands,
                                          descriptor_commands, control_commands, passing_commands,
                                          stream_commands,     process_commands};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; ++i) {
    for (const struct command *command = tables[i]; command->name != NULL; ++command) {
      if (strcmp(command->name, word(call, 0)) == 0) return command->act(call);
    }
  }
  refuse(word(call, 0));
}

static void reply(const struct call *call) {
  const char *error = strerrorname_np(call->error);
  if (call->result >= 0) error = call->error == UNTOUCHED ? "ok" : "errno-touched";
  pthread_mutex_lock(&output);
  printf("%s %ld %s%s%s | %.3f %.3f %ld\n", call->id, call->result, error,
         call->noted > 0 ? " " : "", call->note, call->elapsed, call->cpu, call->waits);
  pthread_mutex_unlock(&output);
}

static void canceled(void *call) {
  pthread_mutex_lock(&output);
  printf("%s 0 canceled | 0 0 -1\n", ((struct call *)call)->id);
  pthread_mutex_unlock(&output);
}

static void *serve(void *argument) {
  struct call *call = argument;
  pthread_cleanup_push(canceled, call);
  run(call);
  pthread_cleanup_pop(0);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  reply(call);
  free(call);
  return NULL;
}

static void serve_on_thread(struct call *call) {
  if (helper_count == sizeof helpers / sizeof *helpers) refuse("so many threads");
  struct helper *one = &helpers[helper_count++];
  snprintf(one->id, sizeof one->id, "%s", call->id);
  if (pthread_create(&one->thread, NULL, serve, call) != 0) die("pthread_create");
  pthread_detach(one->thread);
}

int main(int argc, char **argv) {
  const struct options options = parse_options(argc, argv);
  if (start_server(&options) != 3) refuse("a descriptor table that is not fresh");
  announce(&options);
  for (;;) {
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL) die("calloc");
    if (fgets(call->line, sizeof call->line, stdin) == NULL) return 0;
    char *rest = call->line;
    call->waits = -1;
    call->id = strtok_r(rest, " \n", &rest);
    for (char *one; (one = strtok_r(NULL, " \n", &rest)) != NULL;) {
      if (call->words == MAX_WORDS) refuse("so many words");
      call->word[call->words++] = one;
    }
    if (call->id != NULL && call->id[0] == '&') {
      serve_on_thread(call);
      continue;
    }
    run(call);
    reply(call);
    free(call);
  }
}
