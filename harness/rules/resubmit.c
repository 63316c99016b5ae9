/* SPDX-License-Identifier: MIT */
/* What follows a completion that ends a request: the same again at once and in vain, or nothing at all. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/names.h"
#include "journal/ring.h"
#include "model/promise.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"
#include "rules/window.h"

enum { ERROR_RESUBMIT, MULTISHOT_LOST };

static const struct rule rules[] = {
    [ERROR_RESUBMIT] =
	{
	    .id = "uring-error-resubmit",
	    .severity = SEVERITY_ERROR,
	    .doc = "a request completes with an error (or a receive with 0), and is submitted again, over "
		   "and over",
	    .why =
		"With completions there is no readiness to spin on, but the same loop can be built: a "
		"receive "
		"on a connection that is reset or at its end, or an accept without free fds, completes at "
		"once, so a server that submits it again from its completion handler keeps a core busy for "
		"as long as the condition lasts, which may be for ever.",
	    .how = "On one connection or listener a request of the same kind (receive, send, accept, poll, "
		   "connect) failed, was submitted again and failed again more than 50 times within a second "
		   "with no success between. A receive that gives 0 counts as failed. Cancelled and "
		   "interrupted requests do not count, and a receive that found no provided buffer only "
		   "counts when nobody else got one either.",
	    .mend =
		"Let the handler look at the result before it submits: 0 and hard errors end the "
		"connection; EMFILE, ENFILE, ENOBUFS and ENOMEM call for a pause (IORING_OP_TIMEOUT) or for "
		"waiting until an fd or a buffer comes free.",
	    .seen = "zion #87",
	},
    [MULTISHOT_LOST] =
	{
	    .id = "uring-multishot-lost",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "a multishot request ended by itself (no IORING_CQE_F_MORE) and was not armed again",
	    .why =
		"The kernel ends a multishot request when it fails: no fd for an accept, no provided buffer "
		"for a receive, no room in the completion queue. It says so only by a flag that is missing. "
		"A server that overlooks it never hears of that connection, or of any new one, again, and "
		"it happens first under load.",
	    .how =
		"The last multishot receive or accept on an fd ended without being cancelled and not at the "
		"connection's end; when the case is quiet bytes (or connections) wait in that socket, no "
		"request on it is in flight in any ring, no epoll watches it, and the target has slept for "
		"1 s (0.3 s when it sleeps without a time-out). A connection with output that its peer has "
		"not taken is left out (back-pressure), and so is a listener while no fds are free, or for "
		"3 s after that.",
	    .mend =
		"At every completion look at cqe->flags: without IORING_CQE_F_MORE the request is over. Arm "
		"it again, at once or after a pause, unless the connection is to end.",
	    .seen = "",
	},
};

/* The requests of one kind on one file. */
struct trail {
	struct file *file;
	enum call_class class;
	uint8_t op;
	/* failures in a row */
	struct window window;
	uint64_t count, from, to, found;
	bool failed;	  /* the last completion was a failure */
	bool again;	  /* and a request was submitted since */
	int64_t ret;	  /* of the last failure */
	uint64_t buffers; /* provided buffers filled by then, in all rings */
	int32_t pid, tid;
	/* the last multishot request */
	uint64_t ended; /* by itself, and nothing was submitted since; 0: no */
	int64_t end;	/* its result */
};

struct resubmit {
	const struct facts *facts; /* first: facts_begin */
	struct map trails;	   /* (file, class) -> struct trail */
	uint64_t buffers;
};

static struct trail *trail_of(struct resubmit *resubmit, struct file *file, unsigned op)
{
	enum call_class class = ring_op_class(op);
	uint64_t key = file->id << 8 | (uint64_t) class;
	struct trail *trail = map_get(&resubmit->trails, key);

	if (trail)
		return trail;
	trail = calloc(1, sizeof *trail);
	if (!trail || map_put(&resubmit->trails, key, trail) < 0) {
		free(trail);
		return NULL;
	}
	trail->file = file;
	trail->class = class;
	return trail;
}

static int row_end(struct judge *judge, struct trail *trail)
{
	struct finding finding;
	char who[FACTS_WHO];
	struct trail old = *trail;

	trail->window = (struct window){0};
	trail->count = trail->found = 0;
	if (!old.found)
		return 0;
	finding = finding_make(judge, &rules[ERROR_RESUBMIT]);
	finding_about(&finding, judge, old.file);
	finding.pid = old.pid;
	finding.tid = old.tid;
	finding.at = old.found;
	finding.from = old.from;
	finding.to = old.to;
	finding.count = old.count;
	(void)snprintf(finding.message, sizeof finding.message,
		       "%s: %s completed with %s and was submitted again, %" PRIu64 " times in %.2f s",
		       facts_who(&finding, who, sizeof who), ring_op_name(old.op),
		       old.ret < 0 ? errno_name((int)-old.ret) : "0", old.count,
		       clock_seconds(old.to - old.from));
	return judge_report(judge, &finding);
}

static void row_count(struct judge *judge, struct trail *trail, const struct event *event)
{
	uint32_t recent = window_count(&trail->window, event->at, judge_window(judge, LIMIT_SPIN_WINDOW));

	if (!trail->count++)
		trail->from = event->at;
	trail->to = event->at;
	trail->pid = event->pid;
	trail->tid = event->tid;
	if (!trail->found && recent > LIMIT_RESUBMIT_COUNT)
		trail->found = event->at;
}

static bool has_failed(const struct event *event, const struct ring_entry *entry)
{
	return event->ret < 0 || (event->ret == 0 && ring_op_class(entry->op) == CLASS_READ);
}

/* A failure by our own cancelling, or a signal's, is none. */
static bool says_nothing(const struct event *event, const struct ring_entry *entry)
{
	return event->ret == -ECANCELED || event->ret == -EINTR || (entry->cqe_flags & RING_F_NOTIF);
}

static int follow_result(struct resubmit *resubmit, struct judge *judge, struct trail *trail,
			 const struct event *event, const struct ring_entry *entry)
{
	bool starved = event->ret == -ENOBUFS && trail->class == CLASS_READ;

	if (says_nothing(event, entry))
		return 0;
	if (!has_failed(event, entry)) {
		trail->failed = trail->again = false;
		return row_end(judge, trail);
	}
	if (trail->again && trail->ret == event->ret && !(starved && trail->buffers != resubmit->buffers))
		row_count(judge, trail, event);
	trail->failed = true;
	trail->again = false;
	trail->ret = event->ret;
	trail->buffers = resubmit->buffers;
	return 0;
}

/* A multishot request that ended by the connection's end, or because it was told to, is nobody's loss. */
static bool is_loss(const struct event *event, const struct ring_entry *entry)
{
	if (event->ret == -ECANCELED)
		return false;
	if (ring_op_class(entry->op) == CLASS_ACCEPT)
		return true;
	return event->ret > 0 || event->ret == -ENOBUFS || event->ret == -ENOMEM || event->ret == -EAGAIN ||
	       event->ret == -EINTR;
}

static int follow_ring(struct resubmit *resubmit, struct judge *judge, const struct event *event)
{
	const struct touch *touch = world_touch(judge_world(judge));
	const struct ring_entry *entry = event_ring(event);
	const struct request *request = touch->request;
	enum call_class class = entry ? ring_op_class(entry->op) : CLASS_OTHER;
	struct trail *trail;

	if (!entry || !touch->file ||
	    (class != CLASS_READ && class != CLASS_WRITE && class != CLASS_ACCEPT && class != CLASS_CONNECT &&
	     entry->op != OP_POLL_ADD))
		return 0;
	trail = trail_of(resubmit, touch->file, entry->op);
	if (!trail)
		return -ENOMEM;
	trail->op = entry->op;
	if (event->what == RING_SUBMIT) {
		trail->again = trail->failed;
		trail->ended = 0;
		return 0;
	}
	resubmit->buffers += (entry->cqe_flags & RING_F_BUFFER) != 0;
	if (request && request->multishot && !(entry->cqe_flags & RING_F_MORE) && is_loss(event, entry)) {
		trail->ended = event->at;
		trail->end = event->ret;
	}
	return follow_result(resubmit, judge, trail, event, entry);
}

/* Whether the target could accept if it wanted to: fds are free, and nobody keeps them from it. */
static bool may_accept(const struct resubmit *resubmit, const struct ground_fd *fd)
{
	const struct ground_process *process = ground_process(&resubmit->facts->ground, fd->pid);

	return !resubmit->facts->hand.limits && process && (!process->limit || process->fds < process->limit);
}

/* Since when (ns) nothing has happened that could have told or moved the target. */
static uint64_t still_since(const struct resubmit *resubmit, const struct judge *judge,
			    const struct ground_fd *fd)
{
	const struct file *file = fd->file;
	uint64_t since = file->touched > fd->waiting_since ? file->touched : fd->waiting_since;
	uint64_t sent = world_peer(judge_world(judge), file->peer)
			    ? diary_page(&resubmit->facts->diary, file->peer)->sent_at
			    : 0;

	if (resubmit->facts->hand.limit_lifted > since)
		since = resubmit->facts->hand.limit_lifted;
	return sent > since ? sent : since;
}

static bool is_lost(const struct resubmit *resubmit, const struct ground_fd *fd, const struct trail *trail)
{
	const struct file *file = fd->file;

	if (file->closed || !fd->waiting || file->requests || !trail || !trail->ended ||
	    ground_armed(&resubmit->facts->ground, file).any)
		return false;
	return fd->listener ? may_accept(resubmit, fd) : !fd->unacked;
}

static int judge_fd(struct resubmit *resubmit, struct judge *judge, const struct ground_fd *fd,
		    uint64_t patience)
{
	enum call_class class = fd->listener ? CLASS_ACCEPT : CLASS_READ;
	const struct trail *trail = map_get(&resubmit->trails, fd->file->id << 8 | (uint64_t) class);
	uint64_t since = still_since(resubmit, judge, fd);
	struct finding finding;
	char who[FACTS_WHO];

	if (!is_lost(resubmit, fd, trail))
		return 0;
	if (promise_is_shortage(trail->end) && fd->listener)
		patience = judge_window(judge, LIMIT_WRITE_WINDOW);
	if (since + patience > fd->at)
		return 0;
	finding = finding_make(judge, &rules[MULTISHOT_LOST]);
	finding_about(&finding, judge, fd->file);
	finding.at = since + patience;
	finding.from = trail->ended < since ? trail->ended : since;
	finding.to = fd->at;
	finding.count = fd->waiting;
	(void)snprintf(finding.message, sizeof finding.message,
		       "%s: multishot %s ended with %s and was not armed again; %" PRIu64
		       " %s wait for %.2f s",
		       facts_who(&finding, who, sizeof who), ring_op_name(trail->op),
		       trail->end < 0 ? errno_name((int)-trail->end) : "its last result", fd->waiting,
		       fd->listener ? "connections" : "bytes", clock_seconds(fd->at - since));
	return judge_report(judge, &finding);
}

static int judge_round(struct resubmit *resubmit, struct judge *judge)
{
	const struct ground *ground = &resubmit->facts->ground;
	uint64_t patience = facts_at_rest(resubmit->facts, judge) ? ground_patience(ground, judge, NULL) : 0;
	int r = 0;

	for (size_t i = 0; patience && i < ground->fd_count && r == 0; i++)
		r = judge_fd(resubmit, judge, &ground->fds[i], patience);
	return r;
}

static int resubmit_round(struct judge *judge, void *state)
{
	return judge_round(state, judge);
}

static int resubmit_event(struct judge *judge, void *state, const struct event *event)
{
	return follow_ring(state, judge, event);
}

static int resubmit_finish(struct judge *judge, void *state)
{
	struct resubmit *resubmit = state;
	int r = resubmit->facts->ground.open ? judge_round(resubmit, judge) : 0;
	struct trail *trail;
	size_t at = 0;

	while (r == 0 && (trail = map_next(&resubmit->trails, &at, NULL)))
		r = row_end(judge, trail);
	return r;
}

static void resubmit_farewell(struct judge *judge, void *state, const struct file *file)
{
	struct resubmit *resubmit = state;

	for (unsigned class = 0; class < CLASS_COUNT && resubmit->trails.live; class ++) {
		struct trail *trail = map_remove(&resubmit->trails, file->id << 8 | class);

		if (trail)
			(void)row_end(judge, trail);
		free(trail);
	}
}

static void resubmit_release(void *state)
{
	struct resubmit *resubmit = state;

	map_free_all(&resubmit->trails);
}

static bool resubmit_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return !contents->kinds[EV_RING];
}

const struct rule_family resubmit_family = {
    .name = "resubmit",
    .rules = rules,
    .rule_count = sizeof rules / sizeof *rules,
    .state_size = sizeof(struct resubmit),
    .silent = resubmit_silent,
    .farewell = resubmit_farewell,
    .begin = facts_begin,
    .round = resubmit_round,
    .kinds = KIND(EV_RING),
    .event = resubmit_event,
    .finish = resubmit_finish,
    .release = resubmit_release,
};
