/* SPDX-License-Identifier: MIT */
/* Clients that shut down writing after their request, as `printf … | nc -N` and many proxies do, and still
 * want the answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/clock.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

enum { UNANSWERED, TRUNCATED };

static const struct rule rules[] = {
    [UNANSWERED] =
	{
	    .id = "half-close-unanswered",
	    .severity = SEVERITY_ERROR,
	    .doc = "a whole request followed by shutdown(SHUT_WR) gets no byte of answer",
	    .why = "A FIN says that the client will send nothing more, not that it is gone. A server that "
		   "takes RDHUP, or the end of file it reads, for a dead client throws away requests that "
		   "were received whole. Clients that half-close are rare enough to be missed in tests and "
		   "common enough to be met: netcat, some proxies and health checks, anything that sends a "
		   "request from a pipe.",
	    .how = "The rule is broken when a peer had sent a whole request, shut down its writing side, "
		   "and the connection was then closed or reset, or its patience ended, without one byte of "
		   "that request's answer, while the canary was served before and after. It is silent for "
		   "protocols whose file says that a FIN aborts, for connections never accepted or hit by "
		   "an injected error, closed before the request came or by a timer while the peer did not "
		   "read, when fds were short, and when the "
		   "target died (another rule says so).",
	    .mend = "On end of file note that no more requests will come, but serve the ones that are whole "
		    "and close once their answers are sent. Do not close on EPOLLRDHUP alone; it arrives "
		    "together with the last bytes.",
	    .seen = "Envoy #2067; skynet #50",
	},
    [TRUNCATED] =
	{
	    .id = "half-close-truncated",
	    .severity = SEVERITY_WARNING,
	    .doc = "an answer stops short because the peer shut down its writing side while it was under way",
	    .why = "The client gets a part of its answer and then the end of the connection. Some servers "
		   "do this on purpose, to free resources held for clients that look gone; whoever relies "
		   "on half-closed connections has to know.",
	    .how = "The rule is broken when a peer that shut down writing, and went on reading, got a part "
		   "of an announced answer and then the end of the connection. It is a warning because "
		   "policy differs: nginx cuts, others deliver. Peers that do not read, injected errors, "
		   "and the target's death do not count.",
	    .mend = "Stop reading on end of file, but keep writing until the answer is sent or a write "
		    "fails; only EPIPE, ECONNRESET or EPOLLERR say that nobody is there.",
	    .seen = "nginx ngx_http_test_reading",
	},
};

/* So many of one rule are looked at in the end; of the others their number says enough. */
#define SUSPECTS_KEPT (2 * FINDINGS_PER_RULE)

struct suspect {
	struct finding finding;
	uint64_t half_closed_at;
};

/* Of one rule, those beyond the ones kept. */
struct others {
	uint64_t before, since;			/* the canary's last answer */
	struct finding last_before, last_since; /* one of them */
};

struct halfclose {
	const struct facts *facts; /* first: facts_begin */
	struct map
	    owing; /* peer -> peer_view: it was owed an answer when it shut down, and is not done yet */
	struct suspect *suspects;
	size_t suspect_count, suspect_capacity, kept[sizeof(rules) / sizeof(*rules)];
	struct others others[sizeof(rules) / sizeof(*rules)];
};

/* In the turn in which it was told, however long that took, or soon after. */
static bool in_answer_to(const struct judge *judge, const struct file *conn, uint64_t told)
{
	if (told > conn->closed)
		return false;
	return (conn->closed_turn && conn->closed_turn <= told) ||
	       conn->closed - told <= judge_window(judge, LIMIT_TURN_WINDOW);
}

/*
 * Over before the half-close; or while the peer did not read, and not in answer to anything that the target
 * was told of it since: by an idle timer, say.
 */
static bool closed_for_itself(const struct judge *judge, const struct halfclose *half,
			      const struct peer_view *peer)
{
	const struct diary_page *page = diary_page(&half->facts->diary, peer->id);
	const struct file *conn = peer->conn;
	uint64_t told = conn->reported_at > conn->last_read_at ? conn->reported_at : conn->last_read_at;

	if (!conn->closed || (conn->closed > peer->half_closed_at && conn->closed > page->resumed_at))
		return false;
	return told < peer->half_closed_at || !in_answer_to(judge, conn, told);
}

/* Whether what became of this connection can be put down to the half-close at all. */
static bool may_blame(const struct judge *judge, const struct halfclose *half, const struct peer_view *peer)
{
	const struct world *world = judge_world(judge);
	const struct hand *hand = &half->facts->hand;
	const char *policy = world_meta(world, "half_close");
	size_t at = 0;

	if (policy && strcmp(policy, "aborts") == 0)
		return false;
	if (peer->fin || peer->reset || peer->vanished || peer->stalled || hand->stop_asked || hand->frozen)
		return false;
	/* Not accepted, though we see the target's calls: the request never got there. */
	if (!peer->conn)
		return world_next_process(world, &at) == NULL;
	if (closed_for_itself(judge, half, peer))
		return false;
	return !hand_spoilt(hand, peer->conn) && hand->fds_short <= peer->half_closed_at &&
	       hand->thawed <= peer->half_closed_at;
}

static int remember(struct halfclose *half, const struct peer_view *peer, const struct finding *finding)
{
	ptrdiff_t which = finding->rule - rules;
	struct suspect *suspects;

	if (half->kept[which] == SUSPECTS_KEPT) {
		half->others[which].since++;
		half->others[which].last_since = *finding;
		return 0;
	}
	suspects =
	    array_grow(half->suspects, half->suspect_count, &half->suspect_capacity, sizeof(*suspects));
	if (!suspects)
		return -ENOMEM;
	half->kept[which]++;
	half->suspects = suspects;
	suspects[half->suspect_count++] = (struct suspect){*finding, peer->half_closed_at};
	return 0;
}

static struct finding about(struct judge *judge, const struct rule *rule, const struct peer_view *peer)
{
	struct finding finding = finding_make(judge, rule);

	if (peer->conn)
		finding_about(&finding, judge, peer->conn);
	finding_of_peer(&finding, peer);
	finding.from = peer->half_closed_at;
	return finding;
}

static int follow_unanswered(struct judge *judge, struct halfclose *half, const struct peer_view *peer,
			     const struct event *event)
{
	const struct diary_page *page = diary_page(&half->facts->diary, peer->id);
	bool patience = event->what == PEER_UNANSWERED && event->arg[0];
	struct finding finding;
	char who[FACTS_WHO];

	if (!map_remove(&half->owing, (uint32_t)peer->id))
		return 0;
	if (peer->received > page->received_before || !may_blame(judge, half, peer))
		return 0;
	finding = about(judge, &rules[UNANSWERED], peer);
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%s: a whole request, then SHUT_WR; %.3f s later %s and not a byte of answer had come",
		       facts_who(&finding, who, sizeof(who)), clock_seconds(event->at - peer->half_closed_at),
		       patience			     ? "the peer gave up"
		       : event->what == PEER_GOT_RST ? "the target reset the connection"
						     : "the connection was closed");
	return remember(half, peer, &finding);
}

static int follow_cut(struct judge *judge, struct halfclose *half, const struct peer_view *peer,
		      const struct event *event)
{
	struct finding finding;
	char who[FACTS_WHO], all[48] = "";

	if (!event->arg[0] || !may_blame(judge, half, peer))
		return 0;
	if (event->arg[1])
		(void)snprintf(all, sizeof(all), " of %llu", (unsigned long long)event->arg[1]);
	finding = about(judge, &rules[TRUNCATED], peer);
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%s: the answer ended after %llu%s bytes, %.3f s after the peer's SHUT_WR",
		       facts_who(&finding, who, sizeof(who)), (unsigned long long)event->arg[0], all,
		       clock_seconds(event->at - peer->half_closed_at));
	return remember(half, peer, &finding);
}

static int follow_peer(struct judge *judge, struct halfclose *half, const struct event *event)
{
	struct peer_view *peer = world_touch(judge_world(judge))->peer;

	if (!peer || peer->canary || !peer->half_closed)
		return 0;
	switch ((int)event->what) {
	case PEER_HALF_CLOSE:
		if (peer->requests <= peer->answers)
			return 0;
		return map_put(&half->owing, (uint32_t)peer->id, peer);
	case PEER_ANSWER:
	case PEER_WRONG:
		(void)map_remove(&half->owing, (uint32_t)peer->id);
		return 0;
	case PEER_UNANSWERED:
	case PEER_GOT_RST:
		return follow_unanswered(judge, half, peer, event);
	case PEER_CUT:
		(void)map_remove(&half->owing, (uint32_t)peer->id);
		return follow_cut(judge, half, peer, event);
	default:
		return 0;
	}
}

/* It is served: whoever was not before, was wronged. */
static void follow_canary(struct halfclose *half)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		struct others *others = &half->others[i];

		if (!others->since)
			continue;
		others->before += others->since;
		others->last_before = others->last_since;
		others->since = 0;
	}
}

static int half_event(struct judge *judge, void *state, const struct event *event)
{
	if (event->what == PEER_ANSWER && (event->flags & EVF_CANARY))
		follow_canary(state);
	return follow_peer(judge, state, event);
}

/* The judge only counts what comes behind the first few. */
static int report_others(struct judge *judge, const struct halfclose *half, size_t which)
{
	const struct others *others = &half->others[which];
	bool all = !half->facts->diary.canary_request_at;
	struct finding finding = others->before ? others->last_before : others->last_since;

	finding.count = others->before + (all ? others->since : 0);
	return finding.count ? judge_report(judge, &finding) : 0;
}

static int half_finish(struct judge *judge, void *state)
{
	struct halfclose *half = state;
	const struct diary *diary = &half->facts->diary;
	int r = 0;

	/* A target that is dead, or answers nobody, has worse trouble than half-closed peers. */
	if (facts_died(judge))
		return 0;
	for (size_t i = 0; i < half->suspect_count && r == 0; i++) {
		const struct suspect *suspect = &half->suspects[i];

		if (diary->canary_request_at && diary->canary_answer_at <= suspect->half_closed_at)
			continue;
		r = judge_report(judge, &suspect->finding);
	}
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules) && r == 0; i++)
		r = report_others(judge, half, i);
	return r;
}

static void half_parting(struct judge *judge, void *state, const struct peer_view *peer)
{
	struct halfclose *half = state;

	(void)judge;
	(void)map_remove(&half->owing, (uint32_t)peer->id);
}

static void half_release(void *state)
{
	struct halfclose *half = state;

	map_free(&half->owing);
	free(half->suspects);
}

const struct rule_family halfclose_family = {
    .name = "halfclose",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct halfclose),
    .begin = facts_begin,
    .kinds = KIND(EV_PEER),
    .event = half_event,
    .parting = half_parting,
    .finish = half_finish,
    .release = half_release,
};
