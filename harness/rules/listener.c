/* SPDX-License-Identifier: MIT */
/* The listener itself: reported as broken over and over, or not there any more when the fault is over. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/names.h"
#include "model/promise.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"
#include "rules/spin.h"
#include "rules/window.h"

enum { LISTENER_SPIN, LISTENER_GONE };

static const struct rule rules[] = {
    [LISTENER_SPIN] =
	{
	    .id = "listener-spin",
	    .severity = SEVERITY_ERROR,
	    .doc = "ERR, HUP or EINVAL on a listener, over and over",
	    .why =
		"shutdown() on a listening socket ends the listening: from then on epoll reports OUT and HUP "
		"for "
		"it, whether asked for or not, and accept gives EINVAL, for ever. A loop that only knows "
		"'readable: accept' for its listener turns as fast as it can, and the port refuses everybody "
		"meanwhile.",
	    .how =
		"For one listener in one process, ERR or HUP is reported, or accept fails with EINVAL, 200 "
		"times within a second, without a success and without a listen() in between. What other "
		"connections do meanwhile is no excuse. Errnos that wringer injected do not count, nor what "
		"comes after the target was told to stop. hup-spin and futile-spin leave listeners to this "
		"rule.",
	    .mend =
		"To pause accepting take the listener out of the set (EPOLL_CTL_DEL, or a mask without "
		"EPOLLIN) "
		"and leave it open: the kernel keeps those who come in its queue. If it must be shut down, "
		"take "
		"it out first. On ERR, HUP or EINVAL from a listener open it anew, or close it; do not just "
		"accept again.",
	    .seen = "haproxy bb66030a3",
	},
    [LISTENER_GONE] =
	{
	    .id = "listener-gone",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "after the fault nobody listens any more: the listener was closed, shut down, or is "
		   "watched by "
		   "nobody",
	    .why =
		"The process lives, serves those who are connected, and looks healthy to whoever only asks "
		"whether it runs; but nobody new gets in. A listener that is closed for an error of one "
		"connection, or taken out of the set for want of fds and never put back, makes a restart "
		"necessary after a fault that passed by itself.",
	    .how = "When the fault is over and every misbehaving peer is gone, a healthy client connects "
		   "anew. The "
		   "rule is broken when it was not accepted within 2 s and no listener of the port is in "
		   "service: "
		   "it was closed since the fault began; or it listens no longer (shutdown); or connections "
		   "wait in "
		   "its queue, no epoll asks for EPOLLIN on it (by the trace and by /proc/PID/fdinfo), no "
		   "thread is "
		   "in accept, and all sleep. A target that pauses at a limit and goes on when there is room "
		   "is in "
		   "time, and so is one whose timer comes within these 2 s. It is silent when fds are still "
		   "short, after EMFILE until one of its own connections has closed, "
		   "for targets that accept through io_uring, and for those that died or were asked to stop.",
	    .mend =
		"Close a listener only to end. After errors of accept that belong to one connection "
		"(ECONNABORTED, EPROTO …) go on; after a shortage pause with a timer that puts it back, and "
		"put it back as well whenever a connection is closed. Each path that takes it out needs its "
		"path that brings it back.",
	    .seen = "memcached a0e4a7563",
	},
};

/* Signs of illness of one listener as one process sees them. */
struct row {
	struct file *listener;
	struct window reports, failures;
	uint64_t from, to, found, count, refused; /* count: reports; refused: EINVAL */
	uint32_t mask;
	int32_t pid, tid;
};

struct listener_state {
	const struct facts *facts; /* first: facts_begin */
	struct map rows;	   /* (pid, listener) -> struct row */
	uint64_t let_in;	   /* when the last client that was let in and is forgotten began, 0 none */
	uint64_t last_close;	   /* of a connection that is forgotten */
};

static void row_text(const struct row *row, int32_t fd, char *out, size_t size)
{
	char mask[MASK_TEXT], port[16] = "", failed[64] = "";

	if (row->listener->port)
		(void)snprintf(port, sizeof(port), " (port %u)", row->listener->port);
	if (row->refused)
		(void)snprintf(failed, sizeof(failed), "accept failed with EINVAL %" PRIu64 " times",
			       row->refused);
	if (row->count)
		(void)snprintf(out, size, "listener fd %d%s: %s reported %" PRIu64 " times in %.2f s%s%s", fd,
			       port, mask_short(row->mask, mask, sizeof(mask)), row->count,
			       clock_seconds(row->to - row->from), failed[0] ? ", " : "", failed);
	else
		(void)snprintf(out, size, "listener fd %d%s: %s in %.2f s", fd, port, failed,
			       clock_seconds(row->to - row->from));
}

/* It listens again, or the journal is over: what it was goes to the judge. */
static int row_end(struct judge *judge, struct row *row)
{
	struct finding finding;
	struct row old = *row;

	*row = (struct row){.listener = old.listener};
	if (!old.found)
		return 0;
	finding = finding_make(judge, &rules[LISTENER_SPIN]);
	finding_about(&finding, judge, old.listener);
	finding.pid = old.pid;
	finding.tid = old.tid;
	finding.at = old.found;
	finding.from = old.from;
	finding.to = old.to;
	finding.count = old.count > old.refused ? old.count : old.refused;
	row_text(&old, finding.fd, finding.message, sizeof(finding.message));
	return judge_report(judge, &finding);
}

static struct row *row_of(struct listener_state *state, const struct event *event, struct file *listener)
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

static int row_count(struct listener_state *state, struct judge *judge, const struct event *event,
		     struct file *listener, uint32_t mask)
{
	struct row *row = row_of(state, event, listener);
	struct window *window;

	if (!row)
		return -ENOMEM;
	if (!row->count && !row->refused)
		row->from = event->at;
	window = mask ? &row->reports : &row->failures;
	row->count += mask != 0;
	row->refused += mask == 0;
	row->mask = mask ? mask : row->mask;
	row->to = event->at;
	row->pid = event->pid;
	row->tid = event->tid;
	if (window_count(window, event->at, judge_window(judge, LIMIT_SPIN_WINDOW)) >= LIMIT_SPIN_COUNT &&
	    !row->found)
		row->found = event->at;
	return 0;
}

static int follow_reports(struct listener_state *state, struct judge *judge, const struct event *event)
{
	const struct touch *touch = world_touch(judge_world(judge));
	int r = 0;

	for (uint32_t i = 0; i < touch->report_count && r == 0; i++) {
		const struct report *report = &touch->reports[i];

		if (report->file && report->file->kind == FILE_LISTENER &&
		    promise_tells_death(report->events) && !spin_is_ambiguous(report->reg))
			r = row_count(state, judge, event, report->file, report->events);
	}
	return r;
}

/* Any process: a listener that works again does so for all. */
static int end_rows(struct listener_state *state, struct judge *judge, const struct file *listener)
{
	struct row *row;
	size_t at = 0;
	int r = 0;

	while (r == 0 && (row = map_next(&state->rows, &at, NULL)))
		if (!listener || row->listener == listener)
			r = row_end(judge, row);
	return r;
}

static int follow_call(struct listener_state *state, struct judge *judge, const struct event *event)
{
	const struct world *world = judge_world(judge);
	struct file *file = world_touch(world)->file;
	enum call_class class = call_class((enum call)event->what);
	bool counts = spin_counts(world, event) && !hand_told(&state->facts->hand, event->pid);

	if (class == CLASS_WAIT)
		return counts ? follow_reports(state, judge, event) : 0;
	if (!file || file->kind != FILE_LISTENER)
		return 0;
	if ((class == CLASS_ACCEPT || class == CLASS_LISTEN) && event->ret >= 0)
		return end_rows(state, judge, file);
	if (class == CLASS_ACCEPT && event->ret == -EINVAL && counts)
		return row_count(state, judge, event, file, 0);
	return 0;
}

/* A healthy client that came when the fault was over and was not let in; NULL when one was, or none came. */
static const struct peer_view *left_outside(const struct listener_state *state, const struct world *world)
{
	uint64_t recovery = world_mark_time(world, MARK_RECOVERY);
	const struct peer_view *peer, *outside = NULL;
	size_t at = 0;

	if (state->let_in && state->let_in >= recovery)
		return NULL;
	while ((peer = world_next_peer(world, &at))) {
		if (!peer->canary || peer->began < recovery)
			continue;
		if (peer->conn || peer->answers)
			return NULL;
		outside = peer;
	}
	return outside;
}

/* Somebody is in accept, or accepts in a way that does not show. */
static bool accepts_unseen(const struct listener_state *state, const struct world *world)
{
	const struct thread *thread;
	const struct file *file;
	size_t at = 0;

	while ((file = world_next_file(world, &at)))
		if (file->kind == FILE_RING && !file->closed)
			return true;
	for (at = 0; (thread = world_next_thread(world, &at));)
		if (thread->alive &&
		    call_class(ground_call(&state->facts->ground, thread->tid, NULL)) == CLASS_ACCEPT)
			return true;
	return false;
}

static bool fds_are_short(const struct listener_state *state, int32_t pid)
{
	const struct ground_process *process = ground_process(&state->facts->ground, pid);

	return state->facts->hand.limits || (process && process->limit && process->fds >= process->limit);
}

/* Whether what was done to it then has stood for so long that nobody is going to undo it. */
static bool stands(const struct listener_state *state, uint64_t since, uint64_t patience)
{
	return patience && since + patience <= state->facts->ground.began;
}

/*
 * After EMFILE a target may wait for one of its own connections to close before it accepts again. When fds
 * only seemed to be short (injected), or the others just did not leave, that has not happened yet.
 */
static bool awaits_a_close(const struct listener_state *state, const struct world *world,
			   const struct file *listener)
{
	const struct file *file;
	size_t at = 0;
	bool any = false;

	if (!promise_is_shortage(listener->last_accept) ||
	    (state->last_close && state->last_close >= listener->touched))
		return false;
	while ((file = world_next_file(world, &at))) {
		if (file->kind != FILE_CONN)
			continue;
		if (file->closed >= listener->touched)
			return false;
		any = any || !file->closed;
	}
	return any;
}

/* Why a listener is out of service, in words; NULL when it may be in service, or come back. */
static const char *ailment(const struct listener_state *state, const struct judge *judge,
			   const struct file *file)
{
	const struct ground *ground = &state->facts->ground;
	const struct ground_fd *fd = ground_find(ground, file);
	struct ground_armed armed = ground_armed(ground, file);
	uint64_t patience = ground_patience(ground, judge, NULL);

	if (file->closed)
		return file->closed >= world_mark_time(judge_world(judge), MARK_FAULT) &&
			       stands(state, file->closed, judge_window(judge, LIMIT_CERTAIN_WINDOW))
			   ? "it was closed"
			   : NULL;
	if (!fd || fds_are_short(state, fd->pid))
		return NULL;
	if (!fd->listener)
		return fd->state == TCP_CLOSE && stands(state, file->touched, patience)
			   ? "it was shut down and listens no longer"
			   : NULL;
	if (!fd->waiting || (armed.events & EPOLLIN) || !patience ||
	    awaits_a_close(state, judge_world(judge), file))
		return NULL;
	if (armed.disarmed)
		return "it was registered for one event (EPOLLONESHOT) and not armed again";
	return file->regs ? "its registration does not ask for EPOLLIN"
			  : "it was taken out of every interest list";
}

static bool is_theirs(const struct world *world, const struct file *file)
{
	return file->kind == FILE_LISTENER && file->tcp &&
	       (!file->port || !world_port(world) || file->port == world_port(world));
}

static int judge_gone(struct judge *judge, const struct listener_state *state)
{
	const struct world *world = judge_world(judge);
	const struct peer_view *outside = left_outside(state, world);
	const struct file *file, *gone = NULL;
	const char *why = NULL;
	struct finding finding;
	size_t at = 0;

	if (!outside || !world_alive(world) || accepts_unseen(state, world))
		return 0;
	while ((file = world_next_file(world, &at))) {
		const char *ails = is_theirs(world, file) ? ailment(state, judge, file) : NULL;

		if (is_theirs(world, file) && !ails && !file->closed)
			return 0; /* this one may serve */
		gone = ails ? file : gone;
		why = ails ? ails : why;
	}
	if (!gone)
		return 0;
	finding = finding_make(judge, &rules[LISTENER_GONE]);
	finding_about(&finding, judge, gone);
	finding.fd = gone->fd;
	finding_of_peer(&finding, outside);
	finding.at = finding.from = gone->closed ? gone->closed : gone->touched;
	finding.to = state->facts->ground.began;
	(void)snprintf(finding.message, sizeof(finding.message),
		       "listener fd %d (port %u): %s at %.3f s and did not come back: %.2f s later a healthy "
		       "client is not let in",
		       gone->fd, world_port(world), why, clock_seconds(finding.at),
		       clock_seconds(finding.to - finding.at));
	return judge_report(judge, &finding);
}

static int listener_round(struct judge *judge, void *arg)
{
	struct listener_state *state = arg;
	bool due = state->facts->ground.phase == MARK_RECOVERY && facts_at_rest(state->facts, judge);

	return due ? judge_gone(judge, state) : 0;
}

static int listener_event(struct judge *judge, void *arg, const struct event *event)
{
	return follow_call(arg, judge, event);
}

static int listener_finish(struct judge *judge, void *arg)
{
	return end_rows(arg, judge, NULL);
}

static void listener_farewell(struct judge *judge, void *arg, const struct file *file)
{
	struct listener_state *state = arg;

	(void)judge;
	if (file->kind == FILE_CONN && file->closed > state->last_close)
		state->last_close = file->closed;
}

static void listener_parting(struct judge *judge, void *arg, const struct peer_view *peer)
{
	struct listener_state *state = arg;

	(void)judge;
	if (peer->canary && (peer->conn || peer->answers) && peer->began > state->let_in)
		state->let_in = peer->began;
}

static void listener_release(void *arg)
{
	struct listener_state *state = arg;

	map_free_all(&state->rows);
}

/* A row is made of reports or of failing accepts; who let a client in when all was over has a listener. */
static bool listener_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return contents->recovered && contents->reports < LIMIT_SPIN_COUNT &&
	       contents->failed[CLASS_ACCEPT] < LIMIT_SPIN_COUNT;
}

const struct rule_family listener_family = {
    .name = "listener",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct listener_state),
    .silent = listener_silent,
    .begin = facts_begin,
    .round = listener_round,
    .kinds = KIND(EV_CALL),
    .event = listener_event,
    .farewell = listener_farewell,
    .parting = listener_parting,
    .finish = listener_finish,
    .release = listener_release,
};
