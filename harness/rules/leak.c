/* SPDX-License-Identifier: MIT */
/* Connections whose peer is gone while the target keeps the fd. */
#include <netinet/tcp.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/names.h"
#include "model/promise.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

enum { FIN_LEAK, RESET_LEAK };

static const struct rule rules[] = {
    [FIN_LEAK] =
	{
	    .id = "fin-leak",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "the peer closed the connection and the target keeps the fd",
	    .why = "A connection whose client is gone sits in CLOSE_WAIT: the kernel never ends it, only "
		   "close does. Each one holds an fd, buffers and a place in the server's own limits; when "
		   "they are used up nobody new is let in. It is the usual way for a server to be fine for "
		   "a week and dead on the eighth day.",
	    .how =
		"When the case is quiet the rule is broken for every accepted connection whose peer "
		"closed in an orderly way at least 2 s ago and whose fd is still open in some process of "
		"the target. The socket itself is asked: it must be past ESTABLISHED, that is, the FIN "
		"has arrived. Peers that only shut down writing, or vanished without a packet, do not "
		"count, nor connections that the target never began to look at (still waiting for a "
		"worker), nor those whose request a thread is still busy with, nor those that wait for "
		"an edge because wringer cut their last read short, nor any while a loop of the target sits "
		"in a write to somebody who does not read. The target must have run since: "
		"asleep in a wait, or for a second after it read the end of file. A reaper with a time-out "
		"longer than the window is a finding too; the message gives the age.",
	    .mend = "Close on every path that sees the end: read gave 0, EPOLLRDHUP while nothing is left "
		    "to answer, and also while the connection is paused, throttled or waiting for something "
		    "else. A connection out of the interest list, or registered without EPOLLIN and "
		    "EPOLLRDHUP, cannot tell you. After fork close the copy that the other process serves.",
	    .seen = "nginx ticket #274; libuv #2922; node #11307",
	},
    [RESET_LEAK] =
	{
	    .id = "reset-leak",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "the connection was reset and the target keeps the fd",
	    .why = "After a reset the connection is over in both directions: nothing can be read or sent "
		   "any more. An fd that is kept holds its memory and counts against the limits for "
		   "nothing, and under level-triggered epoll it is reported as ERR or HUP for ever.",
	    .how = "As fin-leak, for peers that reset the connection or closed it with received bytes "
		   "unread (the kernel resets then). Without a peer of wringer's, under `wringer watch`, "
		   "for connections that were reported with ERR or HUP, that the kernel says are closed "
		   "(TCP_CLOSE), and that the target has not touched for 2 s.",
	    .mend = "EPOLLERR and EPOLLHUP are reported whether asked for or not: on either, read what is "
		    "left if you want it, then close. ECONNRESET and EPIPE from any read or write on a "
		    "connection end it as well.",
	    .seen = "libuv 9ba773c9c; libevent 950f06fb",
	},
};

struct leak {
	const struct facts *facts; /* first: facts_begin */
};

static const char *state_name(unsigned state)
{
	static const char *const names[] = {
	    [TCP_ESTABLISHED] = "ESTABLISHED", [TCP_FIN_WAIT1] = "FIN_WAIT1", [TCP_FIN_WAIT2] = "FIN_WAIT2",
	    [TCP_TIME_WAIT] = "TIME_WAIT",     [TCP_CLOSE] = "CLOSE",	      [TCP_CLOSE_WAIT] = "CLOSE_WAIT",
	    [TCP_LAST_ACK] = "LAST_ACK",       [TCP_CLOSING] = "CLOSING",
	};

	return state < sizeof(names) / sizeof(*names) && names[state] ? names[state] : "state unknown";
}

/* What the target knew of it, for the message. */
static const char *knowledge(const struct file *file)
{
	if (file->read_error)
		return "a read failed with it";
	if (file->eof_read)
		return "the end was read";
	if (file->write_error)
		return "a write failed with it";
	if (promise_tells_end(file->reported_ever))
		return "the end was reported, but never read";
	return file->regs ? "it was neither reported nor read" : "it is in no interest list and was not read";
}

static bool never_begun(const struct file *file)
{
	return !file->reads && !file->writes && !file->reports && !file->regs;
}

/* A loop is blocked by somebody who does not read: that is the matter then (loop-blocked, unserved), not what
 * it leaves undone. */
static bool sits_in_write(const struct leak *leak, const struct world *world)
{
	const struct thread *thread;
	size_t at = 0;
	char letter;

	while ((thread = world_next_thread(world, &at)))
		if (thread->alive && thread->waits &&
		    call_class(ground_call(&leak->facts->ground, thread->tid, &letter)) == CLASS_WRITE &&
		    letter == 'S')
			return true;
	return false;
}

/*
 * Whether the target had its chance to notice since then: it sleeps in a wait, or it has known for a while
 * and went on doing other things. On a machine that did not let it run it did not, nor in the middle of the
 * batch in which it learnt of the end: closing comes after the batch.
 */
static bool had_its_chance(const struct leak *leak, const struct judge *judge, const struct file *file,
			   uint64_t ended_at, uint64_t now)
{
	const struct world *world = judge_world(judge);
	uint64_t a_while = judge_window(judge, LIMIT_LOST_WINDOW);
	const struct thread *thread;
	size_t at = 0;

	if (!file->eof_read && !file->read_error && sits_in_write(leak, world))
		return false;
	if (ground_patience(&leak->facts->ground, judge, NULL))
		return true;
	if (world_asleep(world) && !ground_runs(&leak->facts->ground))
		return true;
	/* What a ring has read may still lie in its queue: it is known once the target sleeps again. */
	if (world_by_ring(world, CLASS_READ))
		return false;
	if (file->eof_read || file->read_error)
		return file->last_read_at + a_while <= now;
	while ((thread = world_next_thread(world, &at)))
		if (thread->alive && thread->waits && thread->last_event > ended_at + a_while)
			return true;
	return false;
}

/* A request is being worked on: the target writes when it is done, and learns of the end then. */
static bool at_work(const struct leak *leak, const struct judge *judge, const struct peer_view *peer)
{
	const struct diary_page *page = diary_page(&leak->facts->diary, peer->id);
	const struct file *file = peer->conn;

	return peer->requests > peer->answers && !file->eof_read && !file->read_error &&
	       file->last_read_at >= page->request_at && file->last_write_at < page->request_at &&
	       !ground_patience(&leak->facts->ground, judge, NULL);
}

static int report(struct judge *judge, const struct rule *rule, const struct file *file,
		  const struct ground_fd *probed, uint64_t ended_at, uint64_t now)
{
	struct finding finding = finding_make(judge, rule);
	bool fin = rule == &rules[FIN_LEAK];
	char who[FACTS_WHO], where[48] = "";

	finding_about(&finding, judge, file);
	finding.at = ended_at + judge_window(judge, LIMIT_LEAK_WINDOW);
	finding.from = ended_at;
	finding.to = now;
	if (file->refs > 1)
		(void)snprintf(where, sizeof(where), ", held by %u fds", file->refs);
	(void)snprintf(finding.message, sizeof(finding.message), "%s: %s %.2f s ago, still open%s%s%s%s; %s",
		       facts_who(&finding, who, sizeof(who)), fin ? "closed by the peer" : "reset",
		       clock_seconds(now - ended_at), probed ? " (" : "",
		       probed ? state_name(probed->state) : "", probed ? ")" : "", where, knowledge(file));
	return judge_report(judge, &finding);
}

/* Whether the kernel has told the socket of the end; without probes we take the trace's word that it is open
 * at all. */
static bool end_arrived(const struct ground *ground, const struct ground_fd *probed, bool reset)
{
	if (!ground->open || !ground->fd_count)
		return true;
	if (!probed) /* closed in a way that the trace does not show, by a ring for one */
		return false;
	if (!probed->state || probed->state == TCP_CLOSE) /* 0: it would not say */
		return true;
	return !reset && promise_fin_came(probed->state);
}

static int judge_peer(struct judge *judge, const struct leak *leak, const struct peer_view *peer,
		      uint64_t now)
{
	const struct file *file = peer->conn;
	const struct ground_fd *probed = file ? ground_find(&leak->facts->ground, file) : NULL;
	uint64_t since = peer->ended_at;

	if (!file || file->closed || file->kind != FILE_CONN || peer->vanished || !(peer->fin || peer->reset))
		return 0;
	if (since < file->opened)
		since = file->opened;
	if (leak->facts->hand.thawed > since)
		since = leak->facts->hand.thawed;
	if (since + judge_window(judge, LIMIT_LEAK_WINDOW) > now || never_begun(file) ||
	    !end_arrived(&leak->facts->ground, probed, peer->reset) || at_work(leak, judge, peer) ||
	    hand_starved(&leak->facts->hand, file) || !had_its_chance(leak, judge, file, since, now))
		return 0;
	return report(judge, &rules[peer->reset ? RESET_LEAK : FIN_LEAK], file, probed, since, now);
}

/* A connection of somebody else's: only a reset can be told for certain. */
static int judge_stranger(struct judge *judge, const struct leak *leak, const struct ground_fd *fd)
{
	const struct file *file = fd->file;
	uint64_t since = file->touched > file->opened ? file->touched : file->opened;

	(void)leak;
	if (fd->listener || file->closed || file->kind != FILE_CONN || file->peer >= 0 ||
	    fd->state != TCP_CLOSE || !promise_tells_death(file->reported_ever) || file->shut_write)
		return 0;
	if (since + judge_window(judge, LIMIT_LEAK_WINDOW) > fd->at)
		return 0;
	return report(judge, &rules[RESET_LEAK], file, fd, since, fd->at);
}

/* The case is quiet, and the probes, if there are any, are in. */
static int judge_round(struct judge *judge, const struct leak *leak, uint64_t now)
{
	const struct world *world = judge_world(judge);
	const struct ground *ground = &leak->facts->ground;
	const struct peer_view *peer;
	size_t at = 0;
	int r = 0;

	while (r == 0 && (peer = world_next_peer(world, &at)))
		r = judge_peer(judge, leak, peer, now);
	for (size_t i = 0; ground->open && i < ground->fd_count && r == 0; i++)
		r = judge_stranger(judge, leak, &ground->fds[i]);
	return r;
}

static int leak_round(struct judge *judge, void *state)
{
	struct leak *leak = state;

	return facts_at_rest(leak->facts, judge) ? judge_round(judge, leak, leak->facts->ground.began) : 0;
}

/* Where no probes were made, the end of the quiet is what a round's end is elsewhere. */
static int leak_before(struct judge *judge, void *state, const struct event *event)
{
	struct leak *leak = state;

	if (ground_over(&leak->facts->ground, event) ||
	    (event->what != MARK_RECOVERY && event->what != MARK_STOP) ||
	    world_mark_time(judge_world(judge), MARK_QUIET) <= leak->facts->ground.began ||
	    !facts_free(leak->facts, event->at, 0))
		return 0;
	return judge_round(judge, leak, event->at);
}

static int leak_finish(struct judge *judge, void *state)
{
	struct leak *leak = state;

	if (!leak->facts->ground.open || !facts_at_rest(leak->facts, judge))
		return 0;
	return judge_round(judge, leak, leak->facts->ground.began);
}

const struct rule_family leak_family = {
    .name = "leak",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct leak),
    .begin = facts_begin,
    .round = leak_round,
    .before_kinds = KIND(EV_MARK),
    .before = leak_before,
    .finish = leak_finish,
};
