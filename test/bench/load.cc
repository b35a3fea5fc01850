// The benchmark's client. Each command prints one line of JSON.
#include <sched.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <span>
#include <thread>
#include <vector>

#include "buffer.h"
#include "client.h"

namespace bench {
namespace {

constexpr const char* usage =
    "usage: load up tcp|ws PORT FRAME BYTES             seconds for an upload\n"
    "       load down tcp|ws PORT CHUNK BYTES           seconds for a download\n"
    "       load ping SIZE COUNT tcp:PORT|ws:PORT…      round trips in microseconds, by quantile\n"
    "       load pipeline tcp|ws PORT WINDOW COUNT SIZE              seconds for so many echoes\n"
    "       load ask tcp|ws PORT WINDOW COUNT REQUEST REPLY_SIZE     the same with any server\n"
    "       load fetch tcp|ws PORT REQUEST              seconds and bytes until the server's end\n"
    "       load connect tcp|ws PORT COUNT PARALLEL     seconds for so many short connections\n"
    "       load hold tcp|ws PORT COUNT                 idle connections, until standard input "
    "ends\n"
    "       load spread tcp|ws PORT CONNECTIONS COUNT   seconds for echoes over all connections\n"
    "       load cpu PID…                               seconds of CPU that each has used\n"
    "       load pin CPUS COMMAND…                      runs it on these CPUs (0 or 0,2)\n";

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void print_transfer(double seconds, std::uint64_t bytes) {
  std::printf("{\"seconds\":%.9f,\"bytes\":%llu}\n", seconds,
              static_cast<unsigned long long>(bytes));
}

void print_seconds(double seconds) { std::printf("{\"seconds\":%.9f}\n", seconds); }

std::span<char> shared_buffer() {
  thread_local const Buffer buffer(256 * 1024);
  return buffer.bytes();
}

// Keeps all CPUs from going to sleep, whose awakening would be measured instead. Threads of this
// policy give way to any other at once (sched(7)).
class Wakefulness {
 public:
  Wakefulness() {
    const unsigned cpus = std::max(1U, std::thread::hardware_concurrency());
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
      threads_.emplace_back([this, cpu] {
        cpu_set_t only;
        CPU_ZERO(&only);
        CPU_SET(cpu, &only);
        ::sched_setaffinity(0, sizeof only, &only);
        const sched_param none{};
        ::sched_setscheduler(0, SCHED_IDLE, &none);
        while (!over_.load(std::memory_order_relaxed)) {
        }
      });
    }
  }
  ~Wakefulness() {
    over_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  Wakefulness(const Wakefulness&) = delete;
  Wakefulness& operator=(const Wakefulness&) = delete;

 private:
  std::atomic<bool> over_ = false;
  std::vector<std::thread> threads_;
};

// Sent by sendfile(2): what the client does not copy does not limit what is measured.
void up(bool framed, std::uint16_t port, std::size_t frame_size, std::uint64_t bytes) {
  Client client(framed, port);
  const std::string frame = client.wrap(std::string(frame_size, 'x'));
  const std::size_t repeat = std::max<std::size_t>(1, 256 * 1024 / frame.size());
  const int file = ::memfd_create("frames", MFD_CLOEXEC);
  for (std::size_t i = 0; i < repeat; ++i) {
    if (::write(file, frame.data(), frame.size()) < 0) fail("memfd");
  }
  const std::uint64_t per_batch = frame_size * repeat;
  const std::uint64_t batches = (bytes + per_batch - 1) / per_batch;
  const auto batch_size = static_cast<off_t>(frame.size() * repeat);
  const Clock::time_point start = Clock::now();
  client.order({.task = Task::up, .bytes = batches * per_batch});
  for (std::uint64_t i = 0; i < batches; ++i) {
    for (off_t offset = 0; offset < batch_size;) {
      const auto left = static_cast<std::size_t>(batch_size - offset);
      if (::sendfile(client.fd(), file, &offset, left) <= 0) fail("sendfile");
    }
  }
  client.read_payload(1, shared_buffer());
  print_transfer(seconds_since(start), batches * per_batch);
}

void down(bool framed, std::uint16_t port, std::size_t chunk, std::uint64_t bytes) {
  Client client(framed, port);
  const Clock::time_point start = Clock::now();
  client.order({.task = Task::down, .bytes = bytes, .chunk = chunk});
  client.read_payload(bytes, shared_buffer());
  print_transfer(seconds_since(start), bytes);
}

// One server after the other, some messages each, again and again: what the machine does beside is
// the same to all of them. `servers` are words of the form tcp:PORT or ws:PORT.
void ping(std::size_t size, std::size_t count, std::span<const std::string_view> servers) {
  constexpr std::size_t at_once = 50;
  struct Course {
    Client client;
    std::string message;
    std::vector<double> times;
  };
  std::vector<Course> courses;
  for (const std::string_view word : servers) {
    const std::size_t colon = word.find(':');
    const auto port = std::strtoul(word.data() + colon + 1, nullptr, 10);
    Client client(word.starts_with("ws"), static_cast<std::uint16_t>(port));
    client.order({.task = Task::echo});
    std::string message = client.wrap(std::string(size, 'x'));
    courses.push_back({std::move(client), std::move(message), {}});
  }
  for (std::size_t i = 0; i < count + at_once; i += at_once) {
    for (Course& course : courses) {
      for (std::size_t k = 0; k < at_once; ++k) {
        const Clock::time_point start = Clock::now();
        course.client.write_all(course.message);
        course.client.read_payload(size, shared_buffer());
        // The first time is for warming up.
        if (i > 0) course.times.push_back(seconds_since(start) * 1e6);
      }
    }
  }
  const char* separator = "{\"servers\":[";
  for (Course& course : courses) {
    std::sort(course.times.begin(), course.times.end());
    const auto quantile = [&](double q) {
      return course.times.at(
          static_cast<std::size_t>(q * static_cast<double>(course.times.size() - 1)));
    };
    std::printf("%s{\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f}", separator, quantile(0.5),
                quantile(0.99), quantile(0.999));
    separator = ",";
  }
  std::puts("]}");
}

// Two windows are on their way, so that the server never waits for the client.
void ask(Client& client, std::string_view request, std::size_t reply, std::size_t window,
         std::size_t count) {
  std::string batch;
  for (std::size_t i = 0; i < window; ++i) batch += client.wrap(request);
  const std::size_t batches = std::max<std::size_t>(2, count / window);
  const Clock::time_point start = Clock::now();
  client.write_all(batch);
  std::uint64_t spare = 0;
  for (std::size_t i = 0; i < batches; ++i) {
    if (i + 1 < batches) client.write_all(batch);
    while (spare < window * reply) spare += client.read_some(shared_buffer());
    spare -= window * reply;
  }
  const double seconds = seconds_since(start);
  std::printf("{\"seconds\":%.9f,\"messages\":%zu}\n", seconds, batches * window);
}

void fetch(bool framed, std::uint16_t port, std::string_view request) {
  Client client(framed, port);
  const Clock::time_point start = Clock::now();
  client.write_all(client.wrap(request));
  std::uint64_t bytes = 0;
  for (bool over = false; !over;) bytes += client.read_some(shared_buffer(), &over);
  print_transfer(seconds_since(start), bytes);
}

// Each connection sends one message, gets it back and leaves. Whoever is not answered within a
// second gives up, as browsers would: websockify now and then answers neither the first byte nor
// Close.
void connect(bool framed, std::uint16_t port, std::size_t count, std::size_t parallel) {
  std::atomic<std::size_t> unanswered = 0;
  const Clock::time_point start = Clock::now();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < parallel; ++i) {
    threads.emplace_back([&unanswered, framed, port, count, parallel, i] {
      std::array<char, 4096> buffer;
      for (std::size_t k = i; k < count; k += parallel) {
        try {
          Client client(framed, port, 1);
          client.order({.task = Task::echo});
          client.write_all(client.wrap("x"));
          client.read_payload(1, buffer);
          client.leave(buffer);
        } catch (const Unanswered&) {
          ++unanswered;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::printf("{\"seconds\":%.9f,\"unanswered\":%zu}\n", seconds_since(start), unanswered.load());
}

std::vector<Client> many(bool framed, std::uint16_t port, std::size_t count) {
  raise_descriptor_limit();
  std::vector<Client> clients;
  clients.reserve(count);
  for (std::size_t i = 0; i < count; ++i) clients.emplace_back(framed, port);
  return clients;
}

void hold(bool framed, std::uint16_t port, std::size_t count) {
  std::vector<Client> clients = many(framed, port, count);
  for (Client& client : clients) {
    client.order({.task = Task::echo});
    client.write_all(client.wrap("x"));
    client.read_payload(1, shared_buffer());
  }
  std::printf("{\"connections\":%zu}\n", count);
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}

// A few messages are on their way at a time, on connections that are far from each other in memory.
void spread(bool framed, std::uint16_t port, std::size_t connections, std::size_t count) {
  constexpr std::size_t most_at_once = 10;
  std::vector<Client> clients = many(framed, port, connections);
  for (Client& client : clients) client.order({.task = Task::echo});
  const std::string message = clients.at(0).wrap(std::string(64, 'x'));
  const std::size_t at_once = std::min(connections, most_at_once);
  const auto turn = [&](std::size_t i) -> Client& { return clients[i * 7919 % connections]; };
  const auto exchange = [&](std::size_t from, std::size_t size) {
    for (std::size_t k = 0; k < size; ++k) turn(from + k).write_all(message);
    for (std::size_t k = 0; k < size; ++k) turn(from + k).read_payload(64, shared_buffer());
  };
  for (std::size_t i = 0; i < connections; i += at_once) {
    exchange(i, std::min(at_once, connections - i));
  }
  std::puts("{\"ready\":true}");
  std::fflush(stdout);
  std::getchar();
  const Clock::time_point start = Clock::now();
  for (std::size_t i = 0; i < count; i += at_once) exchange(i, at_once);
  print_seconds(seconds_since(start));
  std::fflush(stdout);
  std::getchar();
}

// Of all threads of each process, also those that have ended; in nanoseconds, where /proc/PID/stat
// has hundredths of seconds.
int cpu(char** pids) {
  std::string list;
  for (; *pids != nullptr; ++pids) {
    clockid_t clock = 0;
    timespec used{};
    if (::clock_getcpuclockid(static_cast<pid_t>(std::strtol(*pids, nullptr, 10)), &clock) == 0) {
      ::clock_gettime(clock, &used);
    }
    const auto seconds = static_cast<std::int64_t>(used.tv_sec);
    list += (list.empty() ? "" : ",") + std::to_string(seconds * 1'000'000'000 + used.tv_nsec);
  }
  std::printf("{\"nanoseconds\":[%s]}\n", list.c_str());
  return 0;
}

int pin(std::string_view cpus, char** command) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (std::size_t at = 0; at < cpus.size(); at = cpus.find_first_of(',', at) + 1) {
    CPU_SET(std::strtoul(cpus.data() + at, nullptr, 10), &set);
    if (cpus.find(',', at) == std::string_view::npos) break;
  }
  if (::sched_setaffinity(0, sizeof set, &set) != 0) fail("sched_setaffinity");
  ::execvp(command[0], command);
  fail(command[0]);
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  using namespace bench;
  const std::vector<std::string_view> args(words + 1, words + count);
  std::signal(SIGPIPE, SIG_IGN);
  if (args.size() >= 3 && args[0] == "pin") return pin(args[1], words + 3);
  if (args.size() >= 2 && args[0] == "cpu") return cpu(words + 2);
  if (args.size() < 4) return std::fputs(usage, stderr), 2;
  const auto number = [&](std::size_t i) {
    return args.size() > i ? std::strtoull(args[i].data(), nullptr, 10) : 0;
  };
  const std::string_view what = args[0];
  const bool framed = args[1] == "ws";
  const auto port = static_cast<std::uint16_t>(number(2));
  if (what == "hold") return hold(framed, port, number(3)), 0;
  const Wakefulness awake;
  if (what == "up") up(framed, port, number(3), number(4));
  if (what == "down") down(framed, port, number(3), number(4));
  if (what == "ping") ping(number(1), number(2), std::span(args).subspan(3));
  if (what == "fetch") fetch(framed, port, args[3]);
  if (what == "connect") connect(framed, port, number(3), number(4));
  if (what == "spread") spread(framed, port, number(3), number(4));
  if (what == "ask" && args.size() == 7) {
    Client client(framed, port);
    ask(client, args[5], number(6), number(3), number(4));
  }
  if (what == "pipeline") {
    Client client(framed, port);
    client.order({.task = Task::echo});
    const std::size_t size = number(5);
    ask(client, std::string(size, 'x'), size, number(3), number(4));
  }
  return 0;
}
