/* SPDX-License-Identifier: MIT */
/*
 * Connections that nothing will ever end. That a target has no timer is seen without waiting for one: it goes
 * to sleep for ever while it holds the connection.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

enum { SLOW_HEADER, VANISHED_PEER };

static const struct rule rules[] = {
    [SLOW_HEADER] =
	{
	    .id = "slow-header",
	    .severity = SEVERITY_WARNING,
	    .by_absence = true,
	    .doc = "half a request has come, and no timer will ever end the wait for the rest",
	    .why = "A peer that sends a request byte by byte, or half of one and then nothing, holds a "
		   "connection for as long as it likes and pays nothing for it. A few thousand of them and "
		   "nobody else gets in. Keep-alive does not help: the peer is there and answers it.",
	    .how = "While a peer has sent part of a request, and the target has read what came, every thread "
		   "of the process that holds the connection goes to sleep without a time-out, three times "
		   "or more. So nothing but the peer itself can wake it for this connection. Any time-out, "
		   "a timerfd, alarm, setitimer or timer_settime, a thread that rests where it is not seen, "
		   "and an io_uring, may be the timer, and then nothing is said. Only for protocols with "
		   "a head that can be unfinished, and not for bodies.",
	    .mend =
		"Give each connection a moment by which the head of its request must be whole, set when "
		"the first byte comes and not renewed by the next one, and let the wait's time-out be the "
		"nearest of them.",
	    .seen = "node #33440",
	},
    [VANISHED_PEER] =
	{
	    .id = "vanished-peer",
	    .severity = SEVERITY_WARNING,
	    .by_absence = true,
	    .doc = "a peer vanished without a word, and nothing will ever tell the target",
	    .why = "A cable that is pulled and a phone that leaves its network send no FIN. The connection "
		   "stays open on the server's side, an fd and its buffers with it, until the server is "
		   "started again. They add up.",
	    .how = "A peer is gone without a packet; its connection is open, nothing that was sent to it is "
		   "unacknowledged (else TCP itself gives up after a while), the socket says that it has "
		   "neither SO_KEEPALIVE nor TCP_USER_TIMEOUT, and every thread of the process that holds it "
		   "sleeps without a time-out. Any time-out, timer, unseen thread or io_uring may be the "
		   "timer, and then nothing is said.",
	    .mend = "setsockopt(SO_KEEPALIVE) with TCP_KEEPIDLE of a minute or so, on the listener once for "
		    "all of its connections, or an idle timer of your own.",
	    .seen = "redis 124a635bc",
	},
};

struct patience {
	const struct facts *facts; /* first: facts_begin */
	struct map halves; /* peer -> how often the target slept for ever on half a request, as a pointer */
	bool timers;	   /* alarm and kin were called, or a ring is there */
	struct finding slow;
	uint64_t slow_peers;
};

/* Calls that may be, or set, the timer we do not see in the waits. */
static bool sets_timer(const struct event *event)
{
	switch ((int)event->what) {
	case CALL_alarm:
	case CALL_setitimer:
	case CALL_timer_settime:
	case CALL_io_uring_setup:
		return true;
	case CALL_setsockopt:
		return event->arg[0] == SOL_SOCKET && event->arg[1] == SO_RCVTIMEO && event->arg[2];
	default:
		return false;
	}
}

static bool any_timerfd(const struct world *world)
{
	const struct file *file;
	size_t at = 0;

	while ((file = world_next_file(world, &at)))
		if (file->kind == FILE_TIMERFD && !file->closed)
			return true;
	return false;
}

/*
 * Whether every thread that could end this connection went to sleep for ever, since then. Of the processes
 * that hold it, when only one does; of all of them else.
 */
static bool sleeps_for_ever(const struct patience *patience, const struct world *world,
			    const struct file *file, uint64_t since)
{
	const struct thread *thread;
	bool any = false;
	int32_t pid, fd;
	size_t at = 0;

	if (patience->timers || any_timerfd(world) || world_locate(world, file, &pid, &fd) < 0)
		return false;
	while ((thread = world_next_thread(world, &at))) {
		if (!thread->alive || (file->refs == 1 && thread->process->pid != pid))
			continue;
		if (thread->waiting == CALL_unknown || thread->wait_timeout != UINT64_MAX ||
		    thread->wait_since < since)
			return false;
		any = true;
	}
	return any;
}

/* Protocols in which a message has no head that could stay unfinished offer nothing to judge. */
static bool has_heads(const struct world *world)
{
	const char *protocol = world_meta(world, "protocol");

	return !protocol || (strcmp(protocol, "echo") != 0 && strcmp(protocol, "tcp") != 0);
}

/* A peer sends; before it did, what was the target doing about the part of a request it had read? */
static int judge_half(struct judge *judge, struct patience *patience, const struct event *event)
{
	const struct world *world = judge_world(judge);
	const struct peer_view *peer = world_touch(world)->peer;
	const struct diary_page *page = diary_page(&patience->facts->diary, event->peer);
	const struct file *conn = peer ? peer->conn : NULL;
	uintptr_t times;
	char who[FACTS_WHO];

	if (!conn || conn->closed || peer->canary || peer->requests || !conn->bytes_in || peer->half_closed ||
	    conn->bytes_out || !has_heads(world) || !page->sent_at || patience->facts->hand.stop_asked ||
	    hand_spoilt(&patience->facts->hand, conn) ||
	    !sleeps_for_ever(patience, world, conn, conn->last_read_at))
		return 0;
	times = (uintptr_t)map_get(&patience->halves, (uint32_t)peer->id) + 1;
	if (times == LIMIT_PATIENCE_SLEEPS && !patience->slow_peers++) {
		patience->slow = finding_make(judge, &rules[SLOW_HEADER]);
		finding_about(&patience->slow, judge, conn);
		patience->slow.from = conn->opened;
		patience->slow.to = event->at;
		(void)snprintf(patience->slow.message, sizeof(patience->slow.message),
			       "%s: %llu bytes of a request in %.2f s, the rest is missing, and every thread "
			       "sleeps without a time-out: no timer will end this",
			       facts_who(&patience->slow, who, sizeof(who)),
			       (unsigned long long)conn->bytes_in, clock_seconds(event->at - conn->opened));
	}
	return map_put(&patience->halves, (uint32_t)peer->id, (void *)times);
}

static int judge_vanished(struct judge *judge, const struct patience *patience, const struct peer_view *peer)
{
	const struct world *world = judge_world(judge);
	const struct file *conn = peer->conn;
	const struct ground_fd *probed = conn ? ground_find(&patience->facts->ground, conn) : NULL;
	struct finding finding;
	char who[FACTS_WHO];

	if (!peer->vanished || !probed || conn->closed || conn->shut_write || probed->unacked ||
	    probed->guarded || probed->state != TCP_ESTABLISHED || !sleeps_for_ever(patience, world, conn, 0))
		return 0;
	finding = finding_make(judge, &rules[VANISHED_PEER]);
	finding_about(&finding, judge, conn);
	finding.at = probed->at;
	finding.from = peer->ended_at;
	finding.to = probed->at;
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%s: vanished %.2f s ago; the socket has neither keep-alive nor a user timeout, and "
		       "every thread sleeps without a time-out: it is kept for ever",
		       facts_who(&finding, who, sizeof(who)), clock_seconds(probed->at - peer->ended_at));
	return judge_report(judge, &finding);
}

static int judge_round(struct judge *judge, const struct patience *patience)
{
	const struct world *world = judge_world(judge);
	const struct peer_view *peer;
	size_t at = 0;
	int r = 0;

	if (!facts_at_rest(patience->facts, judge) || ground_runs(&patience->facts->ground))
		return 0;
	while (r == 0 && (peer = world_next_peer(world, &at)))
		r = judge_vanished(judge, patience, peer);
	return r;
}

static int patience_round(struct judge *judge, void *state)
{
	return judge_round(judge, state);
}

static int patience_before(struct judge *judge, void *state, const struct event *event)
{
	return event->what == PEER_SEND ? judge_half(judge, state, event) : 0;
}

static int patience_event(struct judge *judge, void *state, const struct event *event)
{
	struct patience *patience = state;

	(void)judge;
	if (event->kind == EV_CALL)
		patience->timers |= sets_timer(event);
	if (event->kind == EV_PROC && event->what == PROC_SIGNAL && event->ret == SIGALRM)
		patience->timers = true;
	return 0;
}

static int patience_finish(struct judge *judge, void *state)
{
	struct patience *patience = state;
	int r = patience->facts->ground.open ? judge_round(judge, patience) : 0;

	if (r < 0 || !patience->slow_peers)
		return r;
	patience->slow.count = patience->slow_peers;
	return judge_report(judge, &patience->slow);
}

static void patience_parting(struct judge *judge, void *state, const struct peer_view *peer)
{
	struct patience *patience = state;

	(void)judge;
	(void)map_remove(&patience->halves, (uint32_t)peer->id);
}

static void patience_release(void *state)
{
	struct patience *patience = state;

	map_free(&patience->halves);
}

const struct rule_family patience_family = {
    .name = "patience",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct patience),
    .begin = facts_begin,
    .round = patience_round,
    .before_kinds = KIND(EV_PEER),
    .before = patience_before,
    .kinds = KIND(EV_CALL) | KIND(EV_PROC),
    .classes = CLASS(CLASS_OTHER) | CLASS(CLASS_OPTION) | CLASS(CLASS_RING),
    .event = patience_event,
    .parting = patience_parting,
    .finish = patience_finish,
    .release = patience_release,
};
