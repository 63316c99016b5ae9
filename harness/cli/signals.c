/* SPDX-License-Identifier: MIT */
#include "cli/signals.h"

#include <stddef.h>

static volatile sig_atomic_t stop;

static void on_stop(int signo)
{
	(void)signo;
	if (stop < 2)
		stop = stop + 1;
}

static void on_pipe(int signo)
{
	(void)signo;
}

static void take(int signo, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags}, old;

	/* What was ignored when we started stays so: nohup, and shells that start jobs in the background. */
	if (signo != SIGPIPE && sigaction(signo, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
		return;
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(signo, &action, NULL);
}

void signals_take(void)
{
	static const int stops[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++)
		take(stops[i], on_stop, SA_RESTART);
	take(SIGPIPE, on_pipe, SA_RESTART);
}

const volatile sig_atomic_t *signals_stop(void)
{
	return &stop;
}
