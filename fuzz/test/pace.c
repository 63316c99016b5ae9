/* SPDX-License-Identifier: MIT */
/*
 * How fast scripts are played and judged: one program for each server, a fixed set of scripts as the fuzzer's
 * own mutation makes them, half of them with 30 moves or more. Prints one JSON object; FUZZ_SHOW=1: instead
 * every event and every finding as text, for two versions to be held against each other.
 *
 * usage: NAME [SCRIPTS [SECONDS]]     (1000 scripts, over and over for 3 seconds of CPU time)
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/rng.h"
#include "fuzz/server/verdict.h"

/* As many moves as come to a median of 30 performed: those of a script in rounds are performed again in each.
 */
enum { MOVES_LEAST = 10, MOVES_TO = 47 };

struct script {
	uint8_t bytes[SCHEDULE_MOST];
	size_t size;
	struct trial_figures figures; /* of one execution */
};

static size_t leave(uint8_t *data, size_t size, size_t room)
{
	(void)data;
	return size < room ? size : room;
}

static size_t moves_of(const struct script *script)
{
	return schedule_read(script->bytes, script->size).count;
}

/* Grown as a fuzzer grows it: from nothing, by one change after the other. */
static void grow(struct script *script, unsigned number)
{
	struct rng rng;

	rng_init(&rng, number, "pace");
	size_t wanted = MOVES_LEAST + rng_below(&rng, MOVES_TO - MOVES_LEAST + 1);
	while (moves_of(script) < wanted)
		script->size = schedule_mutate(script->bytes, script->size, sizeof script->bytes,
					       (unsigned)rng_next(&rng), leave);
}

static double cpu_seconds(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void play(struct trial *trial, struct script *script)
{
	struct schedule schedule = schedule_read(script->bytes, script->size);
	struct finding finding;

	trial->figures = (struct trial_figures){0};
	(void)trial_play(trial, &schedule, NULL, &finding);
	script->figures = trial->figures;
}

static int compare(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

	return (a > b) - (a < b);
}

/* The median of one figure of all scripts. */
static uint64_t median(const struct script *scripts, size_t count, size_t figure)
{
	uint64_t *values = malloc(count * sizeof *values), found;

	if (!values)
		exit(2);
	for (size_t i = 0; i < count; i++)
		values[i] = *(const uint64_t *)(const void *)((const char *)&scripts[i].figures + figure);
	qsort(values, count, sizeof *values, compare);
	found = values[count / 2];
	free(values);
	return found;
}

static void tell(const struct script *scripts, size_t count, uint64_t executions, double seconds)
{
	printf("{\"executions\": %llu, \"cpu_seconds\": %.3f, \"per_second\": %.0f, \"scripts\": %zu, "
	       "\"median_moves\": %llu, \"median_calls\": %llu, \"median_events\": %llu}\n",
	       (unsigned long long)executions, seconds, (double)executions / seconds, count,
	       (unsigned long long)median(scripts, count, offsetof(struct trial_figures, moves)),
	       (unsigned long long)median(scripts, count, offsetof(struct trial_figures, calls)),
	       (unsigned long long)median(scripts, count, offsetof(struct trial_figures, events)));
}

int main(int argc, char **argv)
{
	size_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
	double most = argc > 2 ? strtod(argv[2], NULL) : 3;
	struct script *scripts = calloc(count, sizeof *scripts);
	struct trial *trial = trial_new(getenv("FUZZ_SHOW") != NULL, NULL);
	uint64_t executions = 0;

	if (!count || !scripts || !trial)
		return 2;
	for (size_t i = 0; i < count; i++)
		grow(&scripts[i], (unsigned)i + 1);
	double began = cpu_seconds(), now;
	do {
		for (size_t i = 0; i < count; i++)
			play(trial, &scripts[i]);
		executions += count;
		now = cpu_seconds();
	} while (now - began < most && !trial->show);
	if (!trial->show)
		tell(scripts, count, executions, now - began);
	trial_free(trial);
	free(scripts);
	return 0;
}
