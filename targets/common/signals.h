/* SPDX-License-Identifier: MIT */
/* Signals as a readable descriptor: a handler would run between any two lines of the loop. */
#ifndef TARGETS_SIGNALS_H
#define TARGETS_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/*
 * A non-blocking, close-on-exec signalfd for SIGTERM and SIGINT, which are blocked from now on (threads and
 * children inherit that, so call it first). SIGPIPE is ignored: a write to a dead connection gives EPIPE.
 * The fd, or a negative errno.
 */
int signals_open(void);
/* The same for these signals. */
int signals_open_set(const sigset_t *signals);
/* Takes one signal from it; 0: there is none. */
int signals_take(int fd);

#endif
