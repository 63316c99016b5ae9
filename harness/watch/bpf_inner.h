/* SPDX-License-Identifier: MIT */
/* What starting under bpf and attaching by it share. */
#ifndef WRINGER_WATCH_BPF_INNER_H
#define WRINGER_WATCH_BPF_INNER_H

#include "watch/kept.h"
#include "watch/sighting.h"

struct bpf {
	struct tracer tracer;
	struct lens *lens;
	struct kept kept; /* its control is -1 when nobody is kept */
	unsigned idle;
};

#define BPF_TURN 65536 /* records taken in one turn at the most */

/* The thread's whole life: watch_by has the tracer and the open lens. */
void bpf_run(struct watcher *watcher, void (*watch_by)(struct bpf *bpf));
/* What is there goes to the journal; how many records it was. */
uint64_t bpf_collect(struct bpf *bpf, uint64_t most);
/* The journal's source: fetches what came before our own side's events. */
void bpf_fetch(void *bpf);
/* Until there may be more, or the keeper says something: then true. told: how many there were. */
bool bpf_nap(struct bpf *bpf, uint64_t told);

#endif
