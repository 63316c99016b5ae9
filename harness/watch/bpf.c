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
#include "watch/kept.h"
#include "watch/sighting.h"

/* While there is something to tell it is fetched so often: a wake-up for each record would cost the target
 * more than the record does. */
#define NAP_NS	    200000L
#define BUSY	    32 /* records in one nap: from here on it naps longer, for the ring holds many */
#define BUSY_NAP_NS 1000000L
#define NAPS_IDLE   5 /* in vain, and then it sleeps until it is woken */
#define SLEEP_NS    100000000L

/* Our own side's events do not wait for a target that is faster than it is listened to. */
#define FETCH_MOST 4096
#define TURN_MOST  65536

struct bpf {
	struct tracer tracer;
	struct lens *lens;
	struct kept kept;
	unsigned idle;
};

static uint64_t collect(struct bpf *bpf, uint64_t most)
{
	uint64_t told;

	pthread_mutex_lock(&bpf->tracer.lock);
	told = sighting_collect(&bpf->tracer, bpf->lens, most);
	pthread_mutex_unlock(&bpf->tracer.lock);
	return told;
}

/* Before our own side's events. Whoever holds the lock is collecting, or has. */
static void fetch(void *arg)
{
	struct bpf *bpf = arg;

	if (pthread_mutex_trylock(&bpf->tracer.lock))
		return;
	(void)sighting_collect(&bpf->tracer, bpf->lens, FETCH_MOST);
	pthread_mutex_unlock(&bpf->tracer.lock);
}

/* Until there may be more, or the keeper says something: then true. */
static bool nap(struct bpf *bpf, uint64_t told)
{
	struct pollfd fds[2] = {{bpf->kept.control[0], POLLIN, 0}, {lens_fd(bpf->lens), POLLIN, 0}};
	struct timespec time = {.tv_nsec = told > BUSY ? BUSY_NAP_NS : NAP_NS};
	nfds_t count = 1;

	bpf->idle = told ? 0 : bpf->idle + 1;
	if (bpf->idle > NAPS_IDLE) {
		lens_doze(bpf->lens);
		if (collect(bpf, TURN_MOST)) /* what came before it dozed wakes nobody */
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
		if (!nap(bpf, collect(bpf, TURN_MOST)))
			continue;
		if (!kept_hear(&bpf->kept, &word))
			break;
		while (collect(bpf, TURN_MOST))
			;
		watcher_leave(watcher, word.pid, word.status);
	}
	while (collect(bpf, TURN_MOST))
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
	struct error error = {0};
	int ret = lens_open(&bpf->tracer.rows, &bpf->lens, &error);

	if (ret < 0) {
		watcher_refused(watcher, ret, "%s", error.text);
		return;
	}
	if (launch(bpf) == 0) {
		journal_set_source(watcher->journal, fetch, bpf);
		follow(bpf);
		journal_set_source(watcher->journal, NULL, NULL);
		/* Too late for a launch that succeeded, and then without effect. */
		watcher_refused(watcher, -ECHILD, "the target was killed before it started");
	}
	kept_close(&bpf->kept);
	lens_close(bpf->lens);
}

static void *bpf_main(void *arg)
{
	struct watcher *watcher = arg;
	struct bpf *bpf = calloc(1, sizeof *bpf);

	if (bpf) {
		bpf->tracer.watcher = watcher;
		pthread_mutex_init(&bpf->tracer.lock, NULL);
		row_index_build(&bpf->tracer.rows);
		rings_blindfold(watcher->rings, "bpf does not look into it: requests are not seen");
		watch(bpf);
		tracer_clear(&bpf->tracer);
		pthread_mutex_destroy(&bpf->tracer.lock);
		free(bpf);
	} else {
		watcher_refused(watcher, -ENOMEM, "no memory for the watcher");
	}
	watcher_over(watcher);
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
