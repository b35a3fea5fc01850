// Many WebSocket clients of an echo server at once, who come and go; for as long as it takes to
// make so many visits, or so many seconds.
//
//   swarm port=5901 clients=2000 seconds=60 seed=1 bytes=20000 rest=2000
//   swarm port=5901 clients=50 visits=100000 bytes=30 killed=1
//
// `bytes` is the most that a visit sends; `rest`, in milliseconds, is how long it may pause now and
// then; `killed` means that the server's processes are killed now and then; `garbled`, that
// anything may come back. Exits with 1 and a word when a byte is lost, or a visit comes to a wrong
// end; else prints "visits N bytes N open N seconds N": `open` is how many were open at once, at
// most.
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#include "visit.h"

// As many as the server's backlog holds.
enum { MOST_CONNECTING = 100 };

struct settings {
  long port, clients, visits, seconds, bytes, rest, killed, garbled, seed;
};

static struct settings settings = {.clients = 1, .bytes = 1000, .seed = 1};
static int epfd;
static struct visit **idle;  // a stack
static long idle_count, begun, over, connecting, most_open;
static bool gathered;  // all clients have been connected at once
static uint64_t echoed;
static double now, started;  // seconds

static double read_clock(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void parse(int argc, char **argv) {
  static const char *const names[] = {"port", "clients", "visits",  "seconds", "bytes",
                                      "rest", "killed",  "garbled", "seed",    NULL};
  long *const values = &settings.port;
  for (int i = 1; i < argc; ++i) {
    char *value = strchr(argv[i], '=');
    if (value == NULL) refuse(argv[i]);
    *value++ = '\0';
    values[choose(argv[i], names)] = strtol(value, NULL, 10);
  }
}

static void watch(int operation, struct visit *visit, bool sending) {
  struct epoll_event event = {.events = EPOLLIN | (sending ? EPOLLOUT : 0u), .data.ptr = visit};
  if (epoll_ctl(epfd, operation, visit->fd, &event) < 0) die("epoll_ctl");
}

// A network has more ports than one address.
static int connect_from(long number) {
  const struct sockaddr_in own = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(0x7f000002 + (uint32_t)(number % 32))};
  const struct sockaddr_in server = {.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)settings.port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0) die("socket");
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (bind(fd, (const struct sockaddr *)&own, sizeof own) < 0) die("bind");
  if (connect(fd, (const struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) {
    die("connect");
  }
  return fd;
}

static void begin(void) {
  struct visit *visit = idle[--idle_count];
  const long number = begun++;
  const uint32_t random = (uint32_t)(settings.seed * 7919 + number) * 2654435761u | 1;
  *visit = (struct visit){.fd = connect_from(number),
                          .dice = random,
                          .sent_random = random,
                          .expected_random = random,
                          .moved_at = now};
  visit->ending = roll(visit, ENDINGS);
  visit->left = roll(visit, (uint32_t)settings.bytes);
  ++connecting;
  watch(EPOLL_CTL_ADD, visit, true);
}

static void end(struct visit *visit) {
  if (visit->stage <= SHAKING) --connecting;
  if (visit->ending == RESETS) {
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(visit->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  close(visit->fd);
  visit->fd = -1;
  idle[idle_count++] = visit;
  echoed += visit->received;
  ++over;
}

static const char request[] =
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

// From RFC 6455 section 1.3.
static const char accepted[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

// Now and then a visit sends nothing for a while; and at first all wait for each other.
static bool rests(struct visit *visit) {
  if (visit->stage == TALKING && !gathered) visit->rests_until = now + 0.1;
  if (visit->rests_until == 0 && settings.rest > 0 && visit->stage == TALKING &&
      roll(visit, 8) == 0) {
    visit->rests_until = now + roll(visit, (uint32_t)settings.rest) / 1000.0;
  }
  if (visit->rests_until > now) return true;
  visit->rests_until = 0;
  return false;
}

// Returns false when the visit is over.
static bool transmit(struct visit *visit) {
  for (int pieces = 0; pieces < 4; ++pieces) {
    if (visit->start == visit->end) {
      if (rests(visit)) break;
      visit_continue(visit);
    }
    if (visit->start == visit->end) break;
    size_t size = visit->end - visit->start;
    // Now and then a piece, and the rest later.
    const bool cut = visit->stage > SHAKING && roll(visit, 8) == 0;
    if (cut) size = 1 + roll(visit, (uint32_t)size);
    const ssize_t put = send(visit->fd, visit->out + visit->start, size, MSG_NOSIGNAL);
    if (put < 0 && (errno == EPIPE || errno == ECONNRESET)) {
      visit_check_end(visit, settings.killed != 0);
      return false;
    }
    if (put < 0 && errno != EAGAIN) die("send");
    if (put > 0) visit->start += (size_t)put;
    if (put < (ssize_t)size || cut) break;
  }
  if (visit->ending == RESETS && visit->stage >= TALKING && roll(visit, 8) == 0) return false;
  const bool done = visit->stage == LEAVING && visit->start == visit->end;
  if (done && visit->ending == RESETS) return false;
  if (done && !visit->half_closed && visit->ending != SAYS_CLOSE) {
    visit->half_closed = true;
    shutdown(visit->fd, SHUT_WR);
  }
  return true;
}

// The server's answer is short and comes in one piece, perhaps with frames behind it.
static void shake_hands(struct visit *visit, const unsigned char *bytes, size_t size) {
  const unsigned char *head_end = memmem(bytes, size, "\r\n\r\n", 4);
  if (head_end == NULL || memmem(bytes, size, accepted, sizeof accepted - 1) == NULL) {
    if (!garbled) fprintf(stderr, "%.*s\n", (int)size, bytes);
    fail(visit, "no handshake");
    return;
  }
  visit->stage = TALKING;
  --connecting;
  const long open = begun - over - connecting;
  if (open > most_open) most_open = open;
  if (!gathered && open == settings.clients) {
    gathered = true;
    started = now;
  }
  visit_receive(visit, head_end + 4, (size_t)(bytes + size - head_end - 4));
}

static bool receive(struct visit *visit) {
  unsigned char bytes[65536];
  const ssize_t got = recv(visit->fd, bytes, sizeof bytes, 0);
  if (got < 0 && errno == EAGAIN) return true;
  if (got < 0 && errno != ECONNRESET) die("recv");
  if (got < 0 && visit->ending != RESETS && settings.killed == 0) fail(visit, "a reset came");
  if (got <= 0) {
    visit_check_end(visit, settings.killed != 0);
    return false;
  }
  visit->moved_at = now;
  if (visit->stage == SHAKING) {
    shake_hands(visit, bytes, (size_t)got);
  } else {
    visit_receive(visit, bytes, (size_t)got);
  }
  return !visit->spoiled;
}

static void serve(struct visit *visit, uint32_t events) {
  if (visit->stage == CONNECTING) {
    visit->stage = SHAKING;
    visit->end = sizeof request - 1;
    memcpy(visit->out, request, visit->end);
  }
  bool lasts = true;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) lasts = receive(visit);
  if (lasts && visit->stage < LEAVING + 1) lasts = transmit(visit);
  if (!lasts) {
    end(visit);
    return;
  }
  const bool sending = visit->stage == TALKING && visit->rests_until == 0;
  watch(EPOLL_CTL_MOD, visit, sending || visit->start < visit->end);
}

// Looks at a few visits each time: who has rested goes on.
static void wake_some(struct visit *visits) {
  static long next = 0;
  for (int i = 0; i < 100; ++i) {
    struct visit *visit = &visits[next++ % settings.clients];
    if (visit->fd >= 0 && visit->rests_until != 0 && visit->rests_until <= now) serve(visit, 0);
  }
}

static void look_for_stuck(struct visit *visits) {
  const double patience = garbled ? 1 : 60;
  for (long i = 0; i < settings.clients; ++i) {
    if (visits[i].fd < 0 || now - visits[i].moved_at < patience) continue;
    fail(&visits[i], "nothing came for a minute");
    end(&visits[i]);
  }
}

int main(int argc, char **argv) {
  parse(argc, argv);
  garbled = settings.garbled != 0;
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct visit *visits = calloc((size_t)settings.clients, sizeof *visits);
  idle = calloc((size_t)settings.clients, sizeof(struct visit *));
  if (visits == NULL || idle == NULL) die("calloc");
  for (; idle_count < settings.clients; ++idle_count) {
    visits[idle_count].fd = -1;
    idle[idle_count] = &visits[idle_count];
  }
  epfd = epoll_create1(EPOLL_CLOEXEC);
  double looked = started = read_clock();
  for (;;) {
    now = read_clock();
    const bool timed = settings.seconds > 0;
    while (
        idle_count > 0 && connecting < MOST_CONNECTING &&
        (timed ? !gathered || now - started < (double)settings.seconds : begun < settings.visits)) {
      begin();
    }
    if (begun == over) break;
    struct epoll_event events[256];
    const int ready = epoll_wait(epfd, events, 256, 10);
    if (ready < 0) die("epoll_wait");
    for (int i = 0; i < ready; ++i) serve(events[i].data.ptr, events[i].events);
    wake_some(visits);
    if (now - looked > 1) {
      looked = now;
      look_for_stuck(visits);
    }
  }
  printf("visits %ld bytes %lu open %ld seconds %.1f\n", over, (unsigned long)echoed, most_open,
         read_clock() - started);
  return 0;
}
