/* SPDX-License-Identifier: MIT */
/* Ctrl-C and its kin. */
#ifndef WRINGER_CLI_SIGNALS_H
#define WRINGER_CLI_SIGNALS_H

#include <signal.h>

/*
 * SIGINT, SIGTERM and SIGHUP raise the flag: once to end in an orderly way, twice to end now. SIGPIPE only
 * makes the write fail; it gets a handler rather than being ignored, because a target would inherit the
 * latter and no longer die of it.
 */
void signals_take(void);
/* 0, 1 or 2. */
const volatile sig_atomic_t *signals_stop(void);

#endif
