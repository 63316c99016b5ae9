/* SPDX-License-Identifier: MIT */
/*
 * What a stopped process has already: its fds, and what its epolls hold, as events of EV_FOUND. From
 * /proc/PID/fd and fdinfo, and, of sockets, from the socket itself.
 */
#ifndef WRINGER_WATCH_FOUND_H
#define WRINGER_WATCH_FOUND_H

#include "base/map.h"
#include "watch/tracer.h"

struct found_place;

struct estate {
	struct tracer *tracer;
	struct found_place *listeners; /* own addresses of all listeners of the target */
	size_t listener_count, listener_capacity;
	struct map sockets; /* inode -> struct found_place, where it was met first */
	uint32_t fds;
};

/* First of every process: which addresses the target listens on tells accepted connections from others. 0 or
 * a negative errno. */
int found_listeners(struct estate *estate, const struct tracee *leader);
/* Then, parents first: journals it with its fds. parent: NULL for the one that was named. 0 or a negative
 * errno. */
int found_process(struct estate *estate, struct tracee *leader, const struct tracee *parent);
void found_clear(struct estate *estate);

#endif
