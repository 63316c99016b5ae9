/* SPDX-License-Identifier: MIT */
/*
 * Requests that were read and forgotten: nothing waits in the socket, nothing is on its way, the target
 * sleeps, and the peer gave up waiting.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/clock.h"
#include "model/promise.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

static const struct rule rules[] = {
    {
	.id = "request-forgotten",
	.severity = SEVERITY_ERROR,
	.by_absence = true,
	.doc = "a request was read whole and is never answered, although the target sleeps and serves others",
	.why = "The bytes are in the server's own buffer, so the kernel has nothing left to report: no event "
	       "will ever bring the server back to them. The client waits for its answer, the server for the "
	       "client, until one of them times out. It takes requests that arrive together (pipelining, a "
	       "slow moment), so tests with one request at a time pass.",
	.how =
	    "A peer waited for the answer to a whole request in vain (2 s or more, not a byte of it came), "
	    "and when the case is quiet the target has read every byte of the peer, the peer every byte of "
	    "the target, nothing waits in the socket or is unacknowledged, the last write was whole, every "
	    "thread sleeps, and nobody touched the connection for 0.3 s (no thread has a time-out), 1 s "
	    "(short time-outs) or 3 s (a timer may still come). A healthy client was served since. It is "
	    "silent for peers that misbehaved otherwise (half-closed, stalled, ended, urgent data), where "
	    "the target ended the connection, made connections of its own (an upstream may be slow) or "
	    "died, where a call on the connection or on something else than a connection was made to "
	    "fail, while fds are short, and where the answer waits for room (write-not-armed says so).",
	.mend =
	    "After each answer look whether the buffer holds the next whole request, before waiting for "
	    "the socket again; the same when output that had been stuck is out. Where work is handed to a "
	    "queue, wake its reader whenever it may not be empty.",
	.seen = "cpp-httplib #1271; darkhttpd #7; vert.x #1126",
    },
};

struct suspect {
	int32_t peer;
	uint64_t asked_at, gave_up_at;
};

struct forgotten {
	const struct facts *facts; /* first: facts_begin */
	struct map odd;		   /* peers whose bytes are not just requests and answers */
	struct suspect *suspects;
	size_t count, capacity;
	struct finding *findings;
	size_t finding_count, finding_capacity;
};

static int suspect(struct forgotten *forgotten, const struct event *event)
{
	const struct diary_page *page = diary_page(&forgotten->facts->diary, event->peer);
	struct suspect *suspects = array_grow(forgotten->suspects, forgotten->count, &forgotten->capacity,
					      sizeof(*forgotten->suspects));

	if (!suspects)
		return -ENOMEM;
	forgotten->suspects = suspects;
	suspects[forgotten->count++] = (struct suspect){event->peer, page->request_at, event->at};
	return 0;
}

static int forgotten_event(struct judge *judge, void *state, const struct event *event)
{
	struct forgotten *forgotten = state;
	struct peer_view *peer = world_touch(judge_world(judge))->peer;

	if (!peer || peer->canary)
		return 0;
	if (event->what == PEER_OOB || event->what == PEER_WRONG || event->what == PEER_CUT)
		return map_put(&forgotten->odd, (uint32_t)peer->id, peer);
	return event->what == PEER_UNANSWERED && event->arg[0] ? suspect(forgotten, event) : 0;
}

/* The target has connections of its own: what it waits for may be somebody else's to give. */
static bool asks_others(const struct world *world)
{
	const struct file *file;
	size_t at = 0;

	while ((file = world_next_file(world, &at)))
		if (file->kind == FILE_OUTGOING && !file->closed)
			return true;
	return false;
}

/* Whether the peer did nothing but ask, and the connection stands: at that time, as what ends the round is in
 * the world already. */
static bool is_plain(const struct forgotten *forgotten, const struct peer_view *peer, uint64_t now)
{
	const struct file *conn = peer->conn;

	return conn && (!conn->closed || conn->closed > now) && (!peer->ended_at || peer->ended_at > now) &&
	       (!peer->half_closed || peer->half_closed_at > now) && !peer->stalled && !peer->got_fin &&
	       !peer->got_rst && !map_get(&forgotten->odd, (uint32_t)peer->id);
}

/* Our doing, since the peer came. */
static bool is_ours(const struct hand *hand, const struct peer_view *peer)
{
	return hand->limits || hand->limited_from_start || hand->fds_short > peer->began ||
	       hand->other_bent > peer->began || hand_spoilt(hand, peer->conn) ||
	       hand_starved(hand, peer->conn);
}

/* Whether all that was said has arrived, both ways, and nothing is on its way. */
static bool is_still(const struct peer_view *peer, const struct ground_fd *fd)
{
	const struct file *conn = peer->conn;

	return !fd->waiting && !fd->unacked && conn->bytes_in >= peer->sent &&
	       conn->bytes_out <= peer->received && !conn->shut_read && !conn->shut_write &&
	       !conn->read_error && !conn->write_error &&
	       !promise_met_full(conn->last_write, conn->last_write_asked);
}

static int judge_suspect(struct judge *judge, struct forgotten *forgotten, const struct suspect *suspect,
			 uint64_t patience)
{
	const struct world *world = judge_world(judge);
	const struct facts *facts = forgotten->facts;
	const struct peer_view *peer = world_peer(world, suspect->peer);
	const struct diary_page *page = diary_page(&facts->diary, suspect->peer);
	char who[FACTS_WHO];

	if (!peer || !peer->conn || page->received_at > suspect->gave_up_at ||
	    page->request_at != suspect->asked_at || facts->diary.canary_answer_at <= suspect->asked_at)
		return 0;
	const struct ground_fd *fd = ground_find(&facts->ground, peer->conn);
	uint64_t touched = peer->conn->touched > page->sent_at ? peer->conn->touched : page->sent_at;
	if (!fd || touched + patience > fd->at || !is_plain(forgotten, peer, fd->at) || !is_still(peer, fd) ||
	    is_ours(&facts->hand, peer))
		return 0;
	struct finding finding = finding_make(judge, &rules[0]);
	finding_about(&finding, judge, peer->conn);
	finding.at = touched + patience;
	finding.from = suspect->asked_at < touched ? suspect->asked_at : touched;
	finding.to = fd->at;
	finding.count = peer->requests - peer->answers;
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%s: %llu requests were read whole and %llu answered; nothing is under way on the "
		       "connection, and the target has not touched it for %.2f s",
		       facts_who(&finding, who, sizeof(who)), (unsigned long long)peer->requests,
		       (unsigned long long)peer->answers, clock_seconds(fd->at - touched));
	struct finding *findings = array_grow(forgotten->findings, forgotten->finding_count,
					      &forgotten->finding_capacity, sizeof(*findings));
	if (!findings)
		return -ENOMEM;
	forgotten->findings = findings;
	findings[forgotten->finding_count++] = finding;
	return 0;
}

static int forgotten_round(struct judge *judge, void *state)
{
	struct forgotten *forgotten = state;
	const struct ground *ground = &forgotten->facts->ground;
	const struct world *world = judge_world(judge);
	uint64_t patience = 0;
	int r = 0;

	if (!forgotten->count)
		return 0;
	if (ground->phase == MARK_QUIET && facts_at_rest(forgotten->facts, judge) && !asks_others(world) &&
	    !ground_busy(ground, world))
		patience = ground_patience(ground, judge, NULL);
	for (size_t i = 0; patience && i < forgotten->count && r == 0; i++)
		r = judge_suspect(judge, forgotten, &forgotten->suspects[i], patience);
	return r;
}

/* What explains it: a registration that was lost, a write that waits. */
static bool is_explained(const struct judge *judge)
{
	static const char *const others[] = {"oneshot-lost", "write-not-armed", "write-lost",
					     "ctl-error-orphan", "loop-blocked"};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (judge_broken(judge, others[i]))
			return true;
	return facts_died(judge);
}

static int forgotten_finish(struct judge *judge, void *state)
{
	struct forgotten *forgotten = state;
	int r = 0;

	if (forgotten->facts->ground.open)
		r = forgotten_round(judge, state);
	for (size_t i = 0; i < forgotten->finding_count && r == 0 && !is_explained(judge); i++)
		r = judge_report(judge, &forgotten->findings[i]);
	return r;
}

static bool forgotten_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return !contents->given_up;
}

/* Who is gone is not kept waiting. */
static void forgotten_parting(struct judge *judge, void *state, const struct peer_view *peer)
{
	struct forgotten *forgotten = state;
	size_t kept = 0;

	(void)judge;
	(void)map_remove(&forgotten->odd, (uint32_t)peer->id);
	for (size_t i = 0; i < forgotten->count; i++)
		if (forgotten->suspects[i].peer != peer->id)
			forgotten->suspects[kept++] = forgotten->suspects[i];
	forgotten->count = kept;
}

static void forgotten_release(void *state)
{
	struct forgotten *forgotten = state;

	map_free(&forgotten->odd);
	free(forgotten->suspects);
	free(forgotten->findings);
}

const struct rule_family forgotten_family = {
    .name = "forgotten",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct forgotten),
    .begin = facts_begin,
    .round = forgotten_round,
    .kinds = KIND(EV_PEER),
    .event = forgotten_event,
    .silent = forgotten_silent,
    .parting = forgotten_parting,
    .finish = forgotten_finish,
    .release = forgotten_release,
};
