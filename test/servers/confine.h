// A process gives up every system call but the few that it serves its client with (seccomp(2)). Any
// other kills it.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "options.h"

// Built with -DNO_SHUTDOWN, shutdown(2) is not among them.
static const unsigned permitted[] = {
    SYS_read,
    SYS_write,
    SYS_close,
    SYS_ppoll,
    SYS_exit_group,
    SYS_rt_sigreturn,
    SYS_clock_gettime,
#ifndef NO_SHUTDOWN
    SYS_shutdown,
#endif
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_ppoll_time64
    SYS_ppoll_time64,
    SYS_clock_gettime64,
#endif
    // Only for AddressSanitizer, which makes them where a function does not return.
    SYS_mmap,
    SYS_madvise,
};

enum { OF_SANITIZER = 2, PERMITTED = sizeof permitted / sizeof *permitted, PER_CALL = 5 };

static inline size_t permitted_now(void) {
  return getenv("ASAN_OPTIONS") != NULL ? PERMITTED : PERMITTED - OF_SANITIZER;
}

static const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
static const struct sock_filter kill_process = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
static const struct sock_filter load_number =
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));

// What goes before a filter: nobody without privileges may install one otherwise, and no file may
// grow, as with sshd.
static inline void give_up(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) die("no new privileges");
  if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){0}) < 0) die("setrlimit");
}

// One comparison after the other, by prctl(2): what most programs do.
static inline void confine(void) {
  struct sock_filter code[2 + PERMITTED * 2] = {load_number};
  size_t size = 1;
  for (size_t i = 0; i < permitted_now(); ++i) {
    code[size++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, permitted[i], 0, 1);
    code[size++] = allow;
  }
  code[size++] = kill_process;
  struct sock_fprog program = {.len = (unsigned short)size, .filter = code};
  give_up();
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) die("prctl");
}

// The same judgement by arithmetic on the index register and on memory, by seccomp(2).
static inline void confine_oddly(void) {
  struct sock_filter code[8 + PERMITTED * PER_CALL] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, sizeof(struct seccomp_data) - 1, 1, 0),
      kill_process,
      load_number,
      BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 1),
      BPF_STMT(BPF_ST, 7),
  };
  size_t size = 6;
  for (size_t i = 0; i < permitted_now(); ++i) {
    const unsigned short operation = i % 2 == 0 ? BPF_SUB : BPF_XOR;
    code[size++] = (struct sock_filter)BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 2 * permitted[i]);
    code[size++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_MEM, 7);
    code[size++] = (struct sock_filter)BPF_STMT(BPF_ALU | operation | BPF_X, 0);
    code[size++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0xffffffff, 1, 0);
    code[size++] = allow;
  }
  code[size++] = kill_process;
  struct sock_fprog program = {.len = (unsigned short)size, .filter = code};
  give_up();
  const unsigned flags = SECCOMP_FILTER_FLAG_TSYNC;
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) != 0) die("seccomp");
}

// All but one call stay permitted.
static inline void confine_loosely(void) {
  struct sock_filter code[] = {
      load_number,
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 0, 1),
      kill_process,
      allow,
  };
  struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
  give_up();
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) die("prctl");
}

// Only read, write and exit remain.
static inline void confine_strictly(void) {
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0) die("prctl");
}
