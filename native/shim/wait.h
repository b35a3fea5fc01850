// select, pselect, poll and ppoll: one engine over ppoll(2) with a monotonic deadline.
//
// The kernel waits; what it reports is looked at; readiness that is no payload is taken away, and
// the wait goes on for the time that is left. So a frame without payload never makes anything
// ready and never extends, shortens or restarts a timeout.
#pragma once

#include <poll.h>
#include <sys/select.h>

#include <csignal>

#include "shim/clock.h"
#include "shim/result.h"

namespace wswrap::wait {

// ppoll(2). `timeout` in nanoseconds, negative: none.
Result poll(pollfd* fds, nfds_t count, Nanoseconds timeout, const sigset_t* mask);

// pselect(2). `left` gets the time that remained, as Linux' select(2) writes it into its timeval.
Result select(int count, fd_set* reads, fd_set* writes, fd_set* excepts, Nanoseconds timeout,
              const sigset_t* mask, Nanoseconds& left);

}  // namespace wswrap::wait
