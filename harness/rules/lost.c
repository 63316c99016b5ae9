/* SPDX-License-Identifier: MIT */
/*
 * Edges that were lost: an edge-triggered fd has work waiting, the kernel has said so once and will not say
 * it again, and the target sleeps. Decided on the ground truth: the socket itself was asked how much waits in
 * it.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/names.h"
#include "model/promise.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

enum { EDGE_NOT_DRAINED, ACCEPT_LOST };

static const struct rule rules[] = {
    [EDGE_NOT_DRAINED] =
	{
	    .id = "edge-not-drained",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "bytes wait in an edge-triggered socket while the target sleeps, and no further edge can "
		   "come",
	    .why = "With EPOLLET the kernel reports new bytes once. A server that reads a part of them and "
		   "goes back to epoll_wait is not told about the rest: the client has sent its request, "
		   "the server sits on it, and both wait for each other until one of them times out. It "
		   "shows only with large or pipelined requests, so it passes the tests and fails under "
		   "load.",
	    .how =
		"When the case is quiet every socket is asked how many bytes wait in it (SIOCINQ). The "
		"rule is broken when an accepted connection, registered for EPOLLIN|EPOLLET only (or watched "
		"by a multishot poll of io_uring that is not level-triggered), has "
		"bytes waiting; its last read filled the whole buffer, was interrupted (EINTR), or never "
		"came after the last report; every thread of the target sleeps; and nobody touched the "
		"connection for 0.3 s (no thread has a time-out), 1 s (short time-outs) or 3 s (a timer "
		"may still come). A short read is taken as a legal end of draining, as is EAGAIN. A "
		"target with unsent or unacknowledged output on that connection, or stuck writing to an "
		"upstream, has stopped reading on purpose. Reads that wringer itself cut short do not "
		"count.",
	    .mend = "Read until EAGAIN (or until a read returns less than was asked for) before going back "
		    "to epoll_wait. Where a budget for one connection is wanted, remember the connection in "
		    "a list of the loop's own and come back to it without waiting; after a pause, read "
		    "again instead of waiting for an event, or re-arm with EPOLL_CTL_MOD, which reports the "
		    "present state anew.",
	    .seen = "Varnish #644; aeronet PR #485",
	},
    [ACCEPT_LOST] =
	{
	    .id = "accept-lost",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "finished handshakes wait on an edge-triggered listener while the target sleeps",
	    .why = "An edge-triggered listener is reported when a connection arrives, not while one waits. "
		   "Two that arrive together give one event; a server that accepts once leaves the second "
		   "in the queue until a third comes, and from then on is always one behind. The same "
		   "happens when accept fails with EMFILE: fds that come free later give no edge.",
	    .how = "When the case is quiet the listener is asked how many connections wait (its accept "
		   "queue). The rule is broken when some do, the listener is registered with EPOLLET only, "
		   "its last accept did not end with EAGAIN, a peer finished its handshake long enough ago "
		   "(0.3 s to 3 s, as for edge-not-drained), fds are free and every thread sleeps. It is "
		   "silent while the fd limit is lowered, when the target took its listener out of the set, "
		   "and when the target holds as many connections as it ever did (8 or more): that looks "
		   "like a limit on connections, which resumes by itself. After EMFILE it waits the full 3 "
		   "s.",
	    .mend = "Accept in a loop until EAGAIN, and after EMFILE or another shortage try again from a "
		    "timer, or whenever a connection was closed. Or register the listener "
		    "level-triggered, which costs nothing here.",
	    .seen = "eventcore PR #20",
	},
};

struct lost {
	const struct facts *facts; /* first: facts_begin */
	size_t conns, most_conns;  /* accepted connections open, and the most there ever were */
};

/* The target has bytes of its own to get rid of first: not reading more is back-pressure. */
static bool presses_back(const struct file *file, uint64_t unacked)
{
	return unacked || promise_met_full(file->last_write, file->last_write_asked);
}

static bool upstream_stuck(const struct world *world)
{
	size_t at = 0;
	const struct file *file;

	while ((file = world_next_file(world, &at)))
		if (file->kind == FILE_OUTGOING && !file->closed && presses_back(file, 0))
			return true;
	return false;
}

/* The target stopped reading before the kernel told it that there is no more. */
static bool stopped_early(const struct file *file)
{
	if (file->shut_write || file->shut_read || file->eof_read || file->read_error)
		return false;
	if (file->reports && file->reported_at > file->last_read_at)
		return file->reported & EPOLLIN;
	if (file->last_read == -EINTR)
		return true;
	return file->last_read > 0 && (uint64_t)file->last_read == file->last_read_asked;
}

/* Since when (ns) nothing has happened about the connection that could have told or moved the target. */
static uint64_t still_since(const struct lost *lost, const struct world *world, const struct ground_fd *fd)
{
	const struct file *file = fd->file;
	uint64_t since = file->touched > file->reported_at ? file->touched : file->reported_at;
	uint64_t sent = world_peer(world, file->peer) ? diary_page(&lost->facts->diary, file->peer)->sent_at
						      : fd->waiting_since;

	return sent > since ? sent : since;
}

static bool edge_only(const struct ground *ground, const struct file *file)
{
	struct ground_armed armed = ground_armed(ground, file);

	return !armed.level && !armed.disarmed && (armed.events & EPOLLIN) && (armed.events & EPOLLET);
}

static int judge_socket(struct judge *judge, const struct lost *lost, const struct ground_fd *fd,
			uint64_t patience)
{
	const struct world *world = judge_world(judge);
	const struct file *file = fd->file;
	const struct peer_view *peer = world_peer(world, file->peer);
	uint64_t since = still_since(lost, world, fd);
	struct finding finding;
	char who[FACTS_WHO], how[96];

	if (file->kind != FILE_CONN || file->closed || !fd->waiting ||
	    (peer && peer->reset && peer->ended_at <= fd->at))
		return 0;
	if (since + patience > fd->at || !edge_only(&lost->facts->ground, file) || !stopped_early(file) ||
	    presses_back(file, fd->unacked) || hand_bent_read(&lost->facts->hand, file) ||
	    upstream_stuck(world))
		return 0;
	finding = finding_make(judge, &rules[EDGE_NOT_DRAINED]);
	finding_about(&finding, judge, file);
	finding.at = since + patience;
	finding.from = file->last_read_at && file->last_read_at < since ? file->last_read_at : since;
	finding.to = fd->at;
	if (file->reported_at > file->last_read_at)
		(void)snprintf(how, sizeof(how), "not read since the report");
	else if (file->last_read < 0)
		(void)snprintf(how, sizeof(how), "the last read was interrupted (EINTR) and not repeated");
	else
		(void)snprintf(how, sizeof(how), "the last read filled all of its %llu bytes",
			       (unsigned long long)file->last_read_asked);
	(void)snprintf(
	    finding.message, sizeof(finding.message),
	    "%s: %llu bytes wait in the edge-triggered socket for %.2f s while the target sleeps; %s",
	    facts_who(&finding, who, sizeof(who)), (unsigned long long)fd->waiting,
	    clock_seconds(fd->at - since), how);
	return judge_report(judge, &finding);
}

/* The peer that has waited longest for its connection to be accepted; NULL when none is known. */
static const struct peer_view *longest_waiting(const struct world *world, uint64_t now)
{
	const struct peer_view *peer, *longest = NULL;
	size_t at = 0;

	while ((peer = world_next_peer(world, &at))) {
		if (!peer->connected || peer->conn || peer->got_rst || peer->got_fin)
			continue;
		if (peer->ended_at && peer->ended_at <= now)
			continue;
		if (!longest || peer->connected_at < longest->connected_at)
			longest = peer;
	}
	return longest;
}

/* Whether the target could accept: it has room in its table of fds, and is not at some limit of its own. */
static bool may_accept(const struct lost *lost, const struct world *world, const struct ground_fd *fd)
{
	const struct ground_process *process = ground_process(&lost->facts->ground, fd->pid);
	const struct file *file;
	size_t at = 0, conns = 0;

	if (lost->facts->hand.limits)
		return false;
	if (process && process->limit && process->fds >= process->limit)
		return false;
	if (promise_is_shortage(fd->file->last_accept) && !process)
		return false;
	while ((file = world_next_file(world, &at)))
		conns += file->kind == FILE_CONN && !file->closed;
	return conns < LIMIT_CROWD || conns < lost->most_conns;
}

static int judge_listener(struct judge *judge, const struct lost *lost, const struct ground_fd *fd,
			  uint64_t patience)
{
	const struct world *world = judge_world(judge);
	const struct file *file = fd->file;
	/* Peers go to the target's first port. */
	bool theirs = !file->port || !world_port(world) || file->port == world_port(world);
	const struct peer_view *peer = theirs ? longest_waiting(world, fd->at) : NULL;
	uint64_t since = peer ? peer->connected_at : fd->waiting_since;
	const char *name = file->last_accept < 0 ? errno_name((int)file->last_accept) : NULL;
	struct finding finding;

	if (file->closed || !fd->waiting || file->last_accept == -EAGAIN ||
	    (!file->accepted && !file->reports))
		return 0;
	if (promise_is_shortage(file->last_accept))
		patience = judge_window(judge, LIMIT_WRITE_WINDOW);
	if (file->touched > since)
		since = file->touched;
	if (file->reported_at > since)
		since = file->reported_at;
	if (lost->facts->hand.limit_lifted > since)
		since = lost->facts->hand.limit_lifted;
	if (since + patience > fd->at || !edge_only(&lost->facts->ground, file) ||
	    !may_accept(lost, world, fd))
		return 0;
	finding = finding_make(judge, &rules[ACCEPT_LOST]);
	finding_about(&finding, judge, file);
	finding_of_peer(&finding, peer);
	finding.at = since + patience;
	finding.from = since;
	finding.to = fd->at;
	finding.count = fd->waiting;
	(void)snprintf(finding.message, sizeof(finding.message),
		       "listener fd %d: %llu connections wait to be accepted for %.2f s while the target "
		       "sleeps; the last "
		       "accept %s%s, not EAGAIN",
		       finding.fd, (unsigned long long)fd->waiting, clock_seconds(fd->at - since),
		       file->last_accept < 0 ? "gave " : "succeeded", name ? name : "");
	return judge_report(judge, &finding);
}

static int judge_round(struct judge *judge, const struct lost *lost)
{
	const struct ground *ground = &lost->facts->ground;
	uint64_t patience = facts_at_rest(lost->facts, judge) ? ground_patience(ground, judge, NULL) : 0;
	int r = 0;

	for (size_t i = 0; patience && i < ground->fd_count && r == 0; i++)
		r = ground->fds[i].listener ? judge_listener(judge, lost, &ground->fds[i], patience)
					    : judge_socket(judge, lost, &ground->fds[i], patience);
	return r;
}

static void count_conns(struct lost *lost, const struct world *world, const struct event *event)
{
	const struct touch *touch = world_touch(world);

	if (call_class((enum call)event->what) == CLASS_ACCEPT && touch->made)
		lost->conns++;
	if (touch->last_close && touch->file && touch->file->kind == FILE_CONN && lost->conns)
		lost->conns--;
	if (lost->conns > lost->most_conns)
		lost->most_conns = lost->conns;
}

static int lost_round(struct judge *judge, void *state)
{
	return judge_round(judge, state);
}

static int lost_event(struct judge *judge, void *state, const struct event *event)
{
	count_conns(state, judge_world(judge), event);
	return 0;
}

static int lost_finish(struct judge *judge, void *state)
{
	struct lost *lost = state;

	return lost->facts->ground.open ? judge_round(judge, lost) : 0;
}

const struct rule_family lost_family = {
    .name = "lost",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct lost),
    .begin = facts_begin,
    .round = lost_round,
    .kinds = KIND(EV_CALL),
    .classes = CLASS(CLASS_ACCEPT) | CLASS(CLASS_CLOSE),
    .event = lost_event,
    .finish = lost_finish,
};
