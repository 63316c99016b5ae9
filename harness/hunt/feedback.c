/* SPDX-License-Identifier: MIT */
#include "hunt/feedback.h"

#include <stdlib.h>
#include "base/rng.h"

#define MUCH 65536u /* bytes in one turn that are no small talk */

/* What was last said of a file or a peer. */
struct trail {
	uint64_t last; /* a step, as a number */
	uint64_t idle; /* reports in a row with no call on it */
};

void feedback_begin(struct feedback *feedback, uint8_t *counters, size_t count)
{
	*feedback = (struct feedback){.counters = counters, .count = count};
}

static uint64_t mix(uint64_t one, uint64_t other)
{
	struct rng rng = {one * 0x9e3779b97f4a7c15ULL ^ other};

	return rng_next(&rng);
}

static void count(struct feedback *feedback, uint64_t key)
{
	/* A division takes as long as all else of this; counters are mostly a power of two. */
	size_t at =
	    feedback->count & (feedback->count - 1) ? key % feedback->count : key & (feedback->count - 1);
	uint8_t *counter = &feedback->counters[at];

	*counter = (uint8_t)(*counter + (*counter < UINT8_MAX));
}

static unsigned magnitude(uint64_t amount)
{
	return amount ? 64u - (unsigned)__builtin_clzll(amount) : 0;
}

void feedback_note(struct feedback *feedback, const char *kind, uint64_t amount)
{
	uint64_t key = magnitude(amount);

	for (; *kind; kind++)
		key = mix(key, (unsigned char)*kind);
	count(feedback, key);
}

static struct trail *trail_of(struct map *map, uint64_t id)
{
	struct trail *trail = map_get(map, id);

	if (trail)
		return trail;
	trail = calloc(1, sizeof(*trail));
	if (trail && map_put(map, id, trail) < 0) {
		free(trail);
		return NULL;
	}
	return trail;
}

/* A step counts by what it is and by what it follows. */
static void step(struct feedback *feedback, struct trail *trail, uint64_t what)
{
	count(feedback, mix(trail->last, what));
	trail->last = what;
}

/* Of a result: an errno, nothing, or something. */
static uint64_t outcome(const struct event *event)
{
	if (event->ret < 0)
		return (uint64_t)-event->ret;
	return event->ret == 0 ? 0x1000 : 0x2000;
}

/* The healthy peer does the same all the time, whatever the schedule. */
static bool canarys(const struct world *world, const struct file *file)
{
	const struct peer_view *peer = file->peer >= 0 ? world_peer(world, file->peer) : NULL;

	return peer && peer->canary;
}

static bool of_interest(const struct world *world, const struct file *file)
{
	if (!file || canarys(world, file))
		return false;
	return file->kind == FILE_CONN || file->kind == FILE_LISTENER || file->kind == FILE_OUTGOING;
}

static void reported(struct feedback *feedback, const struct world *world)
{
	const struct touch *touch = world_touch(world);

	for (uint32_t i = 0; i < touch->report_count; i++) {
		const struct report *report = &touch->reports[i];
		struct trail *trail;

		if (!of_interest(world, report->file))
			continue;
		trail = trail_of(&feedback->files, report->file->id);
		if (!trail)
			continue;
		trail->idle++;
		/* the way to a spin has milestones */
		if (trail->idle > 1 && (trail->idle & (trail->idle - 1)) == 0)
			count(feedback, mix(magnitude(trail->idle) + 0x300, report->events));
		if (trail->idle == 1)
			step(feedback, trail, mix((uint64_t)report->file->kind + 0x100, report->events));
	}
}

static void called(struct feedback *feedback, const struct world *world, const struct event *event)
{
	const struct file *file = world_touch(world)->file;
	struct trail *trail = of_interest(world, file) ? trail_of(&feedback->files, file->id) : NULL;
	enum call_class class = call_class((enum call)event->what);
	uint64_t what = (uint64_t) class << 16 | outcome(event);

	if (!trail)
		return;
	if ((class == CLASS_READ || class == CLASS_WRITE) && event->ret > 0)
		feedback->meanwhile += (uint64_t)event->ret;
	if (event->flags & EVF_INJECTED)
		what |= 1u << 30;
	trail->idle = 0;
	step(feedback, trail, mix(what, file->reported));
}

/* The way to starving somebody has milestones, too. */
static void canary_did(struct feedback *feedback, const struct event *event)
{
	bool over = event->what == PEER_ANSWER || event->what == PEER_UNANSWERED || event->what == PEER_CUT ||
		    event->what == PEER_GONE;

	if (event->what == PEER_REQUEST && !feedback->kept_waiting) {
		feedback->kept_waiting = true;
		feedback->meanwhile = 0;
	} else if (over && feedback->kept_waiting) {
		if (feedback->meanwhile >= MUCH)
			count(feedback, mix(0x400, magnitude(feedback->meanwhile)));
		feedback->kept_waiting = false;
	}
}

static bool has_figure(const struct event *event)
{
	return event->what == PEER_SEND || event->what == PEER_RECV;
}

static void peer_did(struct feedback *feedback, const struct event *event)
{
	struct trail *trail;
	uint64_t what = 0x10000000u | event->what;

	if (event->flags & EVF_CANARY)
		canary_did(feedback, event);
	if (event->flags & EVF_CANARY || event->what == PEER_GONE)
		return;
	trail = trail_of(&feedback->peers, (uint64_t)event->peer + 1);
	if (!trail)
		return;
	if (has_figure(event) && trail->last == what)
		return; /* in how many pieces is the kernel's choice */
	step(feedback, trail, what);
}

void feedback_event(struct feedback *feedback, const struct world *world, const struct event *event)
{
	switch ((enum event_kind)event->kind) {
	case EV_CALL:
		if (call_class((enum call)event->what) == CLASS_WAIT)
			reported(feedback, world);
		else
			called(feedback, world, event);
		return;
	case EV_PEER:
		peer_did(feedback, event);
		return;
	case EV_PROC:
		count(feedback, mix(0x200, event->what));
		return;
	default:
		return;
	}
}

void feedback_release(struct feedback *feedback)
{
	map_free_all(&feedback->files);
	map_free_all(&feedback->peers);
}
