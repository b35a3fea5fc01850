// stdin, stdout and stderr, when descriptors 0, 1 and 2 are connections.
//
// A program may be started with a connection in place of its terminal (inetd), or put one there
// itself with dup2(2), and then call printf. libc's own three streams would write past us, so the
// variables `stdin`, `stdout` and `stderr`, which is what every function of libc uses, point to
// streams of ours for as long as the number stands for a connection. What was written and not
// flushed, what was read ahead, and how the stream is buffered goes along. (A program that keeps
// its own copy of the variable is not helped.)
//
// dup2(2) may be called where allocating is not allowed, between fork and exec above all, while
// streams are allocated by libc. So they are made before: at start for what was inherited, and in
// the parent before it forks. Only a process that never forked makes them in dup2 itself.
//
// musl's variables are constants: there, only fdopen(3) makes streams on connections.
#pragma once

namespace wswrap::standard_streams {

// Makes the streams that dup2 may need, if they are not there yet.
void prepare();

// The descriptor has become something else: its standard stream, if it has one, becomes one that
// fits. errno is kept.
void follow(int fd);
void follow_all();

}  // namespace wswrap::standard_streams
