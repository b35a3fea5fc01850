#include "shim/environment.h"

#include <dlfcn.h>

#include <cstddef>
#include <span>
#include <string_view>

#include "shim/config.h"

namespace wswrap::environment {
namespace {

constexpr std::string_view preload_name = "LD_PRELOAD=";
constexpr std::string_view port_name = "WSWRAP_PORT=";
constexpr std::string_view settings_prefix = "WSWRAP_";

constinit std::string_view shim_path = "";

char* const nothing[] = {nullptr};

bool is_separator(char c) { return c == ':' || c == ' ' || c == '\t' || c == '\n'; }

// Calls visit(entry) for each path in the value of LD_PRELOAD (ld.so(8)).
template <typename Visit>
void for_each_entry(std::string_view value, Visit visit) {
  while (!value.empty()) {
    std::size_t size = 0;
    while (size < value.size() && !is_separator(value[size])) ++size;
    if (size > 0) visit(value.substr(0, size));
    value.remove_prefix(size < value.size() ? size + 1 : size);
  }
}

template <typename Predicate>
bool lists(std::string_view value, Predicate is_wanted) {
  bool found = false;
  for_each_entry(value, [&](std::string_view entry) { found = found || is_wanted(entry); });
  return found;
}

bool is_shim(std::string_view path) { return path == shim_path; }

// Of whatever installation.
bool is_some_shim(std::string_view path) {
  const auto name = [](std::string_view of) { return of.substr(of.rfind('/') + 1); };
  return name(path) == name(shim_path);
}

// Builds "LD_PRELOAD=a:b" in fixed storage.
class PreloadLine {
 public:
  explicit PreloadLine(std::span<char> out) : out_(out) { put(preload_name); }
  void add(std::string_view entry) {
    if (!first_) put(":");
    first_ = false;
    put(entry);
  }
  bool is_empty() const { return first_; }
  // Null if it did not fit.
  char* line() {
    if (size_ >= out_.size()) return nullptr;
    out_[size_] = '\0';
    return out_.data();
  }

 private:
  void put(std::string_view text) {
    if (size_ + text.size() < out_.size()) text.copy(out_.data() + size_, text.size());
    size_ += text.size();
  }
  std::span<char> out_;
  std::size_t size_ = 0;
  bool first_ = true;
};

struct Given {
  std::string_view preload;  // the value of LD_PRELOAD
  bool has_port = false;
  bool has_other_port = false;
};

Given look_at(char* const* given) {
  Given found;
  for (char* const* line = given; *line != nullptr; ++line) {
    const std::string_view entry(*line);
    if (entry.starts_with(preload_name)) found.preload = entry.substr(preload_name.size());
    if (!entry.starts_with(port_name)) continue;
    found.has_port = entry == config.lines[0];
    found.has_other_port = !found.has_port && entry != port_name;
  }
  return found;
}

// How many pointers the environment of a child takes, at most.
std::size_t room(char* const* given) {
  std::size_t count = 0;
  while (given[count] != nullptr) ++count;
  return count + config.lines.size() + 2;
}

// Linux takes a null pointer for an empty list.
char* const* or_nothing(char* const* given) { return given != nullptr ? given : nothing; }

}  // namespace

Child::Child(char* const* given, Shim shim)
    : lines_(room(or_nothing(given))),
      result_(lines_.data() != nullptr ? build(or_nothing(given), shim) : nullptr) {}

char* const* Child::build(char* const* given, Shim shim) {
  if (config.port_count == 0) return given;
  const Given found = look_at(given);
  // The port alone wraps nobody.
  if (found.has_other_port && lists(found.preload, is_some_shim)) return given;
  const bool listed = lists(found.preload, is_shim);
  if (shim == Shim::kept ? listed && found.has_port : !listed && !found.has_port) return given;

  PreloadLine changed(preload_);
  if (shim == Shim::kept) changed.add(shim_path);
  for_each_entry(found.preload, [&](std::string_view entry) {
    if (!is_shim(entry)) changed.add(entry);
  });
  char** out = lines_.data();
  if (!changed.is_empty() && (*out++ = changed.line()) == nullptr) return nullptr;
  for (char* const* line = given; *line != nullptr; ++line) {
    const std::string_view entry(*line);
    if (!entry.starts_with(preload_name) && !entry.starts_with(settings_prefix)) *out++ = *line;
  }
  for (const char* line : config.lines) {
    if (shim == Shim::kept && line != nullptr) *out++ = const_cast<char*>(line);
  }
  *out = nullptr;
  return lines_.data();
}

const char* shim() { return shim_path.data(); }

void find_shim() {
  Dl_info info{};
  if (dladdr(&shim_path, &info) != 0 && info.dli_fname != nullptr) shim_path = info.dli_fname;
}

}  // namespace wswrap::environment
