/* SPDX-License-Identifier: MIT */
/*
 * The rules alone. The target keeps our terminal and our session; what it does and, whenever it has come to
 * rest, what waits in its sockets goes into the journal, which is judged when it ends, or when a server that
 * was attached to is let go.
 */
#include "run/observe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "peer/loop.h"
#include "run/case.h"
#include "run/observe_fault.h"
#include "target/target.h"

#define OBSERVE_SLICE (100 * NS_PER_MS)
#define PROBE_GAP     (500 * NS_PER_MS) /* probes cost the target's cache lines: at most two a second */
#define PROBE_SILENCE (40 * NS_PER_MS)	/* and only when it rests */
#define LEFT_PATIENCE NS_PER_S		/* those who end with the command need a moment for it */
#define PROBE_MOST    (4 * NS_PER_S)	/* after its last event: what waits that long has been seen waiting */

struct observer {
	const struct observe_options *options;
	struct journal *journal;
	struct world *world;
	struct fault_set *faults;
	struct observe_faults armed;
	struct loop *loop;
	struct target *target;
	bool gone, ready, over; /* over: let go of */
	bool told;		/* of those that were left behind */
	uint64_t alone;		/* since when the command itself was seen to have ended, 0 not yet */
	uint64_t began;
	int stop; /* the flag as last acted upon */
	int problem;
	uint64_t target_event; /* clock_now() time of the last event of the target */
	uint64_t probed;
};

static int follow(void *arg, const struct event *event)
{
	struct observer *observer = arg;

	if (event->pid != 0 && (event->kind == EV_CALL || event->kind == EV_ENTER || event->kind == EV_PROC))
		observer->target_event = journal_start(observer->journal) + event->at;
	return world_apply(observer->world, event);
}

static void drain(struct observer *observer)
{
	int rc = journal_drain(observer->journal, follow, observer);

	if (rc < 0 && observer->problem == 0)
		observer->problem = rc;
}

static void journal_ready(void *arg, uint32_t events)
{
	(void)events;
	drain(arg);
}

static void target_done(void *arg, uint32_t events)
{
	struct observer *observer = arg;

	(void)events;
	observer->gone = true;
	loop_unwatch(observer->loop, watcher_done_fd(target_watcher(observer->target)));
}

static int write_meta(const struct observer *observer)
{
	const struct observe_options *options = observer->options;
	struct journal *journal = observer->journal;
	int rc = journal_meta(journal, "wringer", "%s", WRINGER_VERSION);

	rc = rc ? rc : journal_meta(journal, "target", "%s", options->argv[0]);
	if (options->protocol)
		rc = rc ? rc : journal_meta(journal, "protocol", "%s", options->protocol);
	rc =
	    rc ? rc
	       : journal_meta(journal, "time_scale", "%g", options->time_scale > 0 ? options->time_scale : 1);
	return rc ? rc : journal_meta(journal, "watch", "%s", options->watch->name);
}

static int observer_open(struct observer *observer, struct error *error)
{
	const struct target_options options = {.argv = observer->options->argv,
					       .attach = observer->options->attach,
					       .watch = observer->options->watch};
	int rc = journal_create(observer->options->journal, &observer->journal, error);

	rc = rc ? rc : loop_new(&observer->loop, error);
	if (rc < 0)
		return rc;
	observer->world = world_new();
	observer->faults = fault_set_new();
	if (!observer->world || !observer->faults || write_meta(observer) < 0)
		return error_set(error, -ENOMEM, "out of memory");
	world_forgets(observer->world, NULL);
	rc = observe_arm(&observer->armed, observer->faults, observer->journal);
	if (rc < 0)
		return error_set(error, rc, "arming the faults: %s", strerror(-rc));
	rc = target_start(&options, observer->journal, observer->faults, &observer->target, error);
	if (rc < 0)
		return rc;
	rc = loop_watch(observer->loop, journal_fd(observer->journal), EPOLLIN, journal_ready, observer);
	rc = rc ? rc
		: loop_watch(observer->loop, watcher_done_fd(target_watcher(observer->target)), EPOLLIN,
			     target_done, observer);
	return rc < 0 ? error_set(error, rc, "watching the target: %s", strerror(-rc)) : 0;
}

static void observer_close(struct observer *observer, char *ret_idle, size_t size)
{
	if (observer->journal && observer->faults)
		observe_lift(&observer->armed, observer->faults, observer->journal, ret_idle, size);
	if (observer->target && !observer->gone)
		loop_unwatch(observer->loop, watcher_done_fd(target_watcher(observer->target)));
	target_free(observer->target, true);
	if (observer->journal && observer->world) {
		drain(observer);
		(void)journal_mark(observer->journal, MARK_END, "%s", "");
		drain(observer);
	}
	journal_free(observer->journal);
	loop_free(observer->loop);
	fault_set_free(observer->faults);
	world_free(observer->world);
}

/* From its first listener on it is a server, and judged as one. */
static void look_ready(struct observer *observer)
{
	struct event event = event_make(EV_MARK, MARK_READY);
	struct sockaddr_storage address;
	socklen_t size;

	if (target_address(observer->target, observer->world, 0, &address, &size) < 0)
		return;
	event.arg[0] = ntohs(((struct sockaddr_in *)&address)->sin_port);
	(void)journal_append(observer->journal, &event);
	observer->ready = true;
}

static void look_probe(struct observer *observer)
{
	uint64_t now = clock_now(), began = journal_start(observer->journal);

	if (now < observer->probed + PROBE_GAP || now < observer->target_event + PROBE_SILENCE ||
	    observer->probed > observer->target_event + PROBE_MOST ||
	    !world_asleep_at(observer->world, now - began))
		return;
	(void)target_probe(observer->target, observer->world);
	observer->probed = clock_now();
}

/* A daemon stays behind on purpose, or a test forgot its server: either way we go on, and say why. */
static void look_left(struct observer *observer)
{
	struct watcher *watcher = target_watcher(observer->target);
	int status;

	if (observer->told || observer->options->attach || watcher_status(watcher, &status) < 0)
		return;
	if (!observer->alone)
		observer->alone = clock_now();
	if (clock_now() < observer->alone + LEFT_PATIENCE)
		return;
	observer->told = true;
	if (observer->options->left)
		observer->options->left(watcher_alive(watcher));
}

/* What the user wants, by a signal or by a time given beforehand. */
static int wanted_stop(const struct observer *observer)
{
	const struct observe_options *options = observer->options;
	int stop = options->stop ? (int)*options->stop : 0;

	return stop == 0 && options->patience && clock_now() > observer->began + options->patience ? 1 : stop;
}

/* Passes on what the user wants; the last probe comes before, while everything is still in place. */
static void obey_stop(struct observer *observer)
{
	int stop = wanted_stop(observer);

	if (stop == observer->stop)
		return;
	if (observer->stop == 0)
		(void)target_probe(observer->target, observer->world);
	if (observer->options->attach) {
		observer->over = true;
		return;
	}
	if (observer->stop == 0) {
		(void)journal_mark(observer->journal, MARK_STOP, "%s", "");
	}
	observer->stop = stop;
	(void)target_signal(observer->target, stop >= 2 ? SIGKILL : SIGTERM, stop >= 2 || observer->alone);
}

static int observe(struct observer *observer, struct error *error)
{
	while (!observer->gone && !observer->over) {
		int rc = loop_step(observer->loop, clock_now() + OBSERVE_SLICE);

		if (rc < 0 && rc != -EINTR)
			return error_set(error, rc, "waiting for the target: %s", strerror(-rc));
		if (observer->problem < 0)
			return error_set(error, observer->problem, "the journal: %s",
					 strerror(-observer->problem));
		if (!observer->gone)
			obey_stop(observer);
		if (!observer->gone && !observer->over && !observer->ready)
			look_ready(observer);
		if (!observer->gone)
			look_probe(observer);
		if (!observer->gone)
			look_left(observer);
		rc = watcher_failure(target_watcher(observer->target), error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int observe_run(const struct observe_options *options, struct result *ret_result, int *ret_status,
		struct error *error)
{
	struct observer observer = {.options = options,
				    .began = clock_now(),
				    .armed = {.items = options->faults, .count = options->fault_count}};
	const struct judge_options judge = {
	    .time_scale = options->time_scale,
	    .rules = options->rules,
	};
	int status = 0, rc = observer_open(&observer, error);
	char idle[ERROR_TEXT] = "";

	rc = rc ? rc : observe(&observer, error);
	if (rc == 0 && !observer.over)
		rc = watcher_status(target_watcher(observer.target), &status);
	observer_close(&observer, idle, sizeof(idle));
	if (rc < 0)
		return rc;
	result_init(ret_result, "watch", "command");
	rc = case_judge(options->journal, &judge, options->ignores, ret_result, error);
	if (rc < 0) {
		result_free(ret_result);
		return rc;
	}
	ret_result->verdict = result_convicts(ret_result) ? VERDICT_FAIL
			      : idle[0]			  ? VERDICT_BROKEN
							  : VERDICT_PASS;
	if (ret_result->verdict == VERDICT_BROKEN)
		(void)snprintf(ret_result->reason, sizeof(ret_result->reason), "%s", idle);
	ret_result->seconds = clock_seconds(clock_now() - observer.began);
	*ret_status = status;
	return 0;
}
