/* SPDX-License-Identifier: MIT */
/*
 * Attaching by bpf to what runs already. Nobody is stopped, not even for a moment:
 *
 *     mark      every thread of the family, and again until a look finds no new one; what it does from here
 *               on is in the ring
 *     rings     each io_uring of the family, and the requests that wait in it
 *     learn     processes, fds and interest lists, as /proc has them; calls from before that are left out
 *     follow    as bpf.c does
 *
 * What is done while it is learnt may be in both: found, and seen to come. It is the same then.
 */
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include "base/clock.h"
#include "watch/again.h"
#include "watch/arch.h"
#include "watch/bpf_inner.h"
#include "watch/call.h"
#include "watch/learn.h"
#include "watch/refusal.h"
#include "watch/tree.h"

#define LOOKS 16

static size_t threads_of(struct tracer *tracer)
{
	size_t count = 0, at = 0;
	uint64_t tid;

	pthread_mutex_lock(&tracer->lock);
	while (map_next(&tracer->tracees, &at, &tid))
		count++;
	pthread_mutex_unlock(&tracer->lock);
	return count;
}

/* A child that an unmarked thread makes behind the look's back is found by the next one. */
static int mark(struct bpf *bpf)
{
	size_t before, now = 0;
	int ret = 0;

	for (int look = 0; look < LOOKS && ret == 0; look++) {
		before = now;
		ret = lens_mark_family(bpf->lens, bpf->tracer.first);
		while (bpf_collect(bpf, BPF_TURN))
			;
		now = threads_of(&bpf->tracer);
		if (now == before)
			break;
	}
	return ret ? ret : now ? 0 : -ESRCH;
}

/* A thread asleep in a wait since before: as if it had just begun it. */
static void stand(struct tracer *tracer, struct tracee *tracee)
{
	struct __ptrace_syscall_info info = {.arch = ARCH_AUDIT};
	uint64_t arg[6];
	long number;

	if (!again_standing(tracee->tid, &number, arg))
		return;
	info.seccomp.nr = (uint64_t)number;
	for (size_t i = 0; i < 6; i++)
		info.seccomp.args[i] = arg[i];
	if (!tracer->rows.row[number] || !call_identify(tracer, tracee, &info))
		return;
	call_journal_entry(tracer, tracee);
	tracee->in_call = true;
}

static void stand_all(struct tracer *tracer)
{
	struct tracee *tracee;
	uint64_t tid;
	size_t at = 0;

	while ((tracee = map_next(&tracer->tracees, &at, &tid)))
		if (tracee->process)
			stand(tracer, tracee);
}

/* What waits in rings is noted, and what happens in them from here on; told of once the rest is learnt. */
static int look_into_rings(struct bpf *bpf)
{
	int ret = lens_sees_urings(bpf->lens) ? lens_find_urings(bpf->lens, bpf->tracer.first) : 0;

	while (bpf_collect(bpf, BPF_TURN))
		;
	return ret;
}

static int learn(struct bpf *bpf)
{
	struct tracer *tracer = &bpf->tracer;
	pid_t pids[TREE_MAX + 1];
	size_t count = tree_below(tracer->first, pids + 1, TREE_MAX);
	int ret;

	pids[0] = tracer->first;
	pthread_mutex_lock(&tracer->lock);
	ret = learn_family(tracer, pids, count + 1, "nothing is stopped");
	tracer->running = true;
	rings_tell_waiting(tracer);
	stand_all(tracer);
	pthread_mutex_unlock(&tracer->lock);
	return ret;
}

static void follow(struct bpf *bpf)
{
	struct watcher *watcher = bpf->tracer.watcher;

	while (!atomic_load(&watcher->stopping) && threads_of(&bpf->tracer))
		(void)bpf_nap(bpf, bpf_collect(bpf, BPF_TURN));
	while (bpf_collect(bpf, BPF_TURN) == BPF_TURN)
		;
	sighting_finish(&bpf->tracer, bpf->lens);
}

static void watch(struct bpf *bpf)
{
	struct watcher *watcher = bpf->tracer.watcher;
	char text[ERROR_TEXT];
	int ret;

	bpf->tracer.attached = true;
	bpf->tracer.first = watcher->target->attach;
	ret = mark(bpf);
	ret = ret ? ret : look_into_rings(bpf);
	if (ret < 0) {
		refusal_explain(bpf->tracer.first, ret, text, sizeof text);
		watcher_refused(watcher, ret, "%s", text);
		return;
	}
	bpf->tracer.since = clock_now();
	/* From here on somebody drains the journal, and asks things of the server. */
	watcher_launched(watcher, bpf->tracer.first);
	ret = learn(bpf);
	if (ret < 0)
		watcher_broke(watcher, ret, "what the server has cannot be learnt");
	journal_set_source(watcher->journal, bpf_fetch, bpf);
	follow(bpf);
	journal_set_source(watcher->journal, NULL, NULL);
}

static void *attach_main(void *arg)
{
	bpf_run(arg, watch);
	return NULL;
}

static int attach_start(struct watcher *watcher, struct error *error)
{
	char text[ERROR_TEXT];
	int ret = refusal_foresee(watcher->target->attach, text, sizeof text);

	if (ret < 0)
		return error_set(error, ret, "%s", text);
	return watcher_run(watcher, attach_main, error);
}

static int attach_check(const char *command, struct error *error)
{
	(void)command;
	return lens_check(error);
}

static void attach_stop(struct watcher *watcher)
{
	atomic_store(&watcher->stopping, true);
}

const struct watch_ops watch_attach_bpf = {
    .name = "bpf",
    .doc = "attaches to what runs already, without stopping it",
    .faultless = true,
    .check = attach_check,
    .start = attach_start,
    .stop = attach_stop,
};
