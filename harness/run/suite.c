/* SPDX-License-Identifier: MIT */
#include "run/suite.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include "base/clock.h"
#include "run/suite_impl.h"

#define SUITE_TICK (100 * NS_PER_MS)
#define SUITE_START_PATIENCE                                                                                 \
	(5 * NS_PER_S) /* for processes and fds to come free, with no case of ours running */

struct suite {
	const struct suite_options *options;
	const struct suite_ops *ops;
	const struct suite_case *cases;
	size_t count, next;
	size_t more;			   /* that came later */
	const struct suite_case *upcoming; /* it could not be started yet; NULL none */
	struct slot *slots;
	struct hoard_crowd *crowds; /* one a slot, shared with the case in it */
	struct pollfd *polls;	    /* two a slot */
	uint32_t jobs, running;
	struct folders folders;
	struct brood before; /* children that are not ours to end */
	struct suite_totals totals;
	struct starts starts;
	uint64_t began, ticked;
	uint64_t short_since; /* since when the system refuses another process; 0 it does not */
	int stop;	      /* the flag as last acted upon */
};

static uint32_t cores(void)
{
	cpu_set_t set;

	/* what we may use, not what is there */
	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

static void progress(struct suite *suite)
{
	struct suite_progress now = {
	    .total = (uint32_t)(suite->count + suite->more),
	    .running = suite->running,
	    .passed = suite->totals.passed,
	    .failed = suite->totals.failed,
	    .broken = suite->totals.broken,
	    .skipped = suite->totals.skipped,
	    .elapsed = clock_seconds(clock_now() - suite->began),
	};

	suite->ticked = clock_now();
	if (!suite->ops->progress)
		return;
	now.done = now.passed + now.failed + now.broken + now.skipped;
	for (uint32_t i = 0; i < suite->jobs && now.name_count < 8; i++) {
		if (suite->slots[i].item)
			now.names[now.name_count++] = suite->slots[i].item->scenario->name;
	}
	for (uint32_t i = 0; i < suite->jobs; i++) {
		now.held += atomic_load(&suite->crowds[i].held);
		now.wanted += atomic_load(&suite->crowds[i].wanted);
	}
	suite->ops->progress(suite->ops->arg, &now);
}

void suite_count(struct suite_totals *totals, enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_PASS:
		totals->passed++;
		break;
	case VERDICT_FAIL:
		totals->failed++;
		break;
	case VERDICT_BROKEN:
		totals->broken++;
		break;
	case VERDICT_SKIP:
		totals->skipped++;
		break;
	}
}

/* What the case wrote stays or goes, by its verdict. */
static void keep_files(const struct suite *suite, const char *directory, struct result *result)
{
	bool bad = result->verdict == VERDICT_FAIL || result->verdict == VERDICT_BROKEN;
	char journal[PATH_MAX + 16];

	result->journal[0] = '\0';
	if (directory[0] == '\0')
		return;
	if (!suite->options->keep && !(suite->options->leave && bad)) {
		folders_remove(directory);
		return;
	}
	(void)snprintf(journal, sizeof(journal), "%s/journal", directory);
	result_text(result->journal, sizeof(result->journal), journal);
}

static void report(struct suite *suite, const struct suite_case *item, const char *directory,
		   struct result *result)
{
	keep_files(suite, directory, result);
	suite_count(&suite->totals, result->verdict);
	/* short of memory, nothing is given up */
	(void)starts_note(&suite->starts, item->options.target_name, result);
	suite->ops->done(suite->ops->arg, result);
	result_free(result);
	progress(suite);
}

/* A case that could not even be started. */
static void report_broken(struct suite *suite, const struct suite_case *item, const char *directory,
			  const struct error *error)
{
	struct result result;

	result_init(&result, item->scenario->name, item->options.target_name);
	result.round = item->round;
	result_text(result.reason, sizeof(result.reason), error->text);
	report(suite, item, directory, &result);
}

static bool transient(int code)
{
	return code == -EAGAIN || code == -EMFILE || code == -ENFILE || code == -ENOMEM;
}

/* Whether to ask again later: something of ours may end, or somebody else's. */
static bool may_wait(struct suite *suite, int code)
{
	if (!transient(code))
		return false;
	if (suite->running > 0)
		return true;
	if (suite->short_since == 0)
		suite->short_since = clock_now();
	return clock_now() - suite->short_since < SUITE_START_PATIENCE;
}

/* 0, or -EAGAIN when the system has no room for it now. */
static int start(struct suite *suite, struct slot *slot, const struct suite_case *item)
{
	struct error error = {0};
	int rc;

	memset(slot, 0, sizeof(*slot));
	slot->crowd = &suite->crowds[slot - suite->slots];
	slot->pipe = slot->pidfd = -1;
	slot->item = item;
	rc = folders_make(&suite->folders, item, slot->directory, sizeof(slot->directory), &error);
	if (rc < 0)
		slot->directory[0] = '\0';
	rc = rc ? rc : slot_start(slot, &error);
	if (rc == 0) {
		suite->running++;
		suite->short_since = 0;
		return 0;
	}
	slot->item = NULL;
	if (may_wait(suite, rc)) {
		folders_remove(slot->directory);
		return -EAGAIN;
	}
	report_broken(suite, item, slot->directory, &error);
	return 0;
}

static bool leave_out(struct suite *suite, const struct suite_case *item)
{
	return starts_leave_out(&suite->starts, item->options.target_name);
}

/* The case that is to be started next, NULL none. */
static const struct suite_case *upcoming(struct suite *suite)
{
	while (!suite->upcoming && suite->next < suite->count) {
		const struct suite_case *item = &suite->cases[suite->next++];

		if (leave_out(suite, item))
			suite->totals.not_run++;
		else
			suite->upcoming = item;
	}
	if (!suite->upcoming && suite->ops->next) {
		suite->upcoming = suite->ops->next(suite->ops->arg);
		suite->more += suite->upcoming != NULL;
	}
	return suite->upcoming;
}

static void start_some(struct suite *suite)
{
	for (uint32_t i = 0; i < suite->jobs; i++) {
		/* a case that could not be started leaves its slot free for the next */
		while (!suite->slots[i].item && upcoming(suite)) {
			if (start(suite, &suite->slots[i], suite->upcoming) < 0)
				return;
			suite->upcoming = NULL;
		}
	}
}

/* A case's process that did not end by itself leaves its target to us, its subreaper. */
static void sweep(struct suite *suite)
{
	struct brood keep = {0};
	size_t count_kept = suite->before.count + suite->jobs;

	keep.pids = calloc(count_kept, sizeof(*keep.pids));
	if (!keep.pids)
		return;
	if (suite->before.count > 0)
		memcpy(keep.pids, suite->before.pids, suite->before.count * sizeof(*keep.pids));
	keep.count = suite->before.count;
	for (uint32_t i = 0; i < suite->jobs; i++) {
		if (suite->slots[i].item && !suite->slots[i].ended)
			keep.pids[keep.count++] = suite->slots[i].pid;
	}
	brood_kill(&keep);
	brood_free(&keep);
}

static bool interrupted(const struct suite *suite, const struct result *result)
{
	if (suite->stop == 0)
		return false;
	return suite->stop >= 2 ||
	       (result->verdict == VERDICT_SKIP && strcmp(result->reason, CASE_INTERRUPTED) == 0);
}

static void finish(struct suite *suite, struct slot *slot)
{
	const struct suite_case *item = slot->item;
	struct result result;
	bool own_end;

	(void)slot_result(slot, &result);
	own_end = result.verdict != VERDICT_BROKEN;
	if (!own_end)
		sweep(suite);
	slot->item = NULL;
	suite->running--;
	*slot->crowd = (struct hoard_crowd){0}; /* a case that was killed did not take its peers off */
	slot_close(slot);
	if (interrupted(suite, &result)) {
		folders_remove(slot->directory);
		result_free(&result);
		suite->totals.not_run++;
		progress(suite);
		return;
	}
	report(suite, item, slot->directory, &result);
}

/* Waits for news of any case, at most a tick; a signal to the front ends the wait. */
static void wait_news(struct suite *suite)
{
	nfds_t polled = (nfds_t)suite->jobs * 2;

	for (uint32_t i = 0; i < suite->jobs; i++) {
		const struct slot *slot = &suite->slots[i];

		suite->polls[2 * i] = (struct pollfd){.fd = slot->item ? slot->pidfd : -1, .events = POLLIN};
		suite->polls[2 * i + 1] =
		    (struct pollfd){.fd = slot->item ? slot->pipe : -1, .events = POLLIN};
	}
	if (poll(suite->polls, polled, (int)(SUITE_TICK / NS_PER_MS)) <= 0)
		return;
	for (uint32_t i = 0; i < suite->jobs; i++) {
		if (suite->polls[2 * i + 1].revents)
			slot_read(&suite->slots[i]);
		if (suite->polls[2 * i].revents)
			finish(suite, &suite->slots[i]);
	}
}

static void obey_limits(struct suite *suite)
{
	uint64_t now = clock_now();

	for (uint32_t i = 0; i < suite->jobs; i++) {
		struct slot *slot = &suite->slots[i];

		if (!slot->item || slot->killed || now < slot->deadline || slot_indulge(slot, now))
			continue;
		slot->killed = true;
		slot_kill(slot, SIGKILL);
	}
}

static void obey_stop(struct suite *suite)
{
	int stop = suite->options->stop ? (int)*suite->options->stop : 0;

	if (stop == 0 && suite->ops->enough && suite->ops->enough(suite->ops->arg))
		stop = 1;
	if (stop == suite->stop)
		return;
	suite->stop = stop;
	for (uint32_t i = 0; i < suite->jobs; i++) {
		if (suite->slots[i].item)
			slot_kill(&suite->slots[i], stop >= 2 ? SIGKILL : SIGTERM);
	}
}

static void run(struct suite *suite)
{
	for (;;) {
		obey_stop(suite);
		if (suite->stop == 0)
			start_some(suite);
		if (suite->running == 0 && (suite->stop != 0 || !upcoming(suite)))
			break;
		wait_news(suite);
		obey_limits(suite);
		if (clock_now() - suite->ticked >= SUITE_TICK)
			progress(suite);
	}
	suite->totals.not_run += (uint32_t)(suite->count - suite->next) + (suite->upcoming != NULL);
}

static void tell_unready(const struct suite *suite)
{
	for (size_t i = 0; suite->ops->unready && i < suite->starts.count; i++) {
		if (suite->starts.records[i].unready > 0)
			suite->ops->unready(suite->ops->arg, &suite->starts.records[i]);
	}
}

static int prepare(struct suite *suite, struct error *error)
{
	int rc;

	suite->jobs = suite->options->jobs ? suite->options->jobs : cores();
	if (suite->jobs > suite->count && !suite->ops->next)
		suite->jobs = suite->count > 0 ? (uint32_t)suite->count : 1;
	suite->slots = calloc(suite->jobs, sizeof(*suite->slots));
	suite->polls = calloc(suite->jobs, 2 * sizeof(*suite->polls));
	suite->crowds = mmap(NULL, suite->jobs * sizeof(*suite->crowds), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (suite->crowds == MAP_FAILED)
		suite->crowds = NULL;
	if (!suite->slots || !suite->polls || !suite->crowds)
		return error_set(error, -ENOMEM, "out of memory");
	rc = brood_list(&suite->before);
	if (rc < 0)
		return error_set(error, rc, "listing our children: %s", strerror(-rc));
	return folders_open(&suite->folders, suite->options, error);
}

int suite_run(const struct suite_options *options, const struct suite_case *cases, size_t count_cases,
	      const struct suite_ops *ops, struct suite_totals *ret_totals, struct error *error)
{
	struct suite suite = {
	    .options = options,
	    .ops = ops,
	    .cases = cases,
	    .count = count_cases,
	    .began = clock_now(),
	};
	int reaper = 0, rc = prepare(&suite, error);

	(void)prctl(PR_GET_CHILD_SUBREAPER, &reaper, 0, 0, 0);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (rc == 0) {
		run(&suite);
		sweep(&suite);
		tell_unready(&suite);
		folders_close(&suite.folders);
		*ret_totals = suite.totals;
		rc = suite.stop ? -EINTR : 0;
	}
	(void)prctl(PR_SET_CHILD_SUBREAPER, reaper, 0, 0, 0);
	starts_free(&suite.starts);
	if (suite.crowds)
		(void)munmap(suite.crowds, suite.jobs * sizeof(*suite.crowds));
	free(suite.slots);
	free(suite.polls);
	brood_free(&suite.before);
	return rc;
}
