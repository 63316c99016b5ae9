/* SPDX-License-Identifier: MIT */
/*
 * Watching by bpf: a program in the kernel copies what the target's threads do into a ring, at the moment
 * they do it (sight.h). Nobody is stopped, and nobody waits: should the ring be full, what is lost is
 * counted, and rules that need it abstain. No call can be changed this way.
 *
 *     keeper ── target ── calls ──► sight.bpf.c ──► ring ──► this thread ──► tracer's tables ──► journal
 *        └───── ends ──────────────────────────────────────────┘
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "watch/bpf_inner.h"

/* While there is something to tell it is fetched so often: a wake-up for each record would cost the target
 * more than the record does. */
#define NAP_NS	    200000L
#define BUSY	    32 /* records in one nap: from here on it naps longer, for the ring holds many */
#define BUSY_NAP_NS 1000000L
#define NAPS_IDLE   5 /* in vain, and then it sleeps until it is woken */
#define SLEEP_NS    100000000L

/* Our own side's events do not wait for a target that is faster than it is listened to. */
#define FETCH_MOST 4096

uint64_t bpf_collect(struct bpf *bpf, uint64_t most)
{
	uint64_t told;

	pthread_mutex_lock(&bpf->tracer.lock);
	told = sighting_collect(&bpf->tracer, bpf->lens, most);
	pthread_mutex_unlock(&bpf->tracer.lock);
	return told;
}

/* Whoever holds the lock is collecting, or has. */
void bpf_fetch(void *arg)
{
	struct bpf *bpf = arg;

	if (pthread_mutex_trylock(&bpf->tracer.lock))
		return;
	(void)sighting_collect(&bpf->tracer, bpf->lens, FETCH_MOST);
	pthread_mutex_unlock(&bpf->tracer.lock);
}

bool bpf_nap(struct bpf *bpf, uint64_t told)
{
	struct pollfd fds[2] = {{bpf->kept.control[0], POLLIN, 0}, {lens_fd(bpf->lens), POLLIN, 0}};
	struct timespec time = {.tv_nsec = told > BUSY ? BUSY_NAP_NS : NAP_NS};
	nfds_t count = 1;

	bpf->idle = told ? 0 : bpf->idle + 1;
	if (bpf->idle > NAPS_IDLE) {
		lens_doze(bpf->lens);
		if (bpf_collect(bpf, BPF_TURN)) /* what came before it dozed wakes nobody */
			return false;
		time.tv_nsec = SLEEP_NS;
		count = 2;
	}
	return ppoll(fds, count, &time, NULL) > 0 && fds[0].revents;
}

/* Until no process is left. Whatever they did was told before the keeper came to know of their end. */
static void follow(struct bpf *bpf)
{
	struct watcher *watcher = bpf->tracer.watcher;
	struct keeper_word word;

	for (;;) {
		if (!bpf_nap(bpf, bpf_collect(bpf, BPF_TURN)))
			continue;
		if (!kept_hear(&bpf->kept, &word))
			break;
		while (bpf_collect(bpf, BPF_TURN))
			;
		sighting_ended(&bpf->tracer, word.pid, word.status);
		watcher_leave(watcher, word.pid, word.status);
	}
	while (bpf_collect(bpf, BPF_TURN))
		;
	sighting_finish(&bpf->tracer, bpf->lens);
}

/* Marks the first process, which waits, and lets it become the target. */
static int launch(struct bpf *bpf)
{
	struct watcher *watcher = bpf->tracer.watcher;
	int ret = kept_start(&bpf->kept, watcher);

	if (ret < 0)
		return ret;
	bpf->tracer.first = bpf->kept.first;
	ret = lens_mark(bpf->lens, bpf->kept.first);
	if (ret < 0)
		watcher_refused(watcher, ret, "the target cannot be marked for bpf: %s", strerror(-ret));
	ret = ret ? ret : kept_release(&bpf->kept);
	return ret ? ret : kept_go_on(&bpf->kept);
}

static void watch(struct bpf *bpf)
{
	struct watcher *watcher = bpf->tracer.watcher;

	if (launch(bpf) == 0) {
		journal_set_source(watcher->journal, bpf_fetch, bpf);
		follow(bpf);
		journal_set_source(watcher->journal, NULL, NULL);
		/* Too late for a launch that succeeded, and then without effect. */
		watcher_refused(watcher, -ECHILD, "the target was killed before it started");
	}
	kept_close(&bpf->kept);
}

static void look(struct bpf *bpf, void (*watch_by)(struct bpf *bpf))
{
	struct error error = {0};
	struct watcher *watcher = bpf->tracer.watcher;
	int ret = lens_open(&bpf->tracer.rows, &bpf->lens, &error);

	if (ret < 0) {
		watcher_refused(watcher, ret, "%s", error.text);
		return;
	}
	if (lens_sees_urings(bpf->lens))
		rings_listen(watcher->rings);
	else
		rings_blindfold(watcher->rings, RINGS_UNKNOWN);
	watch_by(bpf);
	lens_close(bpf->lens);
}

void bpf_run(struct watcher *watcher, void (*watch_by)(struct bpf *bpf))
{
	struct bpf *bpf = calloc(1, sizeof *bpf);

	if (bpf) {
		bpf->kept.control[0] = bpf->kept.control[1] = -1;
		bpf->tracer.watcher = watcher;
		pthread_mutex_init(&bpf->tracer.lock, NULL);
		row_index_build(&bpf->tracer.rows);
		look(bpf, watch_by);
		tracer_clear(&bpf->tracer);
		pthread_mutex_destroy(&bpf->tracer.lock);
		free(bpf);
	} else {
		watcher_refused(watcher, -ENOMEM, "no memory for the watcher");
	}
	watcher_over(watcher);
}

static void *bpf_main(void *arg)
{
	bpf_run(arg, watch);
	return NULL;
}

static int bpf_start(struct watcher *watcher, struct error *error)
{
	return watcher_run(watcher, bpf_main, error);
}

static int bpf_check(const char *command, struct error *error)
{
	(void)command;
	return lens_check(error);
}

const struct watch_ops watch_bpf = {
    .name = "bpf",
    .doc = "the same seen from the kernel, as root: nothing is stopped, no fault can be delivered",
    .faultless = true,
    .check = bpf_check,
    .start = bpf_start,
    .stop = kept_stop,
    .list = kept_list,
};
