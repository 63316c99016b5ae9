/* SPDX-License-Identifier: MIT */
/*
 * Whether the target is at rest, known and not waited for.
 *
 * Over loopback a packet is received before the call that sent it returns, and who sleeps for it is ready to
 * run from then on, on a CPU or not yet. So a thread that sleeps has nothing more to do for what was sent
 * before, unless a timer of its own makes it. What it told before it went to sleep is fetched; that it told
 * nothing more by the time it was seen asleep shows that it slept in the very wait it told of.
 */
#include <string.h>
#include "base/clock.h"
#include "run/pending.h"
#include "run/stage_impl.h"

#define STILL_POLL (30 * NS_PER_US)
/* For what no thread was woken by: the network may have been put off to another thread of the kernel's. */
#define STILL_GRACE (500 * NS_PER_US)

/* The watcher keeps nothing to itself for a while. */
static bool tells_at_once(const struct stage *stage)
{
	const char *watch = stage->options->watch->name;

	return strcmp(watch, "ptrace") == 0 || strcmp(watch, "preload") == 0;
}

static void fetch(struct stage *stage)
{
	journal_fetch(stage->journal);
	stage_drain(stage);
}

static bool lies_still(struct stage *stage)
{
	uint64_t told;

	fetch(stage);
	told = stage->target_events;
	if (!pending_rests(stage, 0) || !target_sleeps(stage->target, stage->world))
		return false;
	fetch(stage);
	return stage->target_events == told;
}

bool stage_still(struct stage *stage)
{
	uint64_t count;
	bool brought_nothing;

	if (stage->gone || !tells_at_once(stage))
		return stage_settled(stage);
	if (!lies_still(stage)) {
		stage->still.found = false;
		return false;
	}
	if (stage->target_event < stage->peer_act && stage->peer_act + STILL_GRACE > clock_now())
		return false;
	count = journal_count(stage->journal);
	brought_nothing =
	    stage->still.found && stage->still.count == count && stage->still.steps != stage->steps;
	stage->still.found = true;
	stage->still.count = count;
	stage->still.steps = stage->steps;
	return brought_nothing;
}

uint64_t stage_still_poll(const struct stage *stage, uint64_t waited)
{
	if (!tells_at_once(stage))
		return stage_settled_poll(stage);
	/* seen still just now: only what has come is to be taken */
	if (stage->still.found && stage->still.steps == stage->steps)
		return 0;
	return waited / 8 > STILL_POLL ? waited / 8 : STILL_POLL;
}
