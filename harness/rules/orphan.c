/* SPDX-License-Identifier: MIT */
/* Connections that no event can reach any more: epoll would not have them, or the target took them out and
 * left them. */
#include "rules/orphan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/names.h"
#include "model/promise.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

const struct rule orphan_rules[] = {
    [CTL_ERROR_ORPHAN] =
	{
	    .id = "ctl-error-orphan",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "epoll_ctl failed, and the connection stays open where no event can reach it, or the "
		   "process ends",
	    .why =
		"epoll_ctl can fail for reasons that pass: ENOSPC when the user's watches are used up "
		"(/proc/sys/fs/epoll/max_user_watches), ENOMEM, and EEXIST or EPERM after a mix-up of fds. A "
		"connection that is kept all the same is never served and never closed: its client hangs, "
		"and "
		"each one costs an fd for ever. A process that aborts for it takes everybody else along.",
	    .how =
		"Noted are ADD and MOD on accepted connections that gave ENOSPC, ENOMEM, EEXIST or EPERM, "
		"made by "
		"wringer or real. The rule is broken when, once quiet, such a connection is still open, no "
		"epoll "
		"watches it (by the trace and by /proc/PID/fdinfo), nothing read it or reported it since, no "
		"thread is inside another call, and all have slept for 0.3 s (no thread has a time-out), 1 s "
		"(short ones) or 2 s (a timer may try again). It is broken too when a serving process ends "
		"by "
		"itself and such a failure is the last thing of note before it. A later epoll_ctl that works "
		"ends "
		"the matter, as does closing.",
	    .mend =
		"Look at the result of every epoll_ctl. When a connection cannot be added, close it (or try "
		"again "
		"from a timer, with an upper bound); after EEXIST use MOD. It is an error of one connection, "
		"never a reason for abort or exit.",
	    .seen = "libuv 1ffff94d3; redis da127ed3d",
	},
    [DEAF_CONNECTION] =
	{
	    .id = "deaf-connection",
	    .severity = SEVERITY_WARNING,
	    .by_absence = true,
	    .doc = "an open connection is in no interest list, and no thread is busy with it",
	    .why =
		"Taking a connection out of the set is a fine way to pause it, if something brings it back. "
		"Without that the server cannot learn of anything on it: no request, no end, not even a "
		"reset. It "
		"looks like a slow client until somebody counts the fds.",
	    .how =
		"When the case is quiet the rule is broken for an accepted connection that the target has "
		"worked "
		"on, that no epoll watches (by the trace and by /proc/PID/fdinfo), and that nobody touched "
		"for "
		"0.3 s while every thread sleeps without a time-out, or for 3 s where a timer may still "
		"come. "
		"Targets with threads in poll or select or inside other calls, with an io_uring, or with a "
		"connection of their own to somewhere else are not judged, nor are connections with output "
		"pending (write-not-armed), a spent one-shot registration (oneshot-lost), or an end that "
		"the target has read or was told of by EPOLLHUP (fin-leak, reset-leak).",
	    .mend = "Give every pause its end where it begins: a timer, or the event that it waits for. Or "
		    "keep the "
		    "registration with an empty mask, which at least tells of ERR and HUP.",
	    .seen = "memcached a0e4a7563",
	},
};

/* An epoll_ctl about a connection that failed, and none that worked since. */
struct failure {
	struct file *file;
	uint64_t at;
	int64_t ret;
	int32_t pid, tid;
	bool mod;
};

struct orphan {
	const struct facts *facts; /* first: facts_begin */
	struct map failures;	   /* file id -> struct failure */
};

static bool matters(int64_t ret)
{
	return ret == -ENOSPC || ret == -ENOMEM || ret == -EEXIST || ret == -EPERM;
}

static int follow_ctl(struct orphan *orphan, struct file *file, const struct event *event)
{
	struct failure *failure = map_get(&orphan->failures, file->id);

	if (event->ret >= 0)
		free(map_remove(&orphan->failures, file->id));
	if (!matters(event->ret) || event->arg[1] == EPOLL_CTL_DEL || file->kind != FILE_CONN)
		return 0;
	if (!failure) {
		failure = calloc(1, sizeof(*failure));
		if (!failure || map_put(&orphan->failures, file->id, failure) < 0) {
			free(failure);
			return -ENOMEM;
		}
	}
	*failure = (struct failure){.file = file,
				    .at = event->at,
				    .ret = event->ret,
				    .pid = event->pid,
				    .tid = event->tid,
				    .mod = event->arg[1] == EPOLL_CTL_MOD};
	return 0;
}

static bool is_watched(const struct ground *ground, const struct file *file)
{
	struct ground_armed armed = ground_armed(ground, file);

	/* A mask of 0 still tells of ERR and HUP. */
	return armed.any && !(armed.disarmed && !(armed.events & (EPOLLIN | EPOLLOUT)));
}

static int judge_failure(struct judge *judge, const struct orphan *orphan, const struct failure *failure,
			 uint64_t patience)
{
	const struct ground *ground = &orphan->facts->ground;
	const struct file *file = failure->file;
	struct finding finding;
	char who[FACTS_WHO];
	const char *code = errno_name((int)failure->ret);

	if (file->closed || failure->at + patience > ground->began || is_watched(ground, file) ||
	    file->reported_at > failure->at || file->last_read_at > failure->at)
		return 0;
	if (ground->fd_count && !ground_find(ground, file)) /* closed in a way the trace does not show */
		return 0;
	finding = finding_make(judge, &orphan_rules[CTL_ERROR_ORPHAN]);
	finding_about(&finding, judge, file);
	finding.tid = failure->tid;
	finding.at = finding.from = failure->at;
	finding.to = ground->began;
	(void)snprintf(
	    finding.message, sizeof(finding.message),
	    "%s: epoll_ctl (%s) gave %s at %.3f s, and the connection is open %.2f s later where no event "
	    "can reach it",
	    facts_who(&finding, who, sizeof(who)), failure->mod ? "MOD" : "ADD",
	    code ? code : "an error", clock_seconds(failure->at), clock_seconds(ground->began - failure->at));
	return judge_report(judge, &finding);
}

/* Whether the ways in which the target serves are all seen: threads in epoll, and nothing else. */
static bool all_is_seen(const struct orphan *orphan, const struct world *world)
{
	const struct thread *thread;
	const struct file *file;
	size_t at = 0;
	bool epoll = false;

	while ((file = world_next_file(world, &at)))
		if (!file->closed && (file->kind == FILE_RING || file->kind == FILE_OUTGOING))
			return false;
	for (at = 0; (thread = world_next_thread(world, &at));) {
		if (!thread->alive || thread->waiting == CALL_unknown)
			continue;
		if (thread->wait_fd < 0)
			return false;
		epoll = true;
	}
	return epoll && !ground_busy(&orphan->facts->ground, world);
}

static bool worked_on(const struct file *file)
{
	return file->reads || file->writes || file->reports;
}

static bool output_pending(const struct file *file, const struct ground_fd *fd)
{
	return fd->unacked || promise_met_full(file->last_write, file->last_write_asked);
}

static int judge_deaf(struct judge *judge, const struct orphan *orphan, const struct ground_fd *fd,
		      uint64_t patience)
{
	const struct ground *ground = &orphan->facts->ground;
	const struct file *file = fd->file;
	struct ground_armed armed = ground_armed(ground, file);
	uint64_t since = file->touched > file->reported_at ? file->touched : file->reported_at;
	struct finding finding;
	char who[FACTS_WHO];

	if (fd->listener || file->kind != FILE_CONN || file->closed || armed.any || armed.disarmed ||
	    !worked_on(file) || output_pending(file, fd) || since + patience > fd->at)
		return 0;
	if (map_get(&orphan->failures, file->id)) /* said already */
		return 0;
	if (file->eof_read || file->read_error || (file->reported_ever & EPOLLHUP))
		return 0; /* nothing more to learn of it: the leaks' matter */
	finding = finding_make(judge, &orphan_rules[DEAF_CONNECTION]);
	finding_about(&finding, judge, file);
	finding.at = finding.from = since;
	finding.to = fd->at;
	(void)snprintf(
	    finding.message, sizeof(finding.message),
	    "%s: open, in no interest list, and not touched for %.2f s while the target sleeps; %llu bytes "
	    "wait in it",
	    facts_who(&finding, who, sizeof(who)), clock_seconds(fd->at - since),
	    (unsigned long long)fd->waiting);
	return judge_report(judge, &finding);
}

static int judge_round(struct judge *judge, const struct orphan *orphan)
{
	const struct ground *ground = &orphan->facts->ground;
	bool certain = false;
	uint64_t patience =
	    facts_at_rest(orphan->facts, judge) ? ground_patience(ground, judge, &certain) : 0;
	uint64_t longer = certain ? patience : judge_window(judge, LIMIT_WRITE_WINDOW);
	uint64_t leak = judge_window(judge, LIMIT_LEAK_WINDOW);
	const struct failure *failure;
	size_t at = 0;
	int r = 0;

	if (!patience || ground_busy(ground, judge_world(judge)))
		return 0;
	while (r == 0 && (failure = map_next(&orphan->failures, &at, NULL)))
		r = judge_failure(judge, orphan, failure, patience < leak ? patience : leak);
	if (!all_is_seen(orphan, judge_world(judge)))
		return r;
	for (size_t i = 0; i < ground->fd_count && r == 0; i++)
		r = judge_deaf(judge, orphan, &ground->fds[i], longer);
	return r;
}

static int orphan_round(struct judge *judge, void *state)
{
	return judge_round(judge, state);
}

static int orphan_event(struct judge *judge, void *state, const struct event *event)
{
	struct file *file = world_touch(judge_world(judge))->file;

	return file ? follow_ctl(state, file, event) : 0;
}

static int orphan_finish(struct judge *judge, void *state)
{
	struct orphan *orphan = state;

	return orphan->facts->ground.open ? judge_round(judge, orphan) : 0;
}

static void orphan_farewell(struct judge *judge, void *state, const struct file *file)
{
	struct orphan *orphan = state;

	(void)judge;
	free(map_remove(&orphan->failures, file->id));
}

static void orphan_release(void *state)
{
	struct orphan *orphan = state;

	map_free_all(&orphan->failures);
}

const struct rule_family orphan_family = {
    .name = "orphan",
    .rules = orphan_rules,
    .rule_count = sizeof(orphan_rules) / sizeof(*orphan_rules),
    .state_size = sizeof(struct orphan),
    .farewell = orphan_farewell,
    .begin = facts_begin,
    .round = orphan_round,
    .kinds = KIND(EV_CALL),
    .classes = CLASS(CLASS_CTL),
    .event = orphan_event,
    .finish = orphan_finish,
    .release = orphan_release,
};
