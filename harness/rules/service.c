/* SPDX-License-Identifier: MIT */
/* The canary's complaints: who else is not served while somebody misbehaves, and afterwards. */
#include <stdio.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/names.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

enum { UNSERVED, NO_RECOVERY };

static const struct rule rules[] = {
    [UNSERVED] =
	{
	    .id = "unserved",
	    .severity = SEVERITY_ERROR,
	    .doc = "while the fault lasts a healthy client gets no right answer",
	    .why = "One misbehaving connection must not cost the others anything. A healthy client that "
		   "waits, is cut off or gets wrong bytes while somebody else misbehaves is an outage that "
		   "any client can cause.",
	    .how = "A healthy peer (the canary) keeps asking while the scenario runs, on a kept and on "
		   "fresh connections, each request with a token of its own. The rule is broken when one of "
		   "its requests got no answer within 2 s, a part of one, a wrong one, or the connection "
		   "was refused. Time that the target's threads and ours waited for a CPU meanwhile is "
		   "added to the 2 s, 6 s at most. It had been served before. It is silent while the target "
		   "is stopped by a "
		   "signal of ours, while fds are short or their limit lowered (a kept connection must be "
		   "served even then), when a call on the canary's own connection or accept was made to "
		   "fail, or cut short under edge triggering, when the handshake itself was lost (backlog), "
		   "and when the target died (another rule says so).",
	    .mend = "Find what the loop does meanwhile: `wringer run --keep` leaves the time line. Usual "
		    "causes: a spin on the bad connection, a blocking call in the loop, an accept that gave "
		    "up, a lock held while writing to a slow peer.",
	    .seen = "",
	    .symptom = true,
	},
    [NO_RECOVERY] =
	{
	    .id = "no-recovery",
	    .severity = SEVERITY_ERROR,
	    .doc = "after the fault is over the target does not serve as before, or keeps what the fault "
		   "cost",
	    .why = "Faults pass; a server that needs a restart afterwards turns a moment's trouble into an "
		   "outage that lasts until somebody notices.",
	    .how = "When the fault is over and every misbehaving peer has gone, a fresh connection asks "
		   "what it asked in the control run. The rule is broken when that request is refused, cut, "
		   "wrong, or not answered within 2 s (longer on a busy machine, as for unserved); or when, "
		   "once quiet, at least four fds and half as "
		   "many as there were ended peers are open beyond those of the control run and no leak "
		   "rule can name them. CPU that does not come back is judged by the spins and busy-poll. "
		   "It is silent when the target died (another rule says so), is stopped, or still has its "
		   "fd limit lowered.",
	    .mend = "What was switched off because of the fault has to be switched on again: a listener "
		    "paused after EMFILE, a counter of connections not decremented on an error path, a "
		    "worker that never came back.",
	    .seen = "memcached a0e4a7563",
	    .symptom = true,
	},
};

struct complaint {
	struct finding finding;
	uint64_t count;
};

/* Peers of the scenario that are forgotten by now. */
struct former {
	uint64_t long_gone, others; /* ended for at least the window; not by FIN or reset */
	uint64_t *ends;		    /* of those that ended since */
	size_t count, capacity, most;
};

#define ENDS_LEAST 256 /* before anybody looks which of them are long gone */

struct service {
	const struct facts *facts; /* first: facts_begin */
	struct former former;
	struct complaint complaints[2]; /* by rule, the first of each */
	uint64_t served_before;		/* answers before the fault began */
	uint64_t base_fds, base_conns, base_processes;
};

/* When the request that now failed was begun. */
static uint64_t begun(const struct diary_page *page)
{
	return page->request_at > page->answer_at ? page->request_at
	       : page->answer_at		  ? page->answer_at
						  : page->begun_at;
}

/* Whether fds were short meanwhile, so that new connections may have to wait. */
static bool fds_were_short(const struct service *service, const struct judge *judge, uint64_t since)
{
	const struct hand *hand = &service->facts->hand;
	uint64_t grace = judge_window(judge, LIMIT_UNSERVED_WINDOW);

	if (hand->limits || (hand->limit_lifted && hand->limit_lifted + grace > since))
		return true;
	return hand->fds_short && hand->fds_short + grace > since;
}

static bool waited_in_vain(const struct event *event)
{
	return event->what == PEER_UNANSWERED && event->arg[0];
}

/* Whether what happened to the canary can be put down to what we did to the target, not to the target. */
static bool is_excused(const struct service *service, const struct judge *judge, const struct peer_view *peer,
		       const struct event *event, uint64_t since)
{
	const struct hand *hand = &service->facts->hand;
	uint64_t window = judge_window(judge, LIMIT_UNSERVED_WINDOW);
	uint64_t grace = since > window ? since - window : 0;
	bool kept = peer->conn && peer->answers;

	if (hand->stop_asked || hand->frozen)
		return true;
	if (hand->thawed > since && (hand->thawed + window > event->at || !waited_in_vain(event)))
		return true;
	/* Our timer may end a little before the journal's clock says so; much later than the patience and
	 * what was added to it, and the machine did not let anyone run. */
	if (waited_in_vain(event) && (event->at - since < window - window / 8 ||
				      event->at - since > window + window / 4 + event->arg[1]))
		return true;
	if (!peer->connected && event->what != PEER_REFUSED)
		return true;
	if (event->what != PEER_WRONG && (hand_spoilt(hand, peer->conn) || hand_starved(hand, peer->conn)))
		return true;
	if (fds_were_short(service, judge, since) || hand->limited_from_start)
		return !(kept && waited_in_vain(event));
	return hand->accept_bent > grace || hand->other_bent > grace;
}

static void describe(struct finding *finding, const struct event *event, uint64_t since)
{
	char who[FACTS_WHO], what[160];
	const char *text = event->size && event->data ? event->data : "";
	const char *code = event->ret < 0 ? errno_name((int)event->ret) : NULL;

	(void)facts_who(finding, who, sizeof(who));
	switch ((int)event->what) {
	case PEER_REFUSED:
		(void)snprintf(what, sizeof(what), "could not connect (%s)", code ? code : "refused");
		break;
	case PEER_CUT:
		(void)snprintf(what, sizeof(what), "was cut off after %llu bytes of its answer",
			       (unsigned long long)event->arg[0]);
		break;
	case PEER_WRONG:
		(void)snprintf(what, sizeof(what), "got a wrong answer: %.*s",
			       event->size < 120 ? (int)event->size : 120, text);
		break;
	default:
		(void)snprintf(what, sizeof(what), "%s after %.2f s",
			       event->arg[0] ? "had no answer" : "was closed without an answer",
			       clock_seconds(event->at - since));
		break;
	}
	(void)snprintf(finding->message, sizeof(finding->message), "a healthy client, %s, %s", who, what);
}

static void complain(struct judge *judge, struct service *service, const struct event *event)
{
	const struct world *world = judge_world(judge);
	const struct peer_view *peer = world_touch(world)->peer;
	const struct diary_page *page = diary_page(&service->facts->diary, event->peer);
	uint64_t since = begun(page), recovery = world_mark_time(world, MARK_RECOVERY);
	struct complaint *complaint;
	struct finding finding;
	int which;

	if (!world_mark_time(world, MARK_FAULT) || !service->served_before || !peer)
		return;
	which = recovery && since >= recovery ? NO_RECOVERY : UNSERVED;
	if (is_excused(service, judge, peer, event, since))
		return;
	complaint = &service->complaints[which];
	if (complaint->count++)
		return;
	finding = finding_make(judge, &rules[which]);
	if (peer->conn)
		finding_about(&finding, judge, peer->conn);
	finding_of_peer(&finding, peer);
	finding.from = since;
	describe(&finding, event, since);
	complaint->finding = finding;
}

static uint64_t fds_of(const struct ground *ground)
{
	uint64_t fds = 0;

	for (size_t i = 0; i < ground->process_count; i++)
		fds += ground->processes[i].fds;
	return fds;
}

static void sort_ends(struct former *former, uint64_t long_ago)
{
	size_t kept = 0;

	for (size_t i = 0; i < former->count; i++) {
		if (former->ends[i] <= long_ago)
			former->long_gone++;
		else
			former->ends[kept++] = former->ends[i];
	}
	former->count = kept;
	former->most = 2 * kept;
}

/* Without memory for it the peer counts as one whose connection may be there. */
static void remember_end(struct former *former, const struct judge *judge, uint64_t ended_at)
{
	uint64_t now = world_now(judge_world(judge)), window = judge_window(judge, LIMIT_LEAK_WINDOW);
	uint64_t *ends;

	if (former->count >= ENDS_LEAST && former->count >= former->most)
		sort_ends(former, now > window ? now - window : 0);
	ends = array_grow(former->ends, former->count, &former->capacity, sizeof(*ends));
	if (!ends) {
		former->others++;
		return;
	}
	former->ends = ends;
	ends[former->count++] = ended_at;
}

/* Peers of the scenario: those long gone, and those whose connections may still be there. */
static void count_peers(const struct judge *judge, const struct former *former, uint64_t now,
			uint64_t *ret_gone, uint64_t *ret_there)
{
	const struct world *world = judge_world(judge);
	uint64_t window = judge_window(judge, LIMIT_LEAK_WINDOW);
	const struct peer_view *peer;
	size_t at = 0;

	*ret_gone = former->long_gone;
	*ret_there = former->others;
	for (size_t i = 0; i < former->count; i++)
		*(former->ends[i] + window <= now ? ret_gone : ret_there) += 1;
	while ((peer = world_next_peer(world, &at))) {
		bool ended = (peer->fin || peer->reset) && peer->ended_at + window <= now;

		if (peer->canary || peer->began < world_mark_time(world, MARK_FAULT))
			continue;
		*(ended ? ret_gone : ret_there) += 1;
	}
}

/*
 * Numbers of connections that the trace shows open (one may have two: dup, for reading and for writing):
 * whether these should be is for the leak rules to say. Those the
 * target made itself are a proxy's pool, kept for the next request and no peer's; the ends of them that
 * another of its processes accepted are counted with the others.
 */
static uint64_t conns_of(const struct world *world)
{
	const struct file *file;
	uint64_t conns = 0;
	size_t at = 0;

	while ((file = world_next_file(world, &at)))
		if ((file->kind == FILE_CONN || file->kind == FILE_OUTGOING) && !file->closed)
			conns += file->refs > 1 ? file->refs : 1;
	return conns;
}

/* Fds beyond those of the control run that no leak rule could name: connections the trace does not show. */
static int judge_fds(struct judge *judge, const struct service *service)
{
	const struct ground *ground = &service->facts->ground;
	uint64_t fds = fds_of(ground), conns = conns_of(judge_world(judge)), gone, there, more;
	struct finding finding;

	count_peers(judge, &service->former, ground->began, &gone, &there);
	if (conns > service->base_conns && conns - service->base_conns > there)
		there = conns - service->base_conns;
	if (!service->base_fds || service->base_processes != ground->process_count ||
	    !facts_at_rest(service->facts, judge) || fds <= service->base_fds + there)
		return 0;
	more = fds - service->base_fds - there;
	if (more < LIMIT_RECOVERY_FDS || more * 2 < gone || !gone || judge_broken(judge, "fin-leak") ||
	    judge_broken(judge, "reset-leak") || judge_broken(judge, "fd-growth"))
		return 0;
	finding = finding_make(judge, &rules[NO_RECOVERY]);
	finding.at = ground->began;
	finding.count = more;
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%llu fds are open where the control run had %llu, although %llu peers are long gone "
		       "and %llu are left",
		       (unsigned long long)fds, (unsigned long long)service->base_fds,
		       (unsigned long long)gone, (unsigned long long)there);
	return judge_report(judge, &finding);
}

static int judge_round(struct judge *judge, struct service *service)
{
	const struct ground *ground = &service->facts->ground;

	if (ground->phase == MARK_BASE) {
		service->base_fds = fds_of(ground);
		service->base_conns = conns_of(judge_world(judge));
		service->base_processes = ground->process_count;
	}
	return ground->phase == MARK_QUIET ? judge_fds(judge, service) : 0;
}

static bool is_complaint(const struct event *event)
{
	if (event->kind != EV_PEER || !(event->flags & EVF_CANARY))
		return false;
	return event->what == PEER_UNANSWERED || event->what == PEER_CUT || event->what == PEER_WRONG ||
	       event->what == PEER_REFUSED;
}

static int service_round(struct judge *judge, void *state)
{
	return judge_round(judge, state);
}

static int service_event(struct judge *judge, void *state, const struct event *event)
{
	struct service *service = state;

	if (event->kind == EV_MARK && event->what == MARK_FAULT) {
		service->served_before = service->facts->diary.canary_answers;
		service->former.long_gone = service->former.others = service->former.count = 0;
	}
	if (is_complaint(event))
		complain(judge, service, event);
	return 0;
}

static void service_parting(struct judge *judge, void *state, const struct peer_view *peer)
{
	struct service *service = state;

	if (peer->canary || peer->began < world_mark_time(judge_world(judge), MARK_FAULT))
		return;
	if (peer->fin || peer->reset)
		remember_end(&service->former, judge, peer->ended_at);
	else
		service->former.others++;
}

static void service_release(void *state)
{
	free(((struct service *)state)->former.ends);
}

static int service_finish(struct judge *judge, void *state)
{
	struct service *service = state;
	int r = 0;

	if (facts_died(judge))
		return 0;
	for (size_t i = 0; i < 2 && r == 0; i++) {
		struct complaint *complaint = &service->complaints[i];

		if (!complaint->count)
			continue;
		complaint->finding.count = complaint->count;
		r = judge_report(judge, &complaint->finding);
	}
	return r;
}

const struct rule_family service_family = {
    .name = "service",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct service),
    .begin = facts_begin,
    .round = service_round,
    .kinds = KIND(EV_MARK) | KIND(EV_PEER),
    .event = service_event,
    .parting = service_parting,
    .finish = service_finish,
    .release = service_release,
};
