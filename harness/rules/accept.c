/* SPDX-License-Identifier: MIT */
/* accept-spin: no fd is free, and accept is tried again and again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/names.h"
#include "model/promise.h"
#include "rules/families.h"
#include "rules/limits.h"
#include "rules/window.h"

static const struct rule accept_rules[] = {
    {
	.id = "accept-spin",
	.severity = SEVERITY_ERROR,
	.doc = "accept fails for want of fds or memory, and is tried again without a pause",
	.why = "When fds run out the connection stays in the queue and the listener stays readable, so a "
	       "loop that goes "
	       "back to waiting is woken at once. From one connection too many on, the server spends its "
	       "time on failing "
	       "accepts, and the clients it already has get slower just when they should be finished to free "
	       "fds.",
	.how = "accept or accept4 failed with EMFILE, ENFILE, ENOBUFS or ENOMEM more than 50 times within a "
	       "second, on "
	       "one listener in one process, with no success in between. A success ends the row, so closing "
	       "a reserve fd "
	       "to accept and drop the connection is fine, and so is a busy server that swings around its "
	       "limit. "
	       "Injected failures count too.",
	.mend = "After such an errno stop listening for a while: drop the listener's interest and arm it "
		"again from a timer "
		"or when a connection closes. Or keep one fd in reserve: close it, accept, close the new "
		"one, open the "
		"reserve again.",
	.seen = "nginx 0e3b423dc; haproxy #382; libuv b3ab332b3; twisted #5368",
    },
};

/* Failures of one process on one listener since its last success. */
struct row {
	struct file *listener;
	struct window window;
	uint64_t from, to, found, count;
	int32_t pid, tid;
	int code;
};

struct accept_state {
	struct map rows; /* (pid, listener) -> struct row */
};

static int row_end(struct judge *judge, struct row *row)
{
	struct finding finding;
	char port[16] = "";
	struct row old = *row;

	*row = (struct row){.listener = old.listener};
	if (!old.found)
		return 0;
	finding = finding_make(judge, &accept_rules[0]);
	finding_about(&finding, judge, old.listener);
	if (world_file(judge_world(judge), old.pid, old.listener->fd) == old.listener)
		finding.fd = old.listener->fd;
	finding.pid = old.pid;
	finding.tid = old.tid;
	finding.at = old.found;
	finding.from = old.from;
	finding.to = old.to;
	finding.count = old.count;
	if (old.listener->port)
		snprintf(port, sizeof(port), " (port %u)", old.listener->port);
	snprintf(finding.message, sizeof(finding.message),
		 "listener fd %d%s: accept failed with %s %" PRIu64 " times in %.2f s without a success",
		 finding.fd, port, errno_name(old.code), old.count, clock_seconds(old.to - old.from));
	return judge_report(judge, &finding);
}

static struct row *row_of(struct accept_state *state, const struct event *event, struct file *listener)
{
	uint64_t key = map_key2((uint32_t)event->pid, (uint32_t)listener->id);
	struct row *row = map_get(&state->rows, key);

	if (row)
		return row;
	row = calloc(1, sizeof(*row));
	if (!row || map_put(&state->rows, key, row) < 0) {
		free(row);
		return NULL;
	}
	row->listener = listener;
	return row;
}

static void row_count(struct judge *judge, struct row *row, const struct event *event)
{
	uint64_t now = world_now(judge_world(judge));
	uint32_t recent = window_count(&row->window, now, judge_window(judge, LIMIT_SPIN_WINDOW));

	if (!row->count++)
		row->from = now;
	row->to = now;
	row->pid = event->pid;
	row->tid = event->tid;
	row->code = (int)-event->ret;
	if (!row->found && recent > LIMIT_ACCEPT_SPIN_COUNT)
		row->found = now;
}

static int accept_event(struct judge *judge, void *arg, const struct event *event)
{
	struct file *listener = world_touch(judge_world(judge))->file;
	struct row *row;

	if (event->kind != EV_CALL || call_class((enum call)event->what) != CLASS_ACCEPT || !listener)
		return 0;
	if (event->ret < 0 && !promise_is_shortage(event->ret))
		return 0;
	row = row_of(arg, event, listener);
	if (!row)
		return -ENOMEM;
	if (event->ret >= 0)
		return row_end(judge, row);
	row_count(judge, row, event);
	return 0;
}

static int accept_finish(struct judge *judge, void *arg)
{
	struct accept_state *state = arg;
	struct row *row;
	size_t at = 0;
	int r = 0;

	while (r == 0 && (row = map_next(&state->rows, &at, NULL)))
		r = row_end(judge, row);
	return r;
}

static void accept_release(void *arg)
{
	struct accept_state *state = arg;

	map_free_all(&state->rows);
}

static bool accept_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return contents->failed[CLASS_ACCEPT] <= LIMIT_ACCEPT_SPIN_COUNT;
}

const struct rule_family accept_family = {
    .name = "accept",
    .rules = accept_rules,
    .rule_count = 1,
    .state_size = sizeof(struct accept_state),
    .silent = accept_silent,
    .kinds = KIND(EV_CALL),
    .classes = CLASS(CLASS_ACCEPT),
    .event = accept_event,
    .finish = accept_finish,
    .release = accept_release,
};
