/* SPDX-License-Identifier: MIT */
/*
 * Who asks next, and what came of it.
 *
 *   kept   the connection that stays ─┐
 *   turn   every fourth request       ├─ one of the two at a time, an interval apart
 *   extra  canary_fresh               ┘  beside them
 */
#include "peer/canary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "peer/asker.h"

#define FRESH_EVERY 4
#define RETRY_DELAY (20 * NS_PER_MS) /* at least this long after a miss: a refusal comes at once */

struct canary {
	struct ask_shared shared;
	struct asker kept, turn, extra;
	struct canary_figures figures;
	struct loop_timer *next;
	uint64_t turns;
	bool running;
	int failure, fresh;
};

static void schedule(struct canary *canary, uint64_t delay);

static void count(struct canary *canary, enum ask_outcome outcome, int code)
{
	switch (outcome) {
	case ASK_SERVED:
		canary->figures.served++;
		break;
	case ASK_WRONG:
		canary->figures.wrong++;
		break;
	case ASK_MISSED:
		canary->figures.missed++;
		break;
	case ASK_BROKEN:
		canary->failure = code;
		return;
	case ASK_FORGIVEN:
		return;
	}
	canary->figures.asked++;
}

static void turn_over(void *arg, enum ask_outcome outcome, int code)
{
	struct canary *canary = arg;
	uint64_t delay = canary->shared.options.interval;

	count(canary, outcome, code);
	if (outcome != ASK_SERVED && delay < RETRY_DELAY)
		delay = RETRY_DELAY;
	schedule(canary, delay);
}

static void extra_over(void *arg, enum ask_outcome outcome, int code)
{
	struct canary *canary = arg;

	canary->fresh = code;
	count(canary, outcome, code);
}

/* The kept connection can serve more than one request. */
static bool keepable(const struct canary *canary)
{
	const uint32_t both = PROTOCOL_REQUEST | PROTOCOL_KEEPALIVE;

	return (canary->shared.options.protocol->offers & both) == both;
}

static void on_next(void *arg)
{
	struct canary *canary = arg;

	canary->next = NULL;
	if (canary->shared.keep_only) {
		if (keepable(canary) && asker_open(&canary->kept))
			asker_begin(&canary->kept);
		else
			schedule(canary, canary->shared.options.interval + RETRY_DELAY);
		return;
	}
	bool fresh = !keepable(canary) || ++canary->turns % FRESH_EVERY == 0;
	asker_begin(fresh ? &canary->turn : &canary->kept);
}

static void schedule(struct canary *canary, uint64_t delay)
{
	if (!canary->running || canary->next || canary->kept.asking || canary->turn.asking)
		return;
	canary->next = loop_at(canary->shared.loop, clock_now() + delay, on_next, canary);
	if (!canary->next)
		canary->failure = -ENOMEM;
}

static int check(const struct canary_options *options, struct error *error)
{
	const struct protocol *protocol = options->protocol;

	if (!protocol || !options->next_id || !options->address ||
	    options->address_size > sizeof(struct sockaddr_storage))
		return error_set(error, -EINVAL, "a canary needs a protocol, an address and ids");
	if ((protocol->offers & PROTOCOL_REQUEST) && (!protocol->request || !protocol->answer))
		return error_set(error, -EINVAL, "protocol %s offers requests but cannot make or check them",
				 protocol->name);
	if ((protocol->offers & PROTOCOL_GREETS) && !protocol->greeting)
		return error_set(error, -EINVAL, "protocol %s offers a greeting but cannot check it",
				 protocol->name);
	return 0;
}

static void make_asker(struct canary *canary, struct asker *asker, bool keeps,
		       void (*done)(void *, enum ask_outcome, int))
{
	asker->shared = &canary->shared;
	asker->keeps = keeps;
	asker->done = done;
	asker->arg = canary;
}

int canary_new(struct loop *loop, struct journal *journal, const struct canary_options *options,
	       struct canary **ret_canary, struct error *error)
{
	int r = check(options, error);
	struct canary *canary = r < 0 ? NULL : calloc(1, sizeof *canary);
	struct rng rng;

	if (r < 0)
		return r;
	if (!canary)
		return error_set(error, -ENOMEM, "out of memory for the canary");
	rng_init(&rng, options->seed, "canary");
	canary->shared.loop = loop;
	canary->shared.journal = journal;
	canary->shared.options = *options;
	memcpy(&canary->shared.address, options->address, options->address_size);
	canary->shared.options.address = NULL; /* the caller's may go */
	canary->shared.token_seed = (uint32_t)rng_below(&rng, 1 << 24);
	canary->fresh = -ENOENT;
	make_asker(canary, &canary->kept, true, turn_over);
	make_asker(canary, &canary->turn, false, turn_over);
	make_asker(canary, &canary->extra, false, extra_over);
	*ret_canary = canary;
	return 0;
}

void canary_run(struct canary *canary)
{
	canary->running = true;
	schedule(canary, 0);
}

void canary_hurry(struct canary *canary)
{
	if (!canary->next)
		return;
	loop_cancel(canary->shared.loop, canary->next);
	canary->next = NULL;
	schedule(canary, 0);
}

void canary_pause(struct canary *canary)
{
	canary->running = false;
	loop_cancel(canary->shared.loop, canary->next);
	canary->next = NULL;
}

bool canary_resting(const struct canary *canary)
{
	return !canary->running && !canary->kept.asking && !canary->turn.asking;
}

void canary_keep_only(struct canary *canary, bool keep_only)
{
	canary->shared.keep_only = keep_only;
}

int canary_fresh(struct canary *canary)
{
	if (canary->extra.asking)
		return -EALREADY;
	canary->fresh = -EAGAIN;
	asker_begin(&canary->extra);
	return 0;
}

int canary_fresh_result(const struct canary *canary)
{
	return canary->fresh;
}

uint64_t canary_waits_since(const struct canary *canary)
{
	const struct asker *askers[] = {&canary->kept, &canary->turn, &canary->extra};
	uint64_t since = 0;

	for (size_t i = 0; i < sizeof(askers) / sizeof(*askers); i++)
		if (askers[i]->asking && (!since || askers[i]->began < since))
			since = askers[i]->began;
	return since;
}

struct canary_figures canary_figures(const struct canary *canary)
{
	return canary->figures;
}

void canary_reset_figures(struct canary *canary)
{
	canary->figures = (struct canary_figures){0};
}

const char *canary_complaint(const struct canary *canary)
{
	return canary->shared.complaint;
}

int canary_failure(const struct canary *canary)
{
	return canary->failure;
}

void canary_free(struct canary *canary)
{
	if (!canary)
		return;
	canary_pause(canary);
	asker_drop(&canary->kept);
	asker_drop(&canary->turn);
	asker_drop(&canary->extra);
	free(canary);
}
