/* SPDX-License-Identifier: MIT */
/*
 * Numbers that change hands while a batch of events is handled.
 *
 *     epoll_wait = 3   fd 9 … fd 4 (listener) … fd 10      the batch of one turn
 *     close(10)        by the handler of fd 9              F dies
 *     accept4 = 10                                         G takes its number
 *     read(10)         for the third event, which was F's  stale-event
 *     close(10)        because F was to be closed          wrong-close
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "base/buf.h"
#include "base/clock.h"
#include "model/promise.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

enum { STALE_EVENT, WRONG_CLOSE };

static const struct rule rules[] = {
    [STALE_EVENT] =
	{
	    .id = "stale-event",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "an fd closed earlier in the batch is used for an event still in the array",
	    .why = "epoll_wait returns many events at once. When the handler of one closes another "
		   "connection of the same batch, that one's event still stands in the array. Whoever finds "
		   "the connection by its number then acts on a closed descriptor, or, because accept hands "
		   "the lowest free number out again, on a stranger: its bytes are eaten, its end is "
		   "believed to have come. It needs two connections ready at once, so it happens under load "
		   "only.",
	    .how = "The rule is broken when, in one turn of a thread (from one wait to the next), an fd that "
		   "the wait had reported is closed and its number is then read, written or shut down: with "
		   "EBADF, or on a new connection that took the number and was itself never reported. A "
		   "server that tries every new connection at once is innocent: the second form counts "
		   "only when no connection of the journal was read (or written) before its first event, "
		   "and three at least were not. Injected results and a stopping target are not judged.",
	    .mend = "Put what belongs to a connection behind the pointer in the event, not behind its "
		    "number; mark it dead when it is closed, skip dead ones, and close and free at the end "
		    "of the batch. Or keep a generation beside the number in epoll_data and compare.",
	    .seen = "nginx 7f59728d5; haproxy 5012b6c6d; libuv bbccafbe7",
	},
    [WRONG_CLOSE] =
	{
	    .id = "wrong-close",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "a healthy new connection is closed because an older one with its number died",
	    .why = "The number of a closed descriptor goes to the next accept at once. A second close of the "
		   "old connection, an event, a timer or a list that still holds the number, then hits the "
		   "newcomer: a client that did nothing wrong is hung up on before it was heard. Nothing in "
		   "the log explains it.",
	    .how = "The rule is broken when an accepted connection that was registered in an epoll is closed "
		   "within a second although its peer is there and healthy, before anything was reported "
		   "for it and before the target read or wrote a byte on it, and the connection that had its "
		   "number before had died (its end was read, reported, or its peer was gone) in the second "
		   "before it came. Not judged: connections turned away before they were registered, a lack "
		   "of fds, injected errors, a stopping target, and targets that also close fresh "
		   "connections whose number has no such past.",
	    .mend =
		"Close a descriptor in one place, once, and set what holds the number to -1 there. Cancel "
		"timers and take the connection out of every list before the close, not after.",
	    .seen = "nginx 7f59728d5",
	},
};

/* What became of a number: the connection that had it last. */
struct past {
	struct file *file;
	uint64_t closed;
	int32_t tid; /* who closed it */
};

/* A connection by what it inherited. */
struct heir {
	struct past past; /* of its number; file NULL: none */
	bool registered;
};

enum kind { READS, WRITES, CLOSES, KINDS }; /* stale events by what was called for them; wrong closes */

struct suspect {
	struct finding finding;
	enum kind kind;
};

struct batch {
	const struct facts *facts; /* first: facts_begin */
	struct map pasts;	   /* pid and number -> struct past */
	struct map heirs;	   /* file id -> struct heir */
	/* The first of each kind, and how many more there are: the judge only counts those. */
	struct suspect suspects[KINDS * FINDINGS_PER_RULE];
	size_t suspect_count, kept[KINDS];
	uint64_t more[KINDS];
	struct finding last[KINDS]; /* of those */
	/* connections by what came first, an event or a call of the target */
	uint64_t patient_reads, eager_reads, patient_writes, eager_writes;
	uint64_t fresh_closes; /* of connections without such a past */
};

static uint64_t key_of(int32_t pid, int32_t fd)
{
	return (uint64_t)(uint32_t)pid << 32 | (uint32_t)fd;
}

static int note_close(struct batch *batch, const struct touch *touch, const struct event *event)
{
	struct past *past = map_get(&batch->pasts, key_of(event->pid, event->fd));

	if (!past) {
		past = calloc(1, sizeof(*past));
		if (!past || map_put(&batch->pasts, key_of(event->pid, event->fd), past) < 0) {
			free(past);
			return -ENOMEM;
		}
	}
	file_drop(past->file);
	file_hold(touch->file);
	*past = (struct past){touch->file, event->at, event->tid};
	return 0;
}

static int note_accept(struct batch *batch, const struct touch *touch, const struct event *event)
{
	const struct past *past = map_get(&batch->pasts, key_of(event->pid, (int32_t)event->ret));
	struct heir *heir = calloc(1, sizeof(*heir));

	if (!heir || map_put(&batch->heirs, touch->made->id, heir) < 0) {
		free(heir);
		return -ENOMEM;
	}
	if (past) {
		heir->past = *past;
		file_hold(past->file);
	}
	return 0;
}

/* Nothing more is called on it. */
static void end_heir(struct batch *batch, const struct file *file)
{
	struct heir *heir = map_remove(&batch->heirs, file->id);

	if (heir)
		file_drop(heir->past.file);
	free(heir);
}

static void suspect(struct batch *batch, const struct finding *finding, enum kind kind)
{
	if (batch->kept[kind] == FINDINGS_PER_RULE) {
		batch->more[kind]++;
		batch->last[kind] = *finding;
		return;
	}
	batch->kept[kind]++;
	batch->suspects[batch->suspect_count++] = (struct suspect){*finding, kind};
}

/* Whether the number's past was reported to the thread in its present turn, and closed by it in that turn. */
static bool closed_in_turn(const struct past *past, const struct thread *thread)
{
	return past && past->file && thread && thread->woke && past->tid == thread->tid &&
	       past->closed > thread->woke && past->file->reported_at == thread->woke;
}

static struct finding about_past(struct judge *judge, const struct past *past, const struct event *event)
{
	struct finding finding = finding_make(judge, &rules[STALE_EVENT]);

	finding_about(&finding, judge, past->file);
	finding.fd = event->fd;
	finding.pid = event->pid;
	finding.from = past->file->reported_at;
	return finding;
}

/* EBADF: the number leads nowhere any more. */
static int judge_closed(struct judge *judge, struct batch *batch, const struct event *event)
{
	const struct past *past = map_get(&batch->pasts, key_of(event->pid, event->fd));
	struct finding finding;
	char who[FACTS_WHO];

	if (!closed_in_turn(past, world_touch(judge_world(judge))->thread))
		return 0;
	finding = about_past(judge, past, event);
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%s: closed, and %.3f ms later in the same batch of events %s is called on it (EBADF)",
		       facts_who(&finding, who, sizeof(who)), clock_seconds(event->at - past->closed) * 1e3,
		       call_name((enum call)event->what));
	return judge_report(judge, &finding);
}

/* The first call on a connection that was not reported yet: an eager server, or somebody else's event? */
static int judge_fresh(struct judge *judge, struct batch *batch, const struct event *event, bool writes)
{
	const struct file *file = world_touch(judge_world(judge))->file;
	const struct heir *heir = map_get(&batch->heirs, file->id);
	struct finding finding;
	char who[FACTS_WHO];

	if (!heir || !closed_in_turn(&heir->past, world_touch(judge_world(judge))->thread)) {
		batch->eager_reads += !writes;
		batch->eager_writes += writes;
		return 0;
	}
	finding = about_past(judge, &heir->past, event);
	finding_of_peer(&finding, world_peer(judge_world(judge), file->peer));
	finding.file = file->id;
	(void)snprintf(
	    finding.message, sizeof(finding.message),
	    "%s: %s for an event of the connection that had the number before and was closed in the "
	    "same batch; this one was accepted since and never reported",
	    facts_who(&finding, who, sizeof(who)), call_name((enum call)event->what));
	suspect(batch, &finding, writes ? WRITES : READS);
	return 0;
}

static int follow_io(struct judge *judge, struct batch *batch, const struct event *event)
{
	const struct file *file = world_touch(judge_world(judge))->file;
	bool writes = call_class((enum call)event->what) == CLASS_WRITE;
	bool first = file && (writes ? file->writes == 1 && !file->reads : file->reads == 1 && !file->writes);

	if (event->flags & EVF_INJECTED || batch->facts->hand.stop_asked)
		return 0;
	if (event->ret == -EBADF)
		return judge_closed(judge, batch, event);
	if (!first || file->kind != FILE_CONN)
		return 0;
	if (!file->reports)
		return judge_fresh(judge, batch, event, writes);
	batch->patient_reads += !writes;
	batch->patient_writes += writes;
	return 0;
}

/* Nothing at all had happened on it, and its peer is there. */
static bool is_fresh_and_healthy(const struct world *world, const struct file *file)
{
	const struct peer_view *peer = world_peer(world, file->peer);

	if (file->reports || file->reads || file->writes || file->shut_write || !peer || !peer->connected)
		return false;
	return !peer->fin && !peer->reset && !peer->vanished && !peer->half_closed && !peer->gone;
}

static bool has_died(const struct world *world, const struct file *file)
{
	const struct peer_view *peer = world_peer(world, file->peer);

	return file->eof_read || file->read_error || file->write_error ||
	       promise_tells_end(file->reported_ever) || (peer && (peer->fin || peer->reset));
}

static bool may_blame(const struct batch *batch, const struct judge *judge, const struct file *file,
		      const struct event *event)
{
	const struct hand *hand = &batch->facts->hand;
	uint64_t window = judge_window(judge, LIMIT_SHORTAGE_WINDOW);

	if (hand->stop_asked || hand_told(hand, event->pid) || hand_spoilt(hand, file) || hand->limits)
		return false;
	return !hand->fds_short || hand->fds_short + window <= event->at;
}

static int follow_close(struct judge *judge, struct batch *batch, const struct event *event)
{
	const struct world *world = judge_world(judge);
	const struct touch *touch = world_touch(world);
	const struct file *file = touch->file;
	const struct heir *heir = map_get(&batch->heirs, file->id);
	uint64_t window = judge_window(judge, LIMIT_WRONG_CLOSE_AGE);
	struct finding finding;
	char who[FACTS_WHO];

	if (!heir || !heir->registered || !touch->last_close || file->opened + window < event->at ||
	    !is_fresh_and_healthy(world, file) || !may_blame(batch, judge, file, event))
		return 0;
	if (!heir->past.file || heir->past.closed + window < file->opened ||
	    !has_died(world, heir->past.file)) {
		batch->fresh_closes++;
		return 0;
	}
	finding = finding_make(judge, &rules[WRONG_CLOSE]);
	finding_about(&finding, judge, file);
	finding.from = heir->past.file->reported_at ? heir->past.file->reported_at : heir->past.closed;
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%s: closed %.3f ms after it was accepted, its peer healthy and nothing reported; the "
		       "connection that had its number before had died and was closed %.3f ms earlier",
		       facts_who(&finding, who, sizeof(who)), clock_seconds(event->at - file->opened) * 1e3,
		       clock_seconds(event->at - heir->past.closed) * 1e3);
	suspect(batch, &finding, CLOSES);
	return 0;
}

static int follow_call(struct judge *judge, struct batch *batch, const struct event *event)
{
	const struct touch *touch = world_touch(judge_world(judge));
	struct heir *heir;
	int r;

	switch (call_class((enum call)event->what)) {
	case CLASS_READ:
	case CLASS_WRITE:
		return follow_io(judge, batch, event);
	case CLASS_SHUTDOWN:
		return event->ret == -EBADF && !(event->flags & EVF_INJECTED)
			   ? judge_closed(judge, batch, event)
			   : 0;
	case CLASS_ACCEPT:
		return touch->made ? note_accept(batch, touch, event) : 0;
	case CLASS_CTL:
		heir = touch->file && touch->reg ? map_get(&batch->heirs, touch->file->id) : NULL;
		if (heir)
			heir->registered = true;
		return 0;
	case CLASS_CLOSE:
		if (event->what != CALL_close || event->ret != 0 || !touch->file ||
		    touch->file->kind != FILE_CONN)
			return 0;
		r = follow_close(judge, batch, event);
		if (touch->last_close)
			end_heir(batch, touch->file);
		return r ? r : note_close(batch, touch, event);
	default:
		return 0;
	}
}

static int batch_event(struct judge *judge, void *state, const struct event *event)
{
	return follow_call(judge, state, event);
}

/* Whether what was seen of the target in the whole journal lets such a suspicion stand. */
static bool stands(const struct batch *batch, enum kind kind)
{
	if (kind == CLOSES)
		return !batch->fresh_closes;
	if (batch->eager_reads || (kind == WRITES && batch->eager_writes))
		return false;
	return batch->patient_reads >= LIMIT_HABIT;
}

static int report_more(struct judge *judge, const struct batch *batch, enum kind kind)
{
	struct finding finding = batch->last[kind];

	finding.count = batch->more[kind];
	return finding.count && stands(batch, kind) ? judge_report(judge, &finding) : 0;
}

static int batch_finish(struct judge *judge, void *state)
{
	const struct batch *batch = state;
	int r = 0;

	for (size_t i = 0; i < batch->suspect_count && r == 0; i++)
		if (stands(batch, batch->suspects[i].kind))
			r = judge_report(judge, &batch->suspects[i].finding);
	for (unsigned kind = 0; kind < KINDS && r == 0; kind++)
		r = report_more(judge, batch, (enum kind)kind);
	return r;
}

static void batch_farewell(struct judge *judge, void *state, const struct file *file)
{
	(void)judge;
	end_heir(state, file);
}

static void batch_release(void *state)
{
	struct batch *batch = state;

	map_free_all(&batch->pasts);
	map_free_all(&batch->heirs);
}

const struct rule_family batch_family = {
    .name = "batch",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct batch),
    .farewell = batch_farewell,
    .begin = facts_begin,
    .kinds = KIND(EV_CALL),
    .classes = CLASS(CLASS_READ) | CLASS(CLASS_WRITE) | CLASS(CLASS_SHUTDOWN) | CLASS(CLASS_ACCEPT) |
	       CLASS(CLASS_CTL) | CLASS(CLASS_CLOSE),
    .event = batch_event,
    .finish = batch_finish,
    .release = batch_release,
};
