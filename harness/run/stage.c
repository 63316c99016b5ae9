/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/clock.h"
#include "rules/limits.h"
#include "run/stage_impl.h"

/* The loop looks up this often whatever happens, so that a request to stop is never missed for long. */
#define STAGE_SLICE	 (100 * NS_PER_MS)
#define STAGE_INDULGENCE 2 /* times its limit, at the most, for what we waited for a CPU */
/* With the target gone only what is already on its way can still arrive. */
#define STAGE_AFTERMATH (5 * NS_PER_MS)

const struct protocol *stage_protocol(const struct stage *stage)
{
	return stage->options->protocol;
}

const struct world *stage_world(const struct stage *stage)
{
	return stage->world;
}

struct loop *stage_loop(struct stage *stage)
{
	return stage->loop;
}

struct journal *stage_journal(struct stage *stage)
{
	return stage->journal;
}

struct canary *stage_canary(struct stage *stage)
{
	return stage->canary;
}

struct target *stage_target(struct stage *stage)
{
	return stage->target;
}

struct rng *stage_rng(struct stage *stage)
{
	return &stage->rng;
}

bool stage_watched(const struct stage *stage)
{
	return !stage->options->watch->blind;
}

bool stage_sandboxed(const struct stage *stage)
{
	return stage->sandboxed;
}

const char *stage_setting(const struct stage *stage, const char *name)
{
	/* given twice, the last one counts */
	for (size_t i = stage->options->setting_count; i > 0; i--) {
		if (strcmp(stage->options->settings[i - 1].name, name) == 0)
			return stage->options->settings[i - 1].value;
	}
	return NULL;
}

uint64_t stage_window(const struct stage *stage, uint64_t ns)
{
	double scale = stage->options->time_scale;

	return scale > 0 ? (uint64_t)((double)ns * scale) : ns;
}

/* What the target may react to. */
static bool peer_acts(const struct event *event)
{
	static const bool acts[PEER_ACTS] = {
	    [PEER_CONNECT] = true, [PEER_SEND] = true,	       [PEER_FIN] = true, [PEER_HALF_CLOSE] = true,
	    [PEER_RST] = true,	   [PEER_CLOSE_UNREAD] = true, [PEER_OOB] = true, [PEER_STALL] = true,
	};

	if (event->kind == EV_PEER && event->what == PEER_STALL && event->arg[0])
		return false; /* what it does not read shows later */
	return event->kind == EV_PEER && !(event->flags & EVF_CANARY) && event->what < PEER_ACTS &&
	       acts[event->what];
}

/* One record, written to the file already: the world follows. */
static int follow(void *arg, const struct event *event)
{
	struct stage *stage = arg;
	int rc;

	if (event->pid != 0 && (event->kind == EV_CALL || event->kind == EV_ENTER || event->kind == EV_PROC ||
				event->kind == EV_RING)) {
		stage->target_events++;
		stage->target_event = journal_start(stage->journal) + event->at;
	}
	if (peer_acts(event))
		stage->peer_act = journal_start(stage->journal) + event->at;
	rc = world_apply(stage->world, event);
	/* Whoever made the peer may ask about it until it drops it. The canary asks about its own while they
	 * are there. */
	if (rc == 0 && event->kind == EV_PEER && event->what == PEER_CONNECT && !(event->flags & EVF_CANARY))
		view_hold(world_touch(stage->world)->peer);
	if (rc == 0 && stage->hear)
		stage->hear(stage->hear_arg, event);
	return rc;
}

void stage_listen(struct stage *stage, void (*hear)(void *arg, const struct event *event), void *arg)
{
	stage->hear = hear;
	stage->hear_arg = arg;
}

void stage_drain(struct stage *stage)
{
	int rc = journal_drain(stage->journal, follow, stage);

	if (rc < 0 && stage->problem == 0)
		stage->problem = rc;
}

static void journal_ready(void *arg, uint32_t events)
{
	(void)events;
	stage_drain(arg);
}

static void target_done(void *arg, uint32_t events)
{
	struct stage *stage = arg;

	(void)events;
	stage->gone = true;
	/* it stays readable: looked at once */
	loop_unwatch(stage->loop, watcher_done_fd(target_watcher(stage->target)));
}

static uint64_t case_limit(const struct stage *stage)
{
	return stage->options->timeout ? stage->options->timeout : stage_window(stage, 30 * NS_PER_S);
}

int stage_open(struct stage *stage, const struct case_options *options, const struct scenario *scenario,
	       const char *journal, struct error *error)
{
	int rc;

	stage->options = options;
	stage->scenario = scenario;
	stage->fds_before = -1;
	stage->deadline = clock_now() + case_limit(stage);
	rng_init(&stage->rng, options->seed, scenario->name);
	rc = journal_create(journal, &stage->journal, error);
	rc = rc ? rc : loop_new(&stage->loop, error);
	if (rc < 0)
		return rc;
	stage->world = world_new();
	stage->faults = fault_set_new();
	if (!stage->world || !stage->faults)
		return error_set(error, -ENOMEM, "out of memory");
	world_forgets(stage->world, NULL);
	rc = loop_watch(stage->loop, journal_fd(stage->journal), EPOLLIN, journal_ready, stage);
	return rc < 0 ? error_set(error, rc, "watching the journal: %s", strerror(-rc)) : 0;
}

int stage_start(struct stage *stage, struct error *error)
{
	const struct target_options options = {
	    .argv = stage->options->argv,
	    .watch = stage->options->watch,
	    .fd_soft = stage->scenario->fd_limit,
	    .fd_hard = stage->scenario->fd_limit,
	    .directory = stage->options->directory,
	};
	int rc = target_start(&options, stage->journal, stage->faults, &stage->target, error);

	if (rc < 0)
		return rc;
	rc = loop_watch(stage->loop, watcher_done_fd(target_watcher(stage->target)), EPOLLIN, target_done,
			stage);
	return rc < 0 ? error_set(error, rc, "watching the target: %s", strerror(-rc)) : 0;
}

void stage_close(struct stage *stage)
{
	if (stage->target && !stage->gone)
		loop_unwatch(stage->loop, watcher_done_fd(target_watcher(stage->target)));
	canary_free(stage->canary);
	stage->canary = NULL;
	if (stage->loop)
		stage_drop_all(stage);
	free(stage->peers);
	target_free(stage->target, true);
	stage->target = NULL;
	if (stage->journal) {
		stage_drain(stage);
		(void)journal_mark(stage->journal, MARK_END, "%s", "");
		stage_drain(stage);
		loop_unwatch(stage->loop, journal_fd(stage->journal));
	}
	journal_free(stage->journal);
	loop_free(stage->loop);
	fault_set_free(stage->faults);
	world_free(stage->world);
	free(stage->armed);
}

/* Past its deadline, though what our own first thread waited for a CPU is not held against it. */
static bool time_is_over(const struct stage *stage, uint64_t now)
{
	uint64_t waited, most = STAGE_INDULGENCE * case_limit(stage);

	if (stage->deadline == 0 || now < stage->deadline)
		return false;
	waited = target_waited(getpid());
	return now >= stage->deadline + (waited < most ? waited : most);
}

/* Why the case cannot go on, if so. */
static int trouble(struct stage *stage, uint64_t now)
{
	struct error error = {0};
	int rc = stage->problem;

	if (rc < 0)
		(void)error_set(&error, rc, "following the journal: %s", strerror(-rc));
	else if (!stage->ending && stage->options->stop && *stage->options->stop)
		return -EINTR;
	else if (time_is_over(stage, now))
		return -ETIME;
	else if (stage->target)
		rc = watcher_failure(target_watcher(stage->target), &error);
	if (rc < 0) {
		stage->blind = true;
		(void)stage_broken(stage, "%s", error.text);
	}
	return rc;
}

/*
 * A healthy peer waits for a suspiciously long time: what the target's threads are in meanwhile is seen only
 * now, for a call that blocks is written down when it returns.
 */
static void look_why(struct stage *stage, uint64_t now)
{
	uint64_t since =
	    stage->canary && !stage->gone && !stage->ending ? canary_waits_since(stage->canary) : 0;

	if (since && since + DELAY_LOOK <= now)
		(void)stage_delayed(stage); /* a wait for a CPU that is not over counts from look to look */
	if (!since || since == stage->looked_into || since + stage_window(stage, LIMIT_BLOCKED_WINDOW) > now)
		return;
	stage->looked_into = since;
	(void)target_probe_threads(stage->target, stage->world);
}

int stage_step(struct stage *stage, uint64_t until)
{
	uint64_t now = clock_now(), count = journal_count(stage->journal), slice = now + STAGE_SLICE;
	int rc = trouble(stage, now);

	if (rc < 0)
		return rc;
	look_why(stage, now);
	if (stage->gone)
		slice = now + STAGE_AFTERMATH;
	if (stage->deadline > now && stage->deadline < slice)
		slice = stage->deadline;
	rc = loop_step(stage->loop, until < slice ? until : slice);
	if (rc < 0 && rc != -EINTR) {
		(void)stage_broken(stage, "the peers' loop: %s", strerror(-rc));
		return rc;
	}
	/* Completions that a target asleep has not fetched yet come by no stop. */
	if (stage->target && stage->problem == 0)
		stage->problem = watcher_sample(target_watcher(stage->target));
	stage_drain(stage);
	stage->steps++;
	if (stage->gone && journal_count(stage->journal) == count)
		return -ESRCH;
	return 0;
}

int stage_until(struct stage *stage, bool (*over)(struct stage *stage), uint64_t until)
{
	while (!over(stage)) {
		int rc = clock_now() < until ? stage_step(stage, until) : 1;

		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
	return 1;
}

static bool never(struct stage *stage)
{
	(void)stage;
	return false;
}

int stage_pass(struct stage *stage, uint64_t until)
{
	return stage_until(stage, never, until);
}

int stage_mark(struct stage *stage, enum mark mark, uint64_t number, const char *text)
{
	struct event event = event_make(EV_MARK, mark);
	int rc;

	event.arg[0] = number;
	event.data = text;
	event.size = text ? (uint32_t)strlen(text) : 0;
	rc = journal_append(stage->journal, &event);
	stage_drain(stage);
	return rc;
}

/* What the scenario says about its own end; the first word counts. */
static void say(struct stage *stage, enum verdict verdict, const char *format, va_list args)
{
	if (stage->said)
		return;
	stage->said = true;
	stage->verdict = verdict;
	(void)vsnprintf(stage->reason, sizeof(stage->reason), format, args);
}

#define SAY(verdict, code)                                                                                   \
	do {                                                                                                 \
		va_list args;                                                                                \
		va_start(args, format);                                                                      \
		say(stage, verdict, format, args);                                                           \
		va_end(args);                                                                                \
		return code;                                                                                 \
	} while (0)

int stage_fail(struct stage *stage, const char *format, ...)
{
	SAY(VERDICT_FAIL, -EPROTO);
}

int stage_broken(struct stage *stage, const char *format, ...)
{
	SAY(VERDICT_BROKEN, -EIO);
}

int stage_skip(struct stage *stage, const char *format, ...)
{
	SAY(VERDICT_SKIP, -ENOTSUP);
}
