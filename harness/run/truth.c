/* SPDX-License-Identifier: MIT */
#include "run/truth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/names.h"
#include "run/truth_ask.h"
#include "run/truth_play.h"
#include "run/truth_state.h"

static const char *const verdict_names[TRUTH_VERDICTS] = {"same", "differs", "skipped", "broken"};

const char *truth_verdict_name(enum truth_verdict verdict)
{
	return verdict_names[verdict];
}

const struct truth_state *truth_state_find(const char *name)
{
	const struct truth_state *const lists[] = {truth_states_tcp, truth_states_sockets,
						   truth_states_others};

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (const struct truth_state *state = lists[i]; state->name; state++)
			if (strcmp(state->name, name) == 0)
				return state;
	return NULL;
}

/* What a sandbox or an old kernel refuses, rather than what went wrong. */
static bool is_refusal(int code)
{
	static const int refusals[] = {-EPERM,	       -EACCES,	     -ENOSYS,	       -EAFNOSUPPORT,
				       -EADDRNOTAVAIL, -EMFILE,	     -EPROTONOSUPPORT, -ENETUNREACH,
				       -EOVERFLOW,     -ENOPROTOOPT, -EOPNOTSUPP};

	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		if (code == refusals[i])
			return true;
	return false;
}

static enum truth_verdict not_made(int code, char *reason, size_t size)
{
	if (code == -ETIMEDOUT)
		(void)snprintf(reason, size, "the state was not reached in time");
	else
		(void)snprintf(reason, size, "%s", strerror(-code));
	return is_refusal(code) ? TRUTH_SKIPPED : TRUTH_BROKEN;
}

/* A way that is refused here is told, and leaves the others their say. */
static enum truth_verdict state_verdict(struct truth_state_row *row)
{
	enum truth_verdict verdict = TRUTH_SAME;

	for (enum mask_way way = 0; way < WAY_COUNT; way++) {
		const struct truth_answer *answer = &row->answers[way];
		if (answer->same)
			continue;
		if (!is_refusal(answer->failed))
			return TRUTH_DIFFERS;
		(void)snprintf(row->reason, sizeof row->reason, "%s: %s", mask_way_name(way),
			       strerror(-answer->failed));
	}
	return verdict;
}

/* Two of each: the receive takes away what the others look at. */
struct staged {
	struct stand stands[2];
	const struct truth_state *state;
	int made;
};

static void stage(struct staged *staged, const struct truth_state_row *row)
{
	staged->state = truth_state_find(row->model->name);
	staged->made = staged->state ? 0 : -ENOENT;
	for (int i = 0; i < 2; i++) {
		stand_init(&staged->stands[i]);
		if (staged->made == 0)
			staged->made = staged->state->make(&staged->stands[i]);
	}
}

static void look(struct staged *staged, struct truth_state_row *row)
{
	for (int i = 0; i < 2; i++)
		if (staged->made == 0 && staged->state->settle)
			staged->made = staged->state->settle(&staged->stands[i]);
	if (staged->made < 0) {
		row->verdict = not_made(staged->made, row->reason, sizeof row->reason);
	} else {
		truth_ask(staged->stands[0].fd, row);
		truth_ask_receive(staged->stands[1].fd, row);
		row->verdict = state_verdict(row);
	}
	for (int i = 0; i < 2; i++)
		stand_free(&staged->stands[i]);
}

/* Those that wait for one of the kernel's timers are set going first and looked at last. */
static bool is_slow(const struct truth_state_row *row)
{
	const struct truth_state *state = truth_state_find(row->model->name);

	return state && state->settle;
}

static void take_states(struct truth *truth, struct staged *slow)
{
	for (size_t i = 0; i < truth->state_count; i++)
		if (is_slow(&truth->states[i]))
			stage(&slow[i], &truth->states[i]);
	for (size_t i = 0; i < truth->state_count; i++) {
		struct staged staged;
		if (is_slow(&truth->states[i]))
			continue;
		stage(&staged, &truth->states[i]);
		look(&staged, &truth->states[i]);
	}
}

static void take_stories(struct truth *truth)
{
	for (size_t i = 0; i < truth->story_count; i++) {
		struct truth_story_row *row = &truth->stories[i];
		int r = truth_play(row->model->name, &row->observed);
		if (r < 0)
			row->verdict = not_made(r, row->reason, sizeof row->reason);
		else if (!row->observed.data || strcmp(row->observed.data, row->model->expect) != 0)
			row->verdict = TRUTH_DIFFERS;
	}
}

static int prepare(struct truth *truth, struct staged **ret_slow)
{
	while (mask_rows[truth->state_count].name)
		truth->state_count++;
	while (story_rows[truth->story_count].name)
		truth->story_count++;
	truth->states = calloc(truth->state_count + 1, sizeof *truth->states);
	truth->stories = calloc(truth->story_count + 1, sizeof *truth->stories);
	*ret_slow = calloc(truth->state_count + 1, sizeof **ret_slow);
	if (!truth->states || !truth->stories || !*ret_slow)
		return -ENOMEM;
	for (size_t i = 0; i < truth->state_count; i++)
		truth->states[i].model = &mask_rows[i];
	for (size_t i = 0; i < truth->story_count; i++)
		truth->stories[i].model = &story_rows[i];
	return 0;
}

int truth_take(struct truth *ret_truth)
{
	uint64_t began = clock_now();
	struct truth truth = {0};
	struct staged *slow = NULL;
	int r = prepare(&truth, &slow);

	if (r < 0) {
		free(slow);
		truth_free(&truth);
		return r;
	}
	take_states(&truth, slow);
	take_stories(&truth);
	for (size_t i = 0; i < truth.state_count; i++) {
		if (is_slow(&truth.states[i]))
			look(&slow[i], &truth.states[i]);
		truth.counts[truth.states[i].verdict]++;
	}
	for (size_t i = 0; i < truth.story_count; i++)
		truth.counts[truth.stories[i].verdict]++;
	free(slow);
	truth.seconds = clock_seconds(clock_now() - began);
	*ret_truth = truth;
	return 0;
}

void truth_free(struct truth *truth)
{
	for (size_t i = 0; truth->stories && i < truth->story_count; i++)
		buf_free(&truth->stories[i].observed);
	free(truth->stories);
	free(truth->states);
	*truth = (struct truth){0};
}
