// The puppet's calls that wait for readiness. Times are in milliseconds; -1 is for ever.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "puppet.h"

static const struct name poll_events[] = {
    {"in", POLLIN},       {"out", POLLOUT},       {"pri", POLLPRI},
    {"err", POLLERR},     {"hup", POLLHUP},       {"nval", POLLNVAL},
    {"rdhup", POLLRDHUP}, {"rdnorm", POLLRDNORM}, {NULL, 0}};

static const struct name epoll_events[] = {{"in", EPOLLIN},
                                           {"out", EPOLLOUT},
                                           {"pri", EPOLLPRI},
                                           {"err", EPOLLERR},
                                           {"hup", EPOLLHUP},
                                           {"rdhup", EPOLLRDHUP},
                                           {"et", EPOLLET},
                                           {"once", EPOLLONESHOT},
                                           {"exclusive", EPOLLEXCLUSIVE},
                                           {"rdnorm", EPOLLRDNORM},
                                           {NULL, 0}};

// Descriptors of a list such as r:3,4 into a set.
static int fill(fd_set *set, const char *list) {
  int highest = -1;
  FD_ZERO(set);
  for (const char *at = list; at != NULL && *at != '\0'; at = strchr(at, ',')) {
    at += *at == ',';
    const int fd = atoi(at);
    FD_SET(fd, set);
    if (fd > highest) highest = fd;
  }
  return highest;
}

static void note_set(struct call *call, const char *name, const fd_set *set) {
  const char *separator = "";
  note(call, "%s:", name);
  for (int fd = 0; fd < FD_SETSIZE; ++fd) {
    if (!FD_ISSET(fd, set)) continue;
    note(call, "%s%d", separator, fd);
    separator = ",";
  }
}

struct sets {
  fd_set in, out, except;
  int count;
};

static struct sets sets_of(const struct call *call) {
  struct sets sets;
  FD_ZERO(&sets.in);
  FD_ZERO(&sets.out);
  FD_ZERO(&sets.except);
  sets.count = 0;
  for (int i = 2; i < call->words; ++i) {
    const char *text = word(call, i);
    fd_set *set = text[0] == 'r' ? &sets.in : text[0] == 'w' ? &sets.out : &sets.except;
    const int highest = fill(set, text + 2);
    if (highest >= sets.count) sets.count = highest + 1;
  }
  return sets;
}

static void note_sets(struct call *call, const struct sets *sets) {
  note_set(call, "r", &sets->in);
  note_set(call, " w", &sets->out);
  note_set(call, " e", &sets->except);
}

// select TIMEOUT r:… w:… e:…; the time remaining is shown after the bar
static void do_select(struct call *call) {
  struct sets sets = sets_of(call);
  const int timeout = number(call, 1);
  struct timeval left = {.tv_sec = timeout / 1000, .tv_usec = timeout % 1000 * 1000};
  OBSERVE(call, select(sets.count, &sets.in, &sets.out, &sets.except, timeout < 0 ? NULL : &left));
  note_sets(call, &sets);
  note(call, " | %.3f", (double)left.tv_sec * 1e3 + (double)left.tv_usec / 1e3);
}

// select-all TIMEOUT FD: as servers do that count with getdtablesize(). The set of FD is followed
// by memory that is not of a set; shows how much of that was changed.
static void select_all(struct call *call) {
  struct {
    fd_set set;
    unsigned char behind[8192];
  } in;
  FD_ZERO(&in.set);
  memset(in.behind, 0xff, sizeof in.behind);
  const int timeout = number(call, 1), fd = number(call, 2), count = getdtablesize();
  if ((size_t)count > 8 * sizeof in) refuse("so many descriptors");
  FD_SET(fd, &in.set);
  struct timeval left = {.tv_sec = timeout / 1000, .tv_usec = timeout % 1000 * 1000};
  OBSERVE(call, select(count, &in.set, NULL, NULL, &left));
  note_set(call, "r", &in.set);
  size_t changed = 0;
  for (size_t i = 0; i < sizeof in.behind; ++i) changed += in.behind[i] != 0xff;
  note(call, " changed=%zu", changed);
}

static struct timespec timespec_of(int milliseconds) {
  return (struct timespec){.tv_sec = milliseconds / 1000,
                           .tv_nsec = milliseconds % 1000 * 1000000L};
}

// pselect TIMEOUT r:… w:… e:…; shows whether the timeout stayed as it was, as it must
static void do_pselect(struct call *call) {
  struct sets sets = sets_of(call);
  const int timeout = number(call, 1);
  const struct timespec limit = timespec_of(timeout);
  struct timespec given = limit;
  sigset_t mask;
  sigemptyset(&mask);
  OBSERVE(call, pselect(sets.count, &sets.in, &sets.out, &sets.except, timeout < 0 ? NULL : &given,
                        &mask));
  note_sets(call, &sets);
  if (memcmp(&given, &limit, sizeof limit) != 0) note(call, " timeout-changed");
}

static nfds_t pollfds_of(const struct call *call, struct pollfd *fds) {
  nfds_t count = 0;
  for (int i = 2; i < call->words; ++i) {
    const char *events = strchr(word(call, i), ':');
    if (events == NULL) refuse(call->line);
    fds[count++] = (struct pollfd){.fd = atoi(word(call, i)),
                                   .events = (short)flags_of(events + 1, poll_events),
                                   .revents = -1};
  }
  return count;
}

static void note_pollfds(struct call *call, const struct pollfd *fds, nfds_t count) {
  for (nfds_t i = 0; i < count; ++i) {
    note(call, "%s%d:", i > 0 ? " " : "", fds[i].fd);
    note_names(call, (unsigned short)fds[i].revents, poll_events);
  }
}

// poll TIMEOUT FD:EVENTS…
static void do_poll(struct call *call) {
  struct pollfd fds[MAX_WORDS];
  const nfds_t count = pollfds_of(call, fds);
  const int timeout = number(call, 1);
  OBSERVE(call, poll(fds, count, timeout));
  note_pollfds(call, fds, count);
}

// ppoll TIMEOUT FD:EVENTS…
static void do_ppoll(struct call *call) {
  struct pollfd fds[MAX_WORDS];
  const nfds_t count = pollfds_of(call, fds);
  const int timeout = number(call, 1);
  const struct timespec limit = timespec_of(timeout);
  OBSERVE(call, ppoll(fds, count, timeout < 0 ? NULL : &limit, NULL));
  note_pollfds(call, fds, count);
}

static void do_epoll_create(struct call *call) { OBSERVE(call, epoll_create1(EPOLL_CLOEXEC)); }

// epoll_ctl EPFD add|mod|del FD EVENTS DATA
static void do_epoll_ctl(struct call *call) {
  static const char *const operations[] = {"", "add", "del", "mod", NULL};
  const int epfd = number(call, 1), operation = choose(word(call, 2), operations);
  const int fd = number(call, 3);
  struct epoll_event event = {.events = flags_of(word(call, 4), epoll_events)};
  if (call->words > 5) event.data.u64 = strtoull(word(call, 5), NULL, 0);
  OBSERVE(call, epoll_ctl(epfd, operation, fd, operation == EPOLL_CTL_DEL ? NULL : &event));
}

static void note_events(struct call *call, const struct epoll_event *events) {
  for (long i = 0; i < call->result; ++i) {
    note(call, "%s%#llx:", i > 0 ? " " : "", (unsigned long long)events[i].data.u64);
    note_names(call, events[i].events, epoll_events);
  }
}

// epoll_wait, epoll_pwait, epoll_pwait2 EPFD MAXEVENTS TIMEOUT
static void do_epoll_wait(struct call *call) {
  struct epoll_event events[MAX_WORDS];
  const int epfd = number(call, 1), max = number(call, 2), timeout = number(call, 3);
  OBSERVE(call, epoll_wait(epfd, events, max, timeout));
  note_events(call, events);
}

// worker FD EVENTS TIMEOUT: waits for FD in an epoll of its own
static void worker(struct call *call) {
  struct epoll_event event = {.events = flags_of(word(call, 2), epoll_events)};
  const int epfd = epoll_create1(0), timeout = number(call, 3);
  if (epoll_ctl(epfd, EPOLL_CTL_ADD, number(call, 1), &event) < 0) die("epoll_ctl");
  OBSERVE(call, epoll_wait(epfd, &event, 1, timeout));
  close(epfd);
}

static void do_epoll_pwait(struct call *call) {
  struct epoll_event events[MAX_WORDS];
  const int epfd = number(call, 1), max = number(call, 2), timeout = number(call, 3);
  sigset_t mask;
  sigemptyset(&mask);
  OBSERVE(call, epoll_pwait(epfd, events, max, timeout, &mask));
  note_events(call, events);
}

static void do_epoll_pwait2(struct call *call) {
  struct epoll_event events[MAX_WORDS];
  const int epfd = number(call, 1), max = number(call, 2), timeout = number(call, 3);
  const struct timespec limit = timespec_of(timeout);
  OBSERVE(call, epoll_pwait2(epfd, events, max, timeout < 0 ? NULL : &limit, NULL));
  note_events(call, events);
}

const struct command wait_commands[] = {{"select", do_select},
                                        {"pselect", do_pselect},
                                        {"select-all", select_all},
                                        {"poll", do_poll},
                                        {"ppoll", do_ppoll},
                                        {"epoll_create", do_epoll_create},
                                        {"epoll_ctl", do_epoll_ctl},
                                        {"epoll_wait", do_epoll_wait},
                                        {"worker", worker},
                                        {"epoll_pwait", do_epoll_pwait},
                                        {"epoll_pwait2", do_epoll_pwait2},
                                        {NULL, NULL}};
