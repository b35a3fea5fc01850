#include "shim/iostreams.h"

#include <dlfcn.h>

#include <array>
#include <cstddef>

namespace wswrap::iostreams {
namespace {

struct Symbol {
  const char* name;
  std::byte* address = nullptr;
};

constinit std::array<Symbol, 4> objects{
    {{"_ZSt3cin"}, {"_ZSt4cout"}, {"_ZSt4cerr"}, {"_ZSt4clog"}}};

// The virtual table of __gnu_cxx::stdio_sync_filebuf<char>, and std::ios::rdbuf().
constinit Symbol synchronised{"_ZTVN9__gnu_cxx18stdio_sync_filebufIcSt11char_traitsIcEEE"};
constinit Symbol rdbuf{"_ZNKSt9basic_iosIcSt11char_traitsIcEE5rdbufEv"};

constinit bool searched = false;

void look_up(Symbol& symbol) {
  symbol.address = static_cast<std::byte*>(dlsym(RTLD_DEFAULT, symbol.name));
}

// The first word of an object points behind two words of its virtual table; the third in front of
// that is where the virtual base is.
constexpr std::ptrdiff_t to_virtual_base = -3;
constexpr std::ptrdiff_t table_head = 2;

// A std::streambuf is a virtual table, six pointers and a locale; the stream follows.
constexpr std::size_t streambuf_words = 8;

// Where the object keeps its stdio stream; null if it is not synchronised, or not constructed yet.
std::FILE** stream_of(std::byte* object) {
  auto* const table = *reinterpret_cast<std::ptrdiff_t**>(object);
  if (table == nullptr) return nullptr;
  using Rdbuf = void** (*)(const std::byte*);
  void** buffer = reinterpret_cast<Rdbuf>(rdbuf.address)(object + table[to_virtual_base]);
  if (buffer == nullptr || *buffer != reinterpret_cast<void**>(synchronised.address) + table_head) {
    return nullptr;
  }
  return reinterpret_cast<std::FILE**>(buffer + streambuf_words);
}

}  // namespace

void find() {
  if (searched) return;
  searched = true;
  look_up(synchronised);
  look_up(rdbuf);
  if (synchronised.address == nullptr || rdbuf.address == nullptr) return;
  for (Symbol& object : objects) look_up(object);
}

void replace(std::FILE* from, std::FILE* to) {
  for (const Symbol& object : objects) {
    if (object.address == nullptr) continue;
    std::FILE** stream = stream_of(object.address);
    if (stream != nullptr && *stream == from) *stream = to;
  }
}

}  // namespace wswrap::iostreams
