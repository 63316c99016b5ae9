/* SPDX-License-Identifier: MIT */
/*
 * Closed in one place, held in another: a dup, a child of fork, or a ring keeps the open file description, so
 * the registration goes on and the connection does not end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/names.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

enum { ZOMBIE, INEFFECTIVE };

static const struct rule rules[] = {
    [ZOMBIE] =
	{
	    .id = "zombie-registration",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "events keep coming for a registration whose descriptor was closed",
	    .why = "epoll watches the open file description, not the number. close takes a registration out "
		   "only when no other descriptor leads there: a dup, or the copy that a child got by fork, "
		   "keeps it. The events go on, for a connection the server has forgotten; it cannot even "
		   "take it out, because the number is gone. Level-triggered, that is a loop that never "
		   "sleeps again; with a freed pointer in the event it is a crash.",
	    .how = "The rule is broken when a wait returns, three times or more, a registration whose number "
		   "(the one it was added under, by that record and its data) the process has closed, and "
		   "the process did nothing in between with what it leads to. Not judged: an epoll shared "
		   "by fork, as long as the process that waits has the number itself; injected events; a "
		   "stopping target.",
	    .mend =
		"EPOLL_CTL_DEL before close wherever the descriptor may have been copied; close-on-exec, or "
		"closing in the child, for everything that a child does not need.",
	    .seen = "haproxy 041751c13; libuv ce56a85b1; libevent #560",
	},
    [INEFFECTIVE] =
	{
	    .id = "close-ineffective",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "close succeeded and the connection goes on: something else still holds it",
	    .why =
		"close gives a number back. The FIN is sent when the last descriptor of the socket goes: a "
		"helper that was forked while the connection was open, a copy, or a request in flight in "
		"an io_uring holds it back for as long as it lives. The client waits for an end that "
		"does not come, until its own time-out; the port, the memory and its slot stay in use.",
	    .how =
		"The rule is broken when the process that served a connection (read or wrote on it) closed "
		"its last descriptor of it, and a second later its peer, which is there and reads, has "
		"seen neither FIN nor RST, although everything written has arrived. Whoever holds it must "
		"never have touched it: a connection handed to another process, by fork or SCM_RIGHTS, "
		"is innocent as soon as that process makes a call on it, and so is a parent that never "
		"served it. Not judged: a shutdown of writing before, peers that closed, vanished or do "
		"not read, and a stopping target.",
	    .mend =
		"shutdown(SHUT_RDWR) before close ends the connection whoever holds it. Better: SOCK_CLOEXEC "
		"on accept4, close in the child after fork, cancel what a ring has in flight.",
	    .seen = "liburing #932, #568",
	},
};

/* A registration that outlived its number. */
struct zombie {
	const struct file *file;
	int32_t pid, tid, fd; /* who is told of it, and the number it had */
	uint64_t first, last; /* reports with nothing done in between */
	uint64_t count, most;
	uint32_t mask;
};

/* How far a connection's closing has come. */
struct closing {
	const struct file *file;
	int32_t server;	 /* the process that read or wrote on it last, 0 none */
	uint64_t closed; /* it closed its last descriptor, 0: not yet, or another process has taken over */
	int32_t tid, fd;
};

struct held {
	const struct facts *facts; /* first: facts_begin */
	struct map zombies;	   /* file id -> struct zombie */
	struct map closings;	   /* file id -> struct closing */
};

static int follow_report(struct held *held, const struct event *event, const struct report *report)
{
	struct zombie *zombie = map_get(&held->zombies, report->file->id);

	if (!zombie) {
		zombie = calloc(1, sizeof(*zombie));
		if (!zombie || map_put(&held->zombies, report->file->id, zombie) < 0) {
			free(zombie);
			return -ENOMEM;
		}
	}
	if (!zombie->count)
		zombie->first = event->at;
	zombie->file = report->file;
	zombie->pid = event->pid;
	zombie->tid = event->tid;
	zombie->fd = report->reg->fd;
	zombie->mask |= report->events;
	zombie->last = event->at;
	if (++zombie->count > zombie->most)
		zombie->most = zombie->count;
	return 0;
}

static int follow_wait(struct held *held, const struct world *world, const struct event *event)
{
	const struct touch *touch = world_touch(world);
	int r = 0;

	if (event->flags & EVF_INJECTED)
		return 0;
	for (uint32_t i = 0; i < touch->report_count && r == 0; i++) {
		const struct report *report = &touch->reports[i];

		if (report->reg && report->file && report->reg->zombie &&
		    world_file(world, event->pid, report->reg->fd) != report->file)
			r = follow_report(held, event, report);
	}
	return r;
}

static struct closing *closing_of(struct held *held, const struct file *file)
{
	struct closing *closing = map_get(&held->closings, file->id);

	if (closing)
		return closing;
	closing = calloc(1, sizeof(*closing));
	if (!closing || map_put(&held->closings, file->id, closing) < 0) {
		free(closing);
		return NULL;
	}
	closing->file = file;
	return closing;
}

/* Any call but a close: whoever makes it serves the connection from now on. */
static int follow_use(struct held *held, const struct file *file, const struct event *event)
{
	enum call_class class = call_class((enum call)event->what);
	struct zombie *zombie = map_get(&held->zombies, file->id);
	struct closing *closing = closing_of(held, file);

	if (!closing)
		return -ENOMEM;
	if (zombie && zombie->pid == event->pid)
		zombie->count = 0;
	if (closing->closed && event->pid != closing->server)
		closing->closed = 0;
	if (class == CLASS_READ || class == CLASS_WRITE)
		closing->server = event->pid;
	return 0;
}

static int follow_close(struct held *held, const struct world *world, const struct event *event)
{
	const struct file *file = world_touch(world)->file;
	struct closing *closing = map_get(&held->closings, file->id);

	if (event->what != CALL_close || event->ret != 0 || !closing || closing->server != event->pid ||
	    file->shut_write || world_holds(world, event->pid, file))
		return 0;
	closing->closed = event->at;
	closing->tid = event->tid;
	closing->fd = event->fd;
	return 0;
}

static int follow_call(struct held *held, const struct world *world, const struct event *event)
{
	const struct file *file = world_touch(world)->file;

	if (call_class((enum call)event->what) == CLASS_WAIT)
		return follow_wait(held, world, event);
	if (!file || file->kind != FILE_CONN)
		return 0;
	if (call_class((enum call)event->what) == CLASS_CLOSE)
		return follow_close(held, world, event);
	return follow_use(held, file, event);
}

/* The peer would have seen the end, had there been one. */
static bool waits_for_end(const struct peer_view *peer, const struct file *file)
{
	if (!peer || !peer->connected || peer->got_fin || peer->got_rst || peer->stalled)
		return false;
	if (peer->fin || peer->reset || peer->vanished || peer->gone)
		return false;
	return peer->received >= file->bytes_out;
}

static int judge_closing(struct judge *judge, const struct closing *closing, uint64_t now)
{
	const struct file *file = closing->file;
	struct finding finding;
	char who[FACTS_WHO], where[48] = "nothing that is known of";

	if (!closing->closed || closing->closed + judge_window(judge, LIMIT_LOST_WINDOW) > now ||
	    !waits_for_end(world_peer(judge_world(judge), file->peer), file))
		return 0;
	finding = finding_make(judge, &rules[INEFFECTIVE]);
	finding_about(&finding, judge, file);
	if (!file->closed)
		(void)snprintf(where, sizeof(where), "fd %d of process %d", finding.fd, finding.pid);
	finding.pid = closing->server;
	finding.tid = closing->tid;
	finding.fd = closing->fd;
	finding.at = closing->closed;
	finding.from = closing->closed;
	finding.to = now;
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%s: closed, and %.2f s later the peer has seen neither FIN nor RST; %s holds it",
		       facts_who(&finding, who, sizeof(who)), clock_seconds(now - closing->closed), where);
	return judge_report(judge, &finding);
}

static int judge_closings(struct judge *judge, const struct held *held, uint64_t now)
{
	const struct closing *closing;
	size_t at = 0;
	int r = 0;

	if (!facts_free(held->facts, now, 0))
		return 0;
	while (r == 0 && (closing = map_next(&held->closings, &at, NULL)))
		r = judge_closing(judge, closing, now);
	return r;
}

static int held_event(struct judge *judge, void *state, const struct event *event)
{
	struct held *held = state;

	if (held->facts->hand.stop_asked)
		return 0;
	if (event->kind == EV_CALL)
		return follow_call(held, judge_world(judge), event);
	/* Before the last peers are let go, and when our own side has had time to see what was sent to it. */
	return event->kind == EV_MARK && event->what == MARK_QUIET ? judge_closings(judge, held, event->at)
								   : 0;
}

static int judge_zombie(struct judge *judge, const struct zombie *zombie)
{
	struct finding finding;
	char who[FACTS_WHO], mask[MASK_TEXT];

	if (zombie->most < LIMIT_ZOMBIE_REPORTS)
		return 0;
	finding = finding_make(judge, &rules[ZOMBIE]);
	finding_about(&finding, judge, zombie->file);
	finding.pid = zombie->pid;
	finding.tid = zombie->tid;
	finding.fd = zombie->fd;
	finding.at = finding.from = zombie->first;
	finding.to = zombie->last;
	finding.count = zombie->most;
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%s: closed, and its registration was reported %llu times since (%s); another "
		       "descriptor keeps what it leads to",
		       facts_who(&finding, who, sizeof(who)), (unsigned long long)zombie->most,
		       mask_short(zombie->mask, mask, sizeof(mask)));
	return judge_report(judge, &finding);
}

static int held_finish(struct judge *judge, void *state)
{
	struct held *held = state;
	const struct zombie *zombie;
	size_t at = 0;
	int r = 0;

	while (r == 0 && (zombie = map_next(&held->zombies, &at, NULL)))
		r = judge_zombie(judge, zombie);
	return r;
}

static void held_farewell(struct judge *judge, void *state, const struct file *file)
{
	struct held *held = state;
	struct zombie *zombie = map_remove(&held->zombies, file->id);

	if (zombie)
		(void)judge_zombie(judge, zombie);
	free(zombie);
	free(map_remove(&held->closings, file->id));
}

static void held_release(void *state)
{
	struct held *held = state;

	map_free_all(&held->zombies);
	map_free_all(&held->closings);
}

const struct rule_family held_family = {
    .name = "held",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct held),
    .farewell = held_farewell,
    .begin = facts_begin,
    .kinds = KIND(EV_CALL) | KIND(EV_MARK),
    .event = held_event,
    .finish = held_finish,
    .release = held_release,
};
