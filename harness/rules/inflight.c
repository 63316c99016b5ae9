/* SPDX-License-Identifier: MIT */
/* Requests of an io_uring that are still in flight when the target acts as if they were over. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/clock.h"
#include "journal/ring.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

#define CANCEL_ALL	0x1u /* IORING_ASYNC_CANCEL_ALL, _FD, _ANY */
#define CANCEL_FD	0x2u
#define CANCEL_ANY	0x4u
#define REGISTER_CANCEL 24 /* IORING_REGISTER_SYNC_CANCEL */

enum { CLOSE_IN_FLIGHT, MULTISHOT_TWICE };

static const struct rule rules[] = {
    [CLOSE_IN_FLIGHT] =
	{
	    .id = "uring-close-in-flight",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "an fd was closed while a request on it was in flight, and nobody cancels that request",
	    .why =
		"A request of an io_uring holds the socket it works on. close() takes the number away, but "
		"the connection lives on for as long as the request waits: its peer sees no FIN and hangs, "
		"a listener goes on taking connections that nobody accepts, and bytes that arrive later "
		"complete a request of a connection the server has forgotten, often into memory that "
		"belongs to somebody else by then.",
	    .how = "The last number of a connection or a listener was closed, by close or through the ring, "
		   "while a receive, an accept or a poll on it was in flight, and 0.1 s later, with the "
		   "target asleep, that request has "
		   "neither completed nor been cancelled (by user_data, by fd, all of them, or by a "
		   "synchronous cancel). A shutdown before the close ends such requests by itself, so it is "
		   "fine. Sends are not counted, they end when the peer has read. Rings that could not be "
		   "seen whole, and whatever happens once the target was asked to stop, are not judged.",
	    .mend = "Cancel first (IORING_OP_ASYNC_CANCEL with IORING_ASYNC_CANCEL_FD and _ALL), or shut the "
		    "socket down, and close it when the last completion of each request has come (the one "
		    "without IORING_CQE_F_MORE).",
	    .seen = "liburing #932, #363",
	},
    [MULTISHOT_TWICE] =
	{
	    .id = "uring-multishot-twice",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "a multishot request was armed again although the one before was still armed",
	    .why = "A completion with IORING_CQE_F_MORE says that its request goes on. Arming another one "
		   "makes two receives race for the bytes of one connection, so that they may be handled out "
		   "of order, and with each completion the number of requests grows: memory, completions for "
		   "a connection that is closed already, and a queue that overflows.",
	    .how = "A multishot receive or accept, or a multishot poll for the same events, was submitted "
		   "while another one of the same ring on the same description was in flight, not cancelled, "
		   "and still there 0.1 s later. Different rings may share a listener. Rings that could not "
		   "be seen whole are not judged.",
	    .mend = "Arm a multishot request once, and again only after a completion without "
		    "IORING_CQE_F_MORE.",
	    .seen = "turboAPI PR #145",
	},
};

/* What may turn out to be a mistake: a request that should have been over by `due` and is there still. */
struct doubt {
	struct finding finding;
	struct file *ring;
	uint64_t number; /* the request */
	uint64_t due;
};

struct inflight {
	const struct facts *facts; /* first: facts_begin */
	struct map told;	   /* (ring, number) -> the ring: requests that were told to stop */
	struct doubt *doubts;
	size_t count, capacity;
};

static uint64_t key_of(const struct request *request)
{
	return request->ring->id << 40 ^ request->number;
}

static bool is_told(const struct inflight *inflight, const struct request *request)
{
	return map_get(&inflight->told, key_of(request)) != NULL;
}

static int tell(struct inflight *inflight, const struct request *request)
{
	return map_put(&inflight->told, key_of(request), request->ring);
}

/* Whether the cancelling request `entry`, which acts on `file`, means this one. */
static bool means(const struct ring_entry *entry, const struct file *file, const struct request *request)
{
	if (entry->op != OP_ASYNC_CANCEL)
		return request->user_data == entry->extra;
	if (entry->op_flags & CANCEL_ANY)
		return true;
	if (entry->op_flags & CANCEL_FD)
		return !file || request->file == file;
	return request->user_data == entry->extra;
}

static int follow_cancel(struct inflight *inflight, const struct touch *touch, const struct ring_entry *entry)
{
	int r = 0;

	if (entry->op != OP_ASYNC_CANCEL && (entry->op != OP_POLL_REMOVE || entry->length))
		return 0;
	for (struct request *request = touch->request ? touch->request->ring->pending : NULL;
	     request && r == 0; request = request->ring_next)
		if (request != touch->request && means(entry, touch->file, request))
			r = tell(inflight, request);
	return r;
}

static int add_doubt(struct inflight *inflight, const struct judge *judge, const struct rule *rule,
		     const struct request *request)
{
	uint64_t now = world_now(judge_world(judge));
	struct doubt *doubts =
	    array_grow(inflight->doubts, inflight->count, &inflight->capacity, sizeof *doubts);
	struct doubt *doubt;

	if (!doubts)
		return -ENOMEM;
	inflight->doubts = doubts;
	doubt = &doubts[inflight->count++];
	*doubt = (struct doubt){
	    .finding = finding_make(judge, rule),
	    .ring = request->ring,
	    .number = request->number,
	    .due = now + judge_window(judge, LIMIT_RING_WINDOW),
	};
	finding_about(&doubt->finding, judge, request->file);
	doubt->finding.from = request->submitted;
	doubt->finding.to = doubt->due;
	return 0;
}

/* Requests that wait for the peer: they do not end by themselves. */
static bool waits(const struct request *request)
{
	enum call_class class = ring_op_class(request->op);

	return class == CLASS_READ || class == CLASS_ACCEPT || request->op == OP_POLL_ADD;
}

static bool is_socket(const struct file *file)
{
	return file->kind == FILE_CONN || file->kind == FILE_LISTENER || file->kind == FILE_OUTGOING;
}

static int follow_close(struct inflight *inflight, const struct judge *judge, const struct file *file)
{
	int r = 0;

	if (!is_socket(file) || (file->shut_read && file->shut_write))
		return 0;
	for (const struct request *request = file->requests; request && r == 0; request = request->file_next)
		if (waits(request) && !is_told(inflight, request) && !request->ring->hides)
			r = add_doubt(inflight, judge, &rules[CLOSE_IN_FLIGHT], request);
	return r;
}

/* Polls for different events may stand side by side. */
static bool is_same(const struct request *one, const struct request *other)
{
	return other != one && other->multishot && other->ring == one->ring && other->op == one->op &&
	       (one->op != OP_POLL_ADD || other->length == one->length);
}

static int follow_submit(struct inflight *inflight, const struct judge *judge, const struct request *request)
{
	if (!request || !request->file || !request->multishot || !waits(request) || request->ring->hides)
		return 0;
	for (const struct request *other = request->file->requests; other; other = other->file_next)
		if (is_same(request, other) && !is_told(inflight, other))
			return add_doubt(inflight, judge, &rules[MULTISHOT_TWICE], other);
	return 0;
}

static int confirm(struct judge *judge, struct doubt *doubt, const struct request *request)
{
	struct finding *finding = &doubt->finding;
	bool twice = finding->rule == &rules[MULTISHOT_TWICE];
	char who[FACTS_WHO];

	facts_who(finding, who, sizeof who);
	if (twice)
		(void)snprintf(finding->message, sizeof finding->message,
			       "%s: multishot %s armed again while the one before (request %llu) was still "
			       "armed",
			       who, ring_op_name(request->op), (unsigned long long)request->number);
	else
		(void)snprintf(finding->message, sizeof finding->message,
			       "%s: closed while %s (request %llu) was in flight; %.2f s later it is neither "
			       "completed nor cancelled, and holds the socket open",
			       who, ring_op_name(request->op), (unsigned long long)request->number,
			       clock_seconds(doubt->due - finding->at));
	return judge_report(judge, finding);
}

/* Awake it may still be about to cancel what it has closed. */
static bool may_conclude(const struct judge *judge, const struct doubt *doubt)
{
	return doubt->finding.rule == &rules[MULTISHOT_TWICE] || world_asleep(judge_world(judge));
}

/* Looks again at what is due by now. */
static int settle(struct inflight *inflight, struct judge *judge, uint64_t now)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < inflight->count; i++) {
		struct doubt *doubt = &inflight->doubts[i];
		const struct request *request = map_get(&doubt->ring->by_number, doubt->number);

		if (!request || doubt->ring->hides || is_told(inflight, request))
			continue;
		if (doubt->due > now || !may_conclude(judge, doubt))
			inflight->doubts[kept++] = *doubt;
		else if (r == 0)
			r = confirm(judge, doubt, request);
	}
	inflight->count = kept;
	return r;
}

static int follow_ring(struct inflight *inflight, struct judge *judge, const struct event *event)
{
	const struct touch *touch = world_touch(judge_world(judge));
	const struct ring_entry *entry = event_ring(event);
	int r;

	if (!entry)
		return 0;
	if (event->what == RING_COMPLETE) {
		if (touch->request && !(entry->cqe_flags & RING_F_MORE))
			(void)map_remove(&inflight->told, key_of(touch->request));
		return 0;
	}
	r = follow_cancel(inflight, touch, entry);
	return r == 0 ? follow_submit(inflight, judge, touch->request) : r;
}

/* io_uring_register cancels and waits for it: whom, is not in the journal. */
static int follow_sync_cancel(struct inflight *inflight, const struct touch *touch)
{
	int r = 0;

	for (struct request *request = touch->file ? touch->file->pending : NULL; request && r == 0;
	     request = request->ring_next)
		r = tell(inflight, request);
	return r;
}

static int inflight_before(struct judge *judge, void *state, const struct event *event)
{
	struct inflight *inflight = state;

	if (inflight->count > 0 && !facts_free(inflight->facts, event->at, 0))
		inflight->count = 0; /* asked to stop, or frozen: nothing follows from what it does not do */
	return inflight->count > 0 ? settle(inflight, judge, event->at) : 0;
}

static int inflight_event(struct judge *judge, void *state, const struct event *event)
{
	struct inflight *inflight = state;
	const struct touch *touch = world_touch(judge_world(judge));
	int r = event->kind == EV_RING ? follow_ring(inflight, judge, event) : 0;

	if (r == 0 && event->kind == EV_CALL && event->what == CALL_io_uring_register &&
	    event->arg[0] == REGISTER_CANCEL)
		r = follow_sync_cancel(inflight, touch);
	if (r == 0 && touch->last_close && touch->file)
		r = follow_close(inflight, judge, touch->file);
	return r;
}

static void inflight_release(void *state)
{
	struct inflight *inflight = state;

	map_free(&inflight->told);
	free(inflight->doubts);
}

static bool inflight_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return !contents->kinds[EV_RING] && !contents->classes[CLASS_RING] && !contents->kinds[EV_FOUND];
}

const struct rule_family inflight_family = {
    .name = "inflight",
    .rules = rules,
    .rule_count = sizeof rules / sizeof *rules,
    .state_size = sizeof(struct inflight),
    .silent = inflight_silent,
    .begin = facts_begin,
    .before_kinds = KINDS_ALL,
    .before = inflight_before,
    .kinds = KIND(EV_RING) | KIND(EV_CALL),
    .classes = CLASS(CLASS_RING) | CLASS(CLASS_CLOSE),
    .event = inflight_event,
    .release = inflight_release,
};
