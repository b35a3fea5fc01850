// How long programs take from their start to their end.
//
//   startup                              ends at once
//   startup PORT COUNT COMMAND [ARG...]  runs COMMAND so often, one after the other, and prints the
//                                        mean in milliseconds. Listens on PORT as a server does
//                                        whose children inherit its listener; not if PORT is 0.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void listen_on(std::uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) fail("bind");
  if (listen(listener, 1) < 0) fail("listen");
}

void run(char** command) {
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    execv(command[0], command);
    _exit(127);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) fail(command[0]);
}

}  // namespace

int main(int count, char** words) {
  if (count == 1) return 0;
  if (count < 4) {
    std::fputs("usage: startup [PORT COUNT COMMAND [ARG...]]\n", stderr);
    return 2;
  }
  const int port = std::atoi(words[1]);
  const int times = std::atoi(words[2]);
  if (port != 0) listen_on(static_cast<std::uint16_t>(port));
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < times; ++i) run(words + 3);
  const std::chrono::duration<double, std::milli> elapsed =
      std::chrono::steady_clock::now() - start;
  std::printf("%.4f\n", elapsed.count() / times);
}
