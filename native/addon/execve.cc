// Becoming the server: execve(2) for Node, which has none.
//
// A program started by Node's own means gets what Node made of this process: SIGPIPE and SIGXFSZ
// ignored, other ignored signals reset, inherited descriptors marked close-on-exec, the limit on
// open files raised. The caller says how things were before, and that is put back here, because
// the server must not notice that Node was in between. The signal mask is left empty, as Node set
// it; terminal modes are not touched.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "addon/addon.h"
#include "addon/descriptors.h"
#include "addon/system_error.h"

namespace wswrap::addon {

namespace {

struct Inheritance {
  std::vector<int> descriptors;
  std::vector<int> ignored_signals;
  std::optional<rlim_t> open_files;
};

// Text or bytes that C can take whole.
std::optional<std::string> c_string(const Napi::Value& value) {
  std::string text;
  if (value.IsString()) {
    text = value.As<Napi::String>();
  } else if (value.IsBuffer()) {
    const auto bytes = value.As<Napi::Buffer<char>>();
    text.assign(bytes.Data(), bytes.Length());
  } else {
    return std::nullopt;
  }
  if (text.find('\0') != std::string::npos) return std::nullopt;
  return text;
}

std::optional<std::vector<std::string>> c_strings(const Napi::Value& value) {
  if (!value.IsArray()) return std::nullopt;
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> list;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    auto text = c_string(array.Get(i));
    if (!text) return std::nullopt;
    list.push_back(std::move(*text));
  }
  return list;
}

std::optional<std::vector<int>> small_integers(const Napi::Value& value) {
  if (!value.IsArray()) return std::nullopt;
  const auto array = value.As<Napi::Array>();
  std::vector<int> list;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value item = array.Get(i);
    if (!item.IsNumber()) return std::nullopt;
    list.push_back(item.As<Napi::Number>().Int32Value());
  }
  return list;
}

std::optional<Inheritance> inheritance(const Napi::Value& value) {
  if (!value.IsObject()) return std::nullopt;
  const auto object = value.As<Napi::Object>();
  auto descriptors = small_integers(object.Get("descriptors"));
  auto ignored_signals = small_integers(object.Get("ignoredSignals"));
  if (!descriptors || !ignored_signals) return std::nullopt;
  Inheritance result{std::move(*descriptors), std::move(*ignored_signals), std::nullopt};
  const Napi::Value open_files = object.Get("openFiles");
  if (open_files.IsUndefined()) return result;
  if (!open_files.IsNumber()) return std::nullopt;
  const std::int64_t limit = open_files.As<Napi::Number>().Int64Value();
  if (limit < 0) return std::nullopt;
  result.open_files = static_cast<rlim_t>(limit);
  return result;
}

// Pointers into `list`, closed by a null pointer.
std::vector<char*> pointers(std::vector<std::string>& list) {
  std::vector<char*> result;
  for (std::string& item : list) result.push_back(item.data());
  result.push_back(nullptr);
  return result;
}

// Everything is closed but what was inherited: Node's event loops must not live on in the server.
void pass_descriptors(const std::vector<int>& inherited) {
  close_others_on_exec();
  const auto pass = [](int fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0) ::fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
  };
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) pass(fd);
  std::for_each(inherited.begin(), inherited.end(), pass);
}

// Handlers go by themselves at execve; ignored signals would stay ignored.
void reset_signals(const std::vector<int>& ignored) {
  for (int number = 1; number <= SIGRTMAX; ++number) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) != 0) continue;
    const bool ignore = std::find(ignored.begin(), ignored.end(), number) != ignored.end();
    if (ignore == (action.sa_handler == SIG_IGN)) continue;
    action = {};
    action.sa_handler = ignore ? SIG_IGN : SIG_DFL;
    ::sigaction(number, &action, nullptr);
  }
}

void limit_open_files(rlim_t soft) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min(soft, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// execve(path, argv, environment, inheritance); see Addon in src/native.ts.
Napi::Value execve(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto path = c_string(info[0]);
  auto argv = c_strings(info[1]);
  auto environment = c_strings(info[2]);
  const auto before = inheritance(info[3]);
  if (!path || !argv || argv->empty() || !environment || !before) {
    Napi::TypeError::New(env, "execve: (path, argv, environment, inheritance) expected")
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }

  if (before->open_files) limit_open_files(*before->open_files);
  reset_signals(before->ignored_signals);
  pass_descriptors(before->descriptors);
  ::execve(path->c_str(), pointers(*argv).data(), pointers(*environment).data());
  throw_system_error(env, errno, "execve", *path);
  return env.Undefined();
}

}  // namespace

Napi::Object init_execve(Napi::Env env, Napi::Object exports) {
  exports.Set("execve", Napi::Function::New(env, execve, "execve"));
  return exports;
}

}  // namespace wswrap::addon
