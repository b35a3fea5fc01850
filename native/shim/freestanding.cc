// What libstdc++'s headers call when a precondition of theirs is broken. Ours are checked by their
// callers, so these are never reached; defining them here keeps the C++ runtime, its exceptions and
// its allocator out of the servers that we are loaded into.
namespace std {

[[noreturn, gnu::visibility("hidden")]] void __throw_out_of_range_fmt(const char*, ...) {
  __builtin_trap();
}

}  // namespace std
