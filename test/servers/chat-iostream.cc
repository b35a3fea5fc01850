// A child that talks through std::cin, cout and cerr; see chat.h. With UNSYNCHRONISED in the
// environment they have buffers of their own.
#include <iostream>
#include <string>

#include "chat.h"

static void chat() {
  std::string name, line;
  if (std::getenv("UNSYNCHRONISED") != nullptr) std::ios::sync_with_stdio(false);
  std::cout << "name? " << std::flush;
  std::cin >> name;
  std::cout << "hello " << name << '\n' << std::flush;
  std::cerr << "a warning\n";
  std::getline(std::cin, line);
  while (std::getline(std::cin, line) && line != "quit") {
    std::cout << line.size() << ' ' << line << '\n';
  }
  std::cout << "<goodbye>\n";
}
