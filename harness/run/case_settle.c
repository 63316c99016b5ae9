/* SPDX-License-Identifier: MIT */
/*
 * The last phases of a case. The canary rests while the target settles, for a target that is asked all the
 * time never sleeps, and rules about sleeping and spinning need to see what it does by itself:
 *
 *     SETTLE   silence until nothing is pending, or the window of what is pending is over
 *     QUIET    every fd and thread is probed
 *     RECOVERY the peers that are left close, a fresh request must be served, probed again (not of a dead
 * target) STOP     SIGTERM
 */
#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "rules/limits.h"
#include "run/stage_impl.h"
#include "run/pending.h"

#define SETTLE_SILENCE (150 * NS_PER_MS) /* at the least */
#define SETTLE_REST    (40 * NS_PER_MS)	 /* without an event, to count as come to rest */
#define SETTLE_LOOK    (10 * NS_PER_MS)
#define PROBE_LOOK     (50 * NS_PER_MS)
#define SPIN_PROBE_GAP (250 * NS_PER_MS) /* between the two probes that show CPU time growing */
#define CLOSE_PATIENCE (300 * NS_PER_MS)
#define STOP_PATIENCE  (1 * NS_PER_S)

/* One look at what is pending; *waiting and *looked remember the last answer of the sockets, which is dearer.
 */
static uint32_t look(struct stage *stage, uint64_t began, uint64_t *looked, bool *waiting)
{
	uint64_t now = clock_now();
	uint32_t pending = pending_look(stage, stage_window(stage, SETTLE_REST));

	if (pending == 0 && now - began < stage_window(stage, SETTLE_SILENCE))
		return PENDING_BUSY;
	if (pending & PENDING_BUSY)
		return pending;
	if (now - *looked >= PROBE_LOOK) {
		*waiting = stage_watched(stage) && pending_waiting(stage);
		*looked = now;
	}
	return pending | (*waiting ? PENDING_WAITING : 0);
}

static int wait_settled(struct stage *stage)
{
	uint64_t began = clock_now(), looked = 0;
	bool waiting = false;

	for (;;) {
		uint32_t pending = look(stage, began, &looked, &waiting);
		uint64_t now = clock_now();
		int rc;

		if (stage->gone || pending == 0 || now - began > pending_window(stage, pending))
			return 0;
		/* busy targets have events all the time; each look costs a walk, so not for each of them */
		rc = stage_pass(stage, now + SETTLE_LOOK);
		if (rc < 0)
			return rc;
	}
}

static int probe(struct stage *stage)
{
	int rc = stage->gone ? 0 : target_probe(stage->target, stage->world);

	return rc < 0 ? stage_broken(stage, "probing the target: %s", strerror(-rc)) : 0;
}

/* The second probe shows CPU time growing: rates over less than their stretch say nothing. */
static int quiet(struct stage *stage)
{
	int rc = stage_mark(stage, MARK_QUIET, 0, NULL);

	rc = rc ? rc : probe(stage);
	if (rc == 0 && !pending_rests(stage, stage_window(stage, SETTLE_REST))) {
		rc = stage_pass(stage, clock_now() + stage_window(stage, SPIN_PROBE_GAP));
		rc = rc ? rc : probe(stage);
	}
	return rc;
}

static int recover(struct stage *stage)
{
	/* the canary's own patience ends first; this bounds a canary that does not answer */
	uint64_t until = clock_now() + stage_window(stage, 2 * LIMIT_UNSERVED_WINDOW + LIMIT_UNSERVED_BUSY);
	int rc;

	stage_drop_all(stage);
	rc = stage_mark(stage, MARK_RECOVERY, 0, NULL);
	rc = rc ? rc
		: stage_until(stage, pending_ended_closed, clock_now() + stage_window(stage, CLOSE_PATIENCE));
	if (rc < 0)
		return rc;
	rc = canary_fresh(stage->canary);
	if (rc < 0)
		return stage_broken(stage, "the canary: %s", strerror(-rc));
	rc = stage_until(stage, stage_fresh_over, until);
	if (rc < 0)
		return rc;
	rc = stage_until(stage, pending_ended_closed, clock_now() + stage_window(stage, CLOSE_PATIENCE));
	return rc < 0 ? rc : probe(stage);
}

int case_settle(struct stage *stage)
{
	uint64_t until =
	    clock_now() + stage_window(stage, LIMIT_UNSERVED_WINDOW + LIMIT_UNSERVED_BUSY) + CLOSE_PATIENCE;
	int rc = stage_mark(stage, MARK_SETTLE, 0, NULL);

	/* a scenario that used up its time is judged like any other: these phases have bounds of their own */
	stage->deadline = 0;
	canary_pause(stage->canary);
	rc = rc ? rc : stage_until(stage, stage_canary_rests, until);
	/* the first probe dates what waits in a socket already, and starts the account of CPU time */
	rc = rc < 0 ? rc : probe(stage);
	rc = rc ? rc : wait_settled(stage);
	rc = rc ? rc : quiet(stage);
	/* the dead do not recover */
	return rc || stage->gone ? rc : recover(stage);
}

static bool is_gone(struct stage *stage)
{
	return stage->gone;
}

int case_stop(struct stage *stage)
{
	uint64_t patience = stage_window(stage, STOP_PATIENCE);
	int rc;

	stage->deadline = 0;
	stage->ending = true;
	canary_free(stage->canary);
	stage->canary = NULL;
	stage_drop_all(stage);
	if (!stage->target || stage->gone)
		return 0;
	rc = stage_mark(stage, MARK_STOP, 0, NULL);
	stage->asked = true;
	if (rc < 0 || target_stop(stage->target) < 0)
		return rc;
	rc = stage_until(stage, is_gone, clock_now() + patience);
	return rc == -ESRCH || rc > 0 ? 0 : rc;
}
