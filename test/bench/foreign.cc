// What calls cost on descriptors that have nothing to do with the port, on one CPU. It measures
// when it is asked to, so that two of them, plain and wrapped, can have short turns: the speed of a
// CPU that others use too changes from second to second, by more than what is looked for.
//
//   foreign PORT    listens on PORT as a server does, says "arena yes" or "arena no" (whether the
//                   shim is at work in it) and "listening". For each line of input it prints
//                   "KIND NANOSECONDS ...": what a call of each kind took in a batch of them.
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

int check(int result, const char* what) {
  if (result < 0) fail(what);
  return result;
}

struct Descriptors {
  int zero;
  int null;
  int pipe;    // nothing to read
  int epoll;   // watches that pipe
  int socket;  // one byte to read
};

Descriptors open_descriptors() {
  Descriptors all{};
  all.zero = check(open("/dev/zero", O_RDONLY), "/dev/zero");
  all.null = check(open("/dev/null", O_WRONLY), "/dev/null");
  int ends[2];
  check(pipe(ends), "pipe");
  all.pipe = ends[0];
  all.epoll = check(epoll_create1(0), "epoll_create1");
  epoll_event event{.events = EPOLLIN, .data = {.fd = all.pipe}};
  check(epoll_ctl(all.epoll, EPOLL_CTL_ADD, all.pipe, &event), "epoll_ctl");
  check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
  if (send(ends[1], "x", 1, 0) != 1) fail("send");
  all.socket = ends[0];
  return all;
}

// Nanoseconds of one call. `call` tells whether it did what it is to do.
template <auto call>
double batch(const Descriptors& all) {
  constexpr int size = 5'000;
  bool good = true;
  const auto start = Clock::now();
  for (int i = 0; i < size; ++i) good &= call(all);
  const std::chrono::duration<double, std::nano> elapsed = Clock::now() - start;
  if (!good) fail("a call that is measured");
  return elapsed.count() / size;
}

bool reads(const Descriptors& all) {
  char byte;
  return read(all.zero, &byte, 1) == 1;
}

bool writes(const Descriptors& all) { return write(all.null, "x", 1) == 1; }

bool polls(const Descriptors& all) {
  pollfd one{.fd = all.pipe, .events = POLLIN, .revents = 0};
  return poll(&one, 1, 0) == 0;
}

bool waits(const Descriptors& all) {
  epoll_event event;
  return epoll_wait(all.epoll, &event, 1, 0) == 0;
}

bool receives(const Descriptors& all) {
  char byte;
  return recv(all.socket, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1;
}

bool gets_flags(const Descriptors& all) { return fcntl(all.zero, F_GETFD) == 0; }

struct Kind {
  const char* name;
  double (*batch)(const Descriptors&);
};

// To the last CPU that it may run on: interrupts mostly go to the first.
void stay_on_one_cpu() {
  cpu_set_t allowed;
  check(sched_getaffinity(0, sizeof allowed, &allowed), "sched_getaffinity");
  int last = CPU_SETSIZE - 1;
  while (last > 0 && !CPU_ISSET(last, &allowed)) --last;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(last, &one);
  check(sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
}

void listen_on(std::uint16_t port) {
  const int listener = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  check(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  check(listen(listener, 1), "listen");
}

bool has_arena() {
  std::ifstream maps("/proc/self/maps");
  const std::string text{std::istreambuf_iterator<char>(maps), {}};
  return text.find("memfd:wswrap-arena") != std::string::npos;
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) {
    std::fputs("usage: foreign PORT\n", stderr);
    return 2;
  }
  stay_on_one_cpu();
  listen_on(static_cast<std::uint16_t>(std::atoi(words[1])));
  std::puts(has_arena() ? "arena yes" : "arena no");
  std::puts("listening");
  std::fflush(stdout);
  const Descriptors all = open_descriptors();
  const Kind kinds[] = {
      {"read", batch<reads>},       {"write", batch<writes>},  {"poll", batch<polls>},
      {"epoll_wait", batch<waits>}, {"recv", batch<receives>}, {"fcntl", batch<gets_flags>},
  };
  for (int c; (c = std::getchar()) != EOF;) {
    if (c != '\n') continue;
    for (const Kind& kind : kinds) std::printf("%s %.3f ", kind.name, kind.batch(all));
    std::puts("");
    std::fflush(stdout);
  }
}
