/* SPDX-License-Identifier: MIT */
/* `wringer bench --load`: a server under load, by as many processes as are wanted. */
#ifndef WRINGER_RUN_BENCH_H
#define WRINGER_RUN_BENCH_H

#include <signal.h>
#include "base/error.h"
#include "peer/load.h"
#include "watch/watch.h"

#define BENCH_PROCESSES_MOST 256

struct bench_options {
	const char *target_name; /* as reports call it */
	char *const *argv;
	const struct protocol *protocol;
	const struct watch_ops *watch;
	uint16_t port; /* 0: its first listener */
	bool sandbox;
	double time_scale;
	uint32_t connections, pipeline, processes;
	uint64_t rate;	   /* requests a second of all processes; 0: as fast as the answers come */
	uint64_t duration; /* ns */
	bool once;
	const volatile sig_atomic_t *stop;
	/* About four times a second: seconds so far, and right answers. NULL: nobody looks. */
	void (*progress)(void *arg, double seconds, uint64_t answers);
	void *arg;
};

struct bench {
	const struct bench_options *options;
	struct load_figures load;
	bool ended; /* the server was gone before the end */
	bool stopped;
};

/* Starts the server, loads it, stops it. Enters a sandbox for that, which this process cannot leave: once a
 * process. 0 or a negative errno with error (then our side or the start failed). */
int bench_load(const struct bench_options *options, struct bench *ret_bench, struct error *error);

/* Right answers a second. */
double bench_rate(const struct bench *bench);
/* Whether everything asked was answered, and rightly. */
bool bench_clean(const struct bench *bench);

#endif
