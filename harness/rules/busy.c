/* SPDX-License-Identifier: MIT */
/*
 * busy-poll: work without a cause. Judged on the stretch from MARK_SETTLE on, when only the canary still
 * asks, against the base run before the fault, when it did the same. A journal without a base run (watch) is
 * judged by its silent seconds.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "rules/deed.h"
#include "rules/families.h"
#include "rules/limits.h"
#include "rules/window.h"

static const struct rule busy_rules[] = {
    {
	.id = "busy-poll",
	.severity = SEVERITY_WARNING,
	.doc = "the server keeps a core busy although no peer asks for anything",
	.why = "A timeout rounded down to 0, a timer that is always due or a forgotten flag makes the loop "
	       "poll instead of "
	       "sleep. Every client is served, so nobody notices but the one who pays for the machine, and "
	       "the latency of "
	       "its neighbours.",
	.how = "After the fault, with only the canary asking, waits that led to nothing (no byte moved, "
	       "nothing accepted or closed by that thread before its next wait) exceed 5000 a second, or "
	       "waits with a timeout of 0 that found nothing, one right after the other, exceed 1000 a "
	       "second, or a process or thread uses more than half a core while nothing more moves than "
	       "before. Only what exceeds the same figure of the base run counts, so that polling by design "
	       "is not held against a server. While the fault lasts only the waits of 0 in a row count, from "
	       "the sixteenth on that nothing but waiting stands between (a loop with callbacks of its own "
	       "due passes 0 too), at the same rate over a fifth of a second, in a server that did not poll "
	       "before. Without a "
	       "base run (wringer watch) a whole second in which nothing moved at all is judged. Silent "
	       "when one of the spin rules explains it.",
	.mend = "Round timeouts up, not down, when turning them into milliseconds; sleep until the next "
		"timer or for ever; "
		"look for a condition that makes the loop pass 0.",
	.seen = "redis 175a9e319",
    },
};

/* Explain the same waits better. */
static const char *const better_rules[] = {
    "hup-spin",	   "eof-spin",	  "readable-spin", "writable-spin",
    "urgent-spin", "futile-spin", "accept-spin",   "listener-spin",
};

enum stretch_name { BASE, SILENT, STRETCHES };

struct tally {
	uint64_t idle, zero, moves;
};

/* CPU as told by probes, first and last within a stretch. */
struct meter {
	uint64_t from, to, cpu_from, cpu_to;
};

/* One thread, or (tid 0) one process. */
struct worker {
	int32_t pid, tid;
	uint64_t born; /* first seen */
	struct meter meters[STRETCHES];
	uint64_t calls;			/* in SILENT */
	uint64_t idle;			/* in SILENT */
	bool waited, moved, empty_zero; /* its last wait, and what followed */
	unsigned row;			/* empty waits of 0 ms since the last that was something else */
	struct window zeros;		/* during the fault: those behind the first of a row */
};

struct busy_state {
	struct map threads, processes;
	struct tally tally[STRETCHES];
	uint64_t spent[STRETCHES]; /* ns, stretches that are over */
	uint64_t since;		   /* the stretch that runs */
	uint64_t silent_from;
	int running; /* enum stretch_name, -1 none */
	/* For journals without marks: the second that runs without a move. */
	uint64_t slice_from, slice_idle;
	struct finding unmarked;
	bool unmarked_found;
	struct finding faulty; /* polled while the fault lasted; count 0: did not */
};

static struct worker *worker_of(struct map *map, const struct event *event, int32_t tid)
{
	uint64_t key = (uint32_t)(tid ? tid : event->pid);
	struct worker *worker = map_get(map, key);

	if (worker)
		return worker;
	worker = calloc(1, sizeof(*worker));
	if (!worker || map_put(map, key, worker) < 0) {
		free(worker);
		return NULL;
	}
	worker->pid = event->pid;
	worker->born = event->at;
	worker->tid = tid;
	return worker;
}

static int busy_begin(struct judge *judge, void *arg)
{
	(void)judge;
	((struct busy_state *)arg)->running = -1;
	return 0;
}

static void busy_mark(struct busy_state *state, const struct event *event)
{
	static const int stretches[MARK_COUNT] = {
	    [MARK_READY] = -1,	   [MARK_BASE] = BASE,	 [MARK_FAULT] = -1, [MARK_SETTLE] = SILENT,
	    [MARK_QUIET] = SILENT, [MARK_RECOVERY] = -1, [MARK_STOP] = -1,  [MARK_END] = -1,
	};

	if (event->what >= MARK_COUNT || event->what == MARK_NOTE || event->what == MARK_SAMPLE)
		return;
	if (state->running >= 0)
		state->spent[state->running] += event->at - state->since;
	state->since = event->at;
	state->running = stretches[event->what];
	if (event->what == MARK_SETTLE)
		state->silent_from = event->at;
}

static void busy_probe(struct busy_state *state, struct worker *worker, const struct event *event,
		       uint64_t cpu)
{
	struct meter *meter = state->running >= 0 ? &worker->meters[state->running] : NULL;

	if (!meter)
		return;
	if (!meter->from) {
		meter->from = event->at;
		meter->cpu_from = cpu;
	}
	meter->to = event->at;
	meter->cpu_to = cpu;
}

/* A second without a move, in a journal that has no base run to compare with. */
static void busy_slice(struct busy_state *state, struct judge *judge, const struct event *event)
{
	uint64_t second = judge_window(judge, NS_PER_S);

	if (event->at < state->slice_from + second)
		return;
	if (!state->unmarked_found && state->slice_idle > LIMIT_BUSY_WAITS) {
		state->unmarked_found = true;
		state->unmarked = finding_make(judge, &busy_rules[0]);
		state->unmarked.from = state->slice_from;
		state->unmarked.count = state->slice_idle;
		snprintf(state->unmarked.message, sizeof(state->unmarked.message),
			 "%" PRIu64 " waits in %.2f s although nothing moved", state->slice_idle,
			 clock_seconds(event->at - state->slice_from));
	}
	state->slice_from = event->at;
	state->slice_idle = 0;
}

/* One more empty wait of 0 ms right behind another while the fault lasts. */
static void busy_zero(struct busy_state *state, struct judge *judge, struct worker *worker, uint64_t now)
{
	uint64_t stretch = judge_window(judge, LIMIT_BUSY_STRETCH);
	uint64_t most = LIMIT_BUSY_ZERO_WAITS * LIMIT_BUSY_STRETCH / NS_PER_S;

	if (world_phase(judge_world(judge)) != MARK_FAULT ||
	    window_count(&worker->zeros, now, stretch) < most)
		return;
	if (!state->faulty.count) {
		state->faulty = finding_make(judge, &busy_rules[0]);
		state->faulty.from = now > stretch ? now - stretch : 0;
		state->faulty.count = most;
	}
	if (state->faulty.tid != worker->tid)
		return;
	state->faulty.count++;
	state->faulty.to = now;
}

/* A wait came back: the one before it is now known to have led somewhere or not. */
static void busy_wait(struct busy_state *state, struct judge *judge, struct worker *worker,
		      const struct event *event)
{
	struct tally *tally = state->running >= 0 ? &state->tally[state->running] : NULL;
	bool empty_zero = event->ret == 0 && event->arg[1] == 0;

	worker->row = empty_zero && worker->empty_zero && !worker->moved ? worker->row + 1 : 0;
	if (worker->waited && !worker->moved) {
		if (worker->row >= LIMIT_BUSY_ROW)
			busy_zero(state, judge, worker, event->at);
		state->slice_idle++;
		if (tally) {
			tally->idle++;
			tally->zero += empty_zero && worker->empty_zero;
			worker->idle += state->running == SILENT;
		}
	}
	if (!world_mark_time(judge_world(judge), MARK_BASE))
		busy_slice(state, judge, event);
	worker->waited = true;
	worker->moved = false;
	worker->empty_zero = empty_zero;
}

static int busy_call(struct busy_state *state, struct judge *judge, const struct event *event)
{
	struct worker *thread = worker_of(&state->threads, event, event->tid);
	struct worker *process = worker_of(&state->processes, event, 0);

	if (!thread || !process)
		return -ENOMEM;
	if (state->running == SILENT) {
		thread->calls++;
		process->calls++;
	}
	if (deed_moves(event)) {
		thread->moved = true;
		state->slice_from = event->at;
		state->slice_idle = 0;
		if (state->running >= 0)
			state->tally[state->running].moves++;
	}
	if (event->kind == EV_CALL && call_class((enum call)event->what) == CLASS_WAIT &&
	    !(event->flags & EVF_INJECTED))
		busy_wait(state, judge, thread, event);
	return 0;
}

static int busy_event(struct judge *judge, void *arg, const struct event *event)
{
	struct busy_state *state = arg;
	struct worker *worker;

	if (event->kind == EV_CALL || (event->kind == EV_RING && deed_moves(event)))
		return busy_call(state, judge, event);
	if (event->kind == EV_MARK)
		busy_mark(state, event);
	if (event->kind != EV_PROBE || (event->what != PROBE_THREAD && event->what != PROBE_PROCESS))
		return 0;
	worker = event->what == PROBE_THREAD ? worker_of(&state->threads, event, event->tid)
					     : worker_of(&state->processes, event, 0);
	if (!worker)
		return -ENOMEM;
	busy_probe(state, worker, event, event->what == PROBE_THREAD ? event->arg[2] : event->arg[1]);
	return 0;
}

static double rate(uint64_t count, uint64_t spent)
{
	return spent ? (double)count / clock_seconds(spent) : 0;
}

static double meter_share(const struct meter *meter)
{
	if (meter->to <= meter->from || meter->cpu_to < meter->cpu_from)
		return 0;
	return (double)(meter->cpu_to - meter->cpu_from) / (double)(meter->to - meter->from);
}

/* The one that is highest by that measure. */
static struct worker *busiest(const struct map *map, double (*measure)(const struct worker *))
{
	struct worker *best = NULL, *worker;
	size_t at = 0;

	while ((worker = map_next(map, &at, NULL))) {
		if (!best || measure(worker) > measure(best) ||
		    (!(measure(worker) < measure(best)) && worker->tid < best->tid))
			best = worker;
	}
	return best;
}

static double idle_of(const struct worker *worker)
{
	return (double)worker->idle;
}

/* Without probes in the base run: what it used from its birth to the first probe afterwards, the fault's own
 * cost included. */
static double share_before(const struct worker *worker)
{
	const struct meter *base = &worker->meters[BASE], *silent = &worker->meters[SILENT];
	struct meter life = {.from = worker->born, .to = silent->from, .cpu_to = silent->cpu_from};

	return meter_share(base->to > base->from ? base : &life);
}

static double cpu_increase(const struct worker *worker)
{
	return meter_share(&worker->meters[SILENT]) - share_before(worker);
}

static struct finding busy_finding(const struct busy_state *state, const struct judge *judge,
				   const struct worker *worker)
{
	struct finding finding = finding_make(judge, &busy_rules[0]);

	finding.pid = worker->pid;
	finding.tid = worker->tid;
	finding.at = finding.from = state->silent_from;
	finding.to = state->silent_from + state->spent[SILENT];
	return finding;
}

/* 1 when it was reported, else 0 or a negative errno. */
static int busy_judge_waits(const struct busy_state *state, struct judge *judge)
{
	const struct tally *now = &state->tally[SILENT], *base = &state->tally[BASE];
	const uint64_t *spent = state->spent;
	double idle = rate(now->idle, spent[SILENT]), idle_base = rate(base->idle, spent[BASE]);
	double zero = rate(now->zero, spent[SILENT]), zero_base = rate(base->zero, spent[BASE]);
	struct finding finding;
	int r;

	if (spent[SILENT] < judge_window(judge, LIMIT_BUSY_STRETCH) || !now->idle)
		return 0;
	finding = busy_finding(state, judge, busiest(&state->threads, idle_of));
	if (zero - zero_base > LIMIT_BUSY_ZERO_WAITS) {
		finding.count = now->zero;
		snprintf(finding.message, sizeof(finding.message),
			 "%.0f waits a second with a timeout of 0 found nothing, one after the other, with "
			 "every peer "
			 "silent (%.0f before the fault)",
			 zero, zero_base);
	} else if (idle - idle_base > LIMIT_BUSY_WAITS) {
		finding.count = now->idle;
		snprintf(finding.message, sizeof(finding.message),
			 "%.0f waits a second led to nothing with every peer silent (%.0f before the fault)",
			 idle, idle_base);
	} else {
		return 0;
	}
	r = judge_report(judge, &finding);
	return r < 0 ? r : 1;
}

/* As busy_judge_waits. */
static int busy_judge_cpu(const struct busy_state *state, struct judge *judge)
{
	const uint64_t *spent = state->spent;
	double moves =
	    rate(state->tally[SILENT].moves, spent[SILENT]) - 2 * rate(state->tally[BASE].moves, spent[BASE]);
	const struct worker *process = busiest(&state->processes, cpu_increase);
	const struct worker *thread = busiest(&state->threads, cpu_increase);
	const struct worker *worker =
	    thread && cpu_increase(thread) > LIMIT_BUSY_CPU_SHARE ? thread : process;
	const struct meter *meter;
	struct finding finding;
	int r;

	if (!worker || cpu_increase(worker) <= LIMIT_BUSY_CPU_SHARE || moves > LIMIT_BUSY_MOVES)
		return 0;
	meter = &worker->meters[SILENT];
	if (meter->to - meter->from < judge_window(judge, LIMIT_BUSY_STRETCH))
		return 0;
	finding = busy_finding(state, judge, worker);
	finding.from = meter->from;
	finding.to = meter->to;
	finding.count = worker->calls;
	snprintf(
	    finding.message, sizeof(finding.message),
	    "%s %d used %.2f of a core for %.2f s with every peer silent (%.2f before the fault), in %" PRIu64
	    " calls",
	    worker->tid ? "thread" : "process", worker->tid ? worker->tid : worker->pid, meter_share(meter),
	    clock_seconds(meter->to - meter->from), share_before(worker), worker->calls);
	r = judge_report(judge, &finding);
	return r < 0 ? r : 1;
}

/* Polled only while the fault lasted, in a row too dense to be a moment's spinning before a sleep. */
static int busy_judge_fault(struct busy_state *state, struct judge *judge)
{
	double base = rate(state->tally[BASE].zero, state->spent[BASE]);
	struct finding *finding = &state->faulty;

	if (!finding->count || base > LIMIT_BUSY_ZERO_WAITS / 2.0)
		return 0;
	snprintf(finding->message, sizeof(finding->message),
		 "while the fault lasted %" PRIu64
		 " waits with a timeout of 0 found nothing, one right after "
		 "the other, in %.2f s (%.0f a second before the fault)",
		 finding->count, clock_seconds(finding->to - finding->from), base);
	return judge_report(judge, finding);
}

static int busy_finish(struct judge *judge, void *arg)
{
	struct busy_state *state = arg;
	const struct world *world = judge_world(judge);
	int r;

	if (state->running >= 0) /* the harness died: no MARK_END */
		state->spent[state->running] += world_now(world) - state->since;
	for (size_t i = 0; i < sizeof(better_rules) / sizeof(*better_rules); i++) {
		if (judge_broken(judge, better_rules[i]))
			return 0;
	}
	if (!world_mark_time(world, MARK_BASE))
		return state->unmarked_found ? judge_report(judge, &state->unmarked) : 0;
	/* The CPU it takes follows from the waits. */
	r = busy_judge_waits(state, judge);
	r = r ? r : busy_judge_cpu(state, judge);
	return r ? (r < 0 ? r : 0) : busy_judge_fault(state, judge);
}

static void busy_release(void *arg)
{
	struct busy_state *state = arg;

	map_free_all(&state->threads);
	map_free_all(&state->processes);
}

/* Neither waits enough to be dense anywhere, nor CPU for half of a stretch. */
static bool busy_silent(const struct judge *judge, const struct contents *contents)
{
	uint64_t stretch = judge_window(judge, LIMIT_BUSY_STRETCH);
	uint64_t rare = LIMIT_BUSY_ZERO_WAITS * LIMIT_BUSY_STRETCH / NS_PER_S;
	uint64_t least = stretch < LIMIT_BUSY_STRETCH ? 0 : rare;

	return contents->classes[CLASS_WAIT] < least && contents->cpu < stretch / 2;
}

const struct rule_family busy_family = {
    .name = "busy",
    .rules = busy_rules,
    .rule_count = 1,
    .state_size = sizeof(struct busy_state),
    .silent = busy_silent,
    .kinds = KIND(EV_CALL) | KIND(EV_RING) | KIND(EV_MARK) | KIND(EV_PROBE),
    .begin = busy_begin,
    .event = busy_event,
    .finish = busy_finish,
    .release = busy_release,
};
