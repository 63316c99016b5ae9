/* SPDX-License-Identifier: MIT */
/* What became of the rest of a write that did not go through whole: nobody waits for room, or it was
 * forgotten. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "base/buf.h"
#include "base/clock.h"
#include "journal/ring.h"
#include "model/promise.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

enum { WRITE_NOT_ARMED, WRITE_LOST, URING_SHORT_SEND };

static const struct rule rules[] = {
    [WRITE_NOT_ARMED] =
	{
	    .id = "write-not-armed",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "a write met a full socket, there is room again, and no registration asks to be told "
		   "(EPOLLOUT)",
	    .why = "After EAGAIN or a short write the rest of the answer waits in the server. If no "
		   "registration asks for EPOLLOUT, nothing ever brings it back to that connection: the "
		   "client hangs in the middle of its answer, the buffer and the fd are held, and it "
		   "happens only to slow clients and large answers.",
	    .how = "When the case is quiet every connection whose last write gave EAGAIN or took less than "
		   "was offered is asked (poll on the socket itself). The rule is broken when it is "
		   "writable now, the peer reads, no registration in any epoll (by the trace and by "
		   "/proc/PID/fdinfo) asks for EPOLLOUT, every thread sleeps, and nothing was written for 3 "
		   "s: a retry by a timer gets that long; 0.3 s are enough when no thread sleeps with a "
		   "time-out and there is no timerfd. An edge-triggered registration that always asks for "
		   "EPOLLOUT is fine. Targets that poll or select, block in threads, or arm through "
		   "io_uring are not judged by it, nor is a one-shot registration that was not armed again "
		   "(oneshot-lost).",
	    .mend = "After EAGAIN or a short write keep the rest, and register the fd for EPOLLOUT before "
		    "going back to epoll_wait; take it out again when the rest is gone. Look at every path "
		    "that writes: first answers, error pages, a pipeline's second answer.",
	    .seen = "redis 3bc89500d; netty #4205; questdb PR #6544",
	},
    [WRITE_LOST] =
	{
	    .id = "write-lost",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "the rest of a short write is never sent: the connection is closed, or other bytes follow",
	    .why = "A non-blocking write may take a part of what it is offered, or nothing. A server that "
		   "treats this as done cuts the answer, or, worse, puts the next answer behind half of the "
		   "last: every byte after that is read by the client as something it is not.",
	    .how = "The rule is broken when the target closed (or shut down) a connection whose last write "
		   "gave EAGAIN or took less than was offered, while its peer was still reading and had got "
		   "fewer bytes than were announced; or when a peer got wrong bytes after a short write in "
		   "the same answer. Nothing is owed to a peer that closed, reset, vanished, shut down its "
		   "side or does not read; a close after an error that wringer injected on that connection, "
		   "or by a process that died, is not judged here. Short sendfile and splice calls are not "
		   "counted, they may end with their source.",
	    .mend = "Look at what write returned. Keep what is left (offset and length) in the connection, "
		    "send it before anything else on EPOLLOUT, and close only when nothing is left.",
	    .seen = "libuv b329d51ef",
	},
    [URING_SHORT_SEND] =
	{
	    .id = "uring-short-send",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .by_slot = true,
	    .doc = "a send through io_uring took a part of its bytes, and the rest is never sent",
	    .why =
		"A send that completes has not sent everything: its result says how much. A server that "
		"goes by the completion alone leaves a hole in the answer, only for slow clients and large "
		"answers, and the client reads every byte behind it as something it is not.",
	    .how =
		"As write-lost, for a connection whose last send, write or sendmsg through io_uring "
		"completed with less than it was given: the connection was closed although its reading "
		"peer had got fewer bytes than were announced, or the peer then received other bytes than "
		"the rest, or its answer stays unfinished although nothing is in flight, nothing is "
		"unacknowledged and the target sleeps (3 s, or 0.3 s without a time-out). Direct descriptors "
		"are followed by their slot, from one use to the next; such a socket cannot be asked, so it "
		"counts as acknowledged what the peer has received.",
	    .mend =
		"Submit the rest (from buffer + result on) before anything else on that connection, or "
		"give MSG_WAITALL, with which the kernel goes on by itself. A link does not stop at a short "
		"send without MSG_WAITALL.",
	    .seen = "",
	},
};

/* A write that did not go through whole. */
struct shortage {
	uint64_t at;
	int64_t ret;
	uint64_t offered;
	bool ring;	   /* a request of an io_uring */
	uint64_t position; /* bytes written to the connection so far: where its rest belongs in the stream */
};

#define SHORTAGES 64 /* remembered; of more the oldest are forgotten */

/* A connection on which that happened. */
struct debt {
	uint64_t file;
	bool owed;		   /* by the last write */
	struct finding *suspected; /* the answer was cut, one more than the judge tells apart; NULL no */
	bool closed;		   /* by a call of the target, not by its end */
	struct shortage last, all[SHORTAGES];
	size_t count;
};

struct suspect {
	struct finding finding;
	struct file *file; /* held */
};

struct write {
	const struct facts *facts;			/* first: facts_begin */
	struct map debts;				/* file id -> struct debt */
	struct suspect suspects[2 * FINDINGS_PER_RULE]; /* the first of each rule */
	size_t suspect_count, kept[sizeof(rules) / sizeof(*rules)];
	uint64_t more[sizeof(rules) / sizeof(*rules)]; /* and how many others were right; one of them: */
	struct finding last[sizeof(rules) / sizeof(*rules)];
};

/* 1 the rest is owed, 0 nothing is, -1 the call tells nothing. */
static int leaves_debt(const struct event *event)
{
	if (event->what == CALL_sendfile && event->ret > 0)
		return -1;
	if (event->what == CALL_splice)
		return -1;
	if (event->ret == -EAGAIN)
		return 1;
	if (event->ret <= 0 || event->what == CALL_sendmmsg)
		return 0;
	return (event->flags & EVF_SHORTENED) || (uint64_t)event->ret < event->arg[0];
}

/* A write that was offered so much; owed as leaves_debt says. */
static int follow_write(struct write *write, const struct file *file, const struct event *event,
			uint64_t offered, int owed)
{
	struct debt *debt = map_get(&write->debts, file->id);

	if (!debt && owed <= 0)
		return 0;
	if (!debt) {
		debt = calloc(1, sizeof(*debt));
		if (!debt || map_put(&write->debts, file->id, debt) < 0) {
			free(debt);
			return -ENOMEM;
		}
		debt->file = file->id;
	}
	debt->owed = owed > 0;
	if (owed > 0) {
		debt->last = (struct shortage){.at = event->at,
					       .ret = event->ret,
					       .offered = offered,
					       .ring = event->kind == EV_RING,
					       .position = file->bytes_out};
		debt->all[debt->count++ % SHORTAGES] = debt->last;
	}
	return 0;
}

/* How much a vector or a provided buffer offered is not known (length 0), nor what a splice's source had. */
static int follow_ring(struct write *write, const struct file *file, const struct event *event)
{
	const struct ring_entry *entry = event_ring(event);
	int owed;

	if (!entry || event->what != RING_COMPLETE || ring_op_class(entry->op) != CLASS_WRITE ||
	    (entry->cqe_flags & RING_F_NOTIF) || entry->op == OP_SPLICE || entry->op == OP_TEE)
		return 0;
	owed = promise_met_full(event->ret, entry->length);
	return follow_write(write, file, event, entry->length, owed);
}

static int follow_call(struct write *write, const struct world *world, const struct event *event)
{
	const struct touch *touch = world_touch(world);
	struct debt *debt;

	if (!touch->file || touch->file->kind != FILE_CONN)
		return 0;
	if (event->kind == EV_CALL && call_class((enum call)event->what) == CLASS_WRITE)
		return follow_write(write, touch->file, event, event->arg[0], leaves_debt(event));
	if (event->kind == EV_RING && !touch->last_close)
		return follow_ring(write, touch->file, event);
	if (touch->last_close && (debt = map_get(&write->debts, touch->file->id)))
		debt->closed = true;
	return 0;
}

static const struct rule *rule_of(const struct shortage *shortage)
{
	return &rules[shortage->ring ? URING_SHORT_SEND : WRITE_LOST];
}

/* "took 4096 of 65536 bytes" or "gave EAGAIN". */
static void how_it_went(const struct shortage *shortage, char *out, size_t size)
{
	if (shortage->ret < 0)
		(void)snprintf(out, size, "gave EAGAIN");
	else
		(void)snprintf(out, size, "took %lld of %llu bytes", (long long)shortage->ret,
			       (unsigned long long)shortage->offered);
}

/*
 * The first write whose rest belongs into what the peer received behind its right answers; a short one rather
 * than one that took nothing. NULL: none, so the wrong bytes have another reason.
 */
static const struct shortage *lost_one(const struct debt *debt, uint64_t right, uint64_t received)
{
	const struct shortage *first = NULL;

	for (size_t i = debt->count > SHORTAGES ? debt->count - SHORTAGES : 0; i < debt->count; i++) {
		const struct shortage *shortage = &debt->all[i % SHORTAGES];

		if (shortage->position < right || shortage->position > received)
			continue;
		if (!first || (first->ret < 0 && shortage->ret > 0))
			first = shortage;
	}
	return first;
}

/* Whether the peer was reading all the while, so that nobody had a reason to give up on it. */
static bool reads_on(const struct write *write, const struct judge *judge, const struct peer_view *peer)
{
	const struct diary_page *page = diary_page(&write->facts->diary, peer->id);
	uint64_t now = world_now(judge_world(judge));

	if (peer->fin || peer->reset || peer->vanished || peer->half_closed || peer->stalled)
		return false;
	return !page->resumed_at || page->resumed_at + judge_window(judge, LIMIT_LOST_WINDOW) <= now;
}

/* Looked at when its file is forgotten. */
static int suspect_another(struct debt *debt, const struct finding *finding)
{
	if (!debt->suspected)
		debt->suspected = malloc(sizeof(*debt->suspected));
	if (!debt->suspected)
		return -ENOMEM;
	*debt->suspected = *finding;
	return 0;
}

static void debt_free(struct debt *debt)
{
	if (debt)
		free(debt->suspected);
	free(debt);
}

/* The peer's answer was cut: a suspect, because the target may turn out to have died. */
static int suspect_cut(struct judge *judge, struct write *write, struct debt *debt, struct file *file,
		       const struct event *event)
{
	const struct rule *rule = rule_of(&debt->last);
	struct finding finding;
	char who[FACTS_WHO], how[64];

	if (!debt->owed || event->arg[1] <= event->arg[0])
		return 0;
	finding = finding_make(judge, rule);
	finding_about(&finding, judge, file);
	finding.from = debt->last.at;
	how_it_went(&debt->last, how, sizeof(how));
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%s: the last write %s and the connection ended: the peer got %llu of %llu bytes",
		       facts_who(&finding, who, sizeof(who)), how, (unsigned long long)event->arg[0],
		       (unsigned long long)event->arg[1]);
	if (write->kept[rule - rules] == FINDINGS_PER_RULE)
		return suspect_another(debt, &finding);
	write->kept[rule - rules]++;
	write->suspects[write->suspect_count++] = (struct suspect){finding, file};
	file_hold(file);
	return 0;
}

static int judge_wrong(struct judge *judge, const struct debt *debt, const struct peer_view *peer,
		       uint64_t right)
{
	const struct shortage *lost = lost_one(debt, right, peer->received);
	struct finding finding;
	char who[FACTS_WHO], how[64];

	if (!lost)
		return 0;
	finding = finding_make(judge, rule_of(lost));
	finding_about(&finding, judge, peer->conn);
	finding.from = lost->at;
	how_it_went(lost, how, sizeof(how));
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%s: at %.4f s a write %s, and the peer then received other bytes than the rest of it",
		       facts_who(&finding, who, sizeof(who)), clock_seconds(lost->at), how);
	return judge_report(judge, &finding);
}

static int follow_peer(struct judge *judge, struct write *write, const struct event *event)
{
	const struct world *world = judge_world(judge);
	const struct peer_view *peer = world_touch(world)->peer;
	struct debt *debt = peer && peer->conn ? map_get(&write->debts, peer->conn->id) : NULL;

	if (!debt || (event->what != PEER_CUT && event->what != PEER_WRONG))
		return 0;
	if (!facts_free(write->facts, event->at, 0) || hand_spoilt(&write->facts->hand, peer->conn))
		return 0;
	/* A peer that did not read may be given up on, but never be sent other bytes than those it is owed.
	 */
	if (event->what == PEER_CUT)
		return reads_on(write, judge, peer) ? suspect_cut(judge, write, debt, peer->conn, event) : 0;
	return judge_wrong(judge, debt, peer, diary_page(&write->facts->diary, peer->id)->right);
}

/* Threads in poll or select may be waiting for room: what they asked for cannot be seen while they sleep. */
static bool anybody_polls(const struct world *world)
{
	const struct thread *thread;
	size_t at = 0;

	while ((thread = world_next_thread(world, &at)))
		if (thread->alive && thread->waiting != CALL_unknown && thread->wait_fd < 0)
			return true;
	return false;
}

/* Since when (ns) its peer, reading, has waited for more until `at`; 0 when it would not take it anyway. */
static uint64_t waits_since(const struct write *write, const struct peer_view *peer, const struct file *file,
			    uint64_t at)
{
	const struct diary_page *page = diary_page(&write->facts->diary, peer->id);
	uint64_t since = file->touched;

	if ((peer->ended_at && peer->ended_at <= at) || peer->stalled)
		return 0;
	if (page->received_at > since)
		since = page->received_at;
	return page->resumed_at > since ? page->resumed_at : since;
}

/* Since when (ns) there has been room and nobody wrote; 0 when the peer would not take it anyway. */
static uint64_t room_since(const struct write *write, const struct world *world, const struct ground_fd *fd)
{
	const struct peer_view *peer = world_peer(world, fd->file->peer);

	if (peer)
		return waits_since(write, peer, fd->file, fd->at);
	return fd->writable_since > fd->file->touched ? fd->writable_since : fd->file->touched;
}

static int judge_socket(struct judge *judge, const struct write *write, const struct ground_fd *fd,
			uint64_t patience)
{
	const struct file *file = fd->file;
	const struct debt *debt = map_get(&write->debts, file->id);
	struct ground_armed armed = ground_armed(&write->facts->ground, file);
	uint64_t since = room_since(write, judge_world(judge), fd);
	struct finding finding;
	char who[FACTS_WHO], how[64];

	if (fd->listener || file->closed || !debt || !debt->owed || !since || since + patience > fd->at)
		return 0;
	if (!(fd->mask & EPOLLOUT) || promise_tells_death(fd->mask) || file->shut_write || !armed.any ||
	    armed.disarmed || (armed.events & EPOLLOUT) || file_is_sending(file))
		return 0;
	finding = finding_make(judge, &rules[WRITE_NOT_ARMED]);
	finding_about(&finding, judge, file);
	finding.at = since + patience;
	finding.from = debt->last.at;
	finding.to = fd->at;
	how_it_went(&debt->last, how, sizeof(how));
	(void)snprintf(
	    finding.message, sizeof(finding.message),
	    "%s: the last write %s; the socket has room, no registration asks for EPOLLOUT and the target "
	    "has slept for %.2f s",
	    facts_who(&finding, who, sizeof(who)), how, clock_seconds(fd->at - since));
	return judge_report(judge, &finding);
}

/* An answer that had a short send in it, and of which nothing more comes although its peer reads: what was
 * sent after the hole was taken for the rest. */
static bool is_hole(const struct write *write, const struct file *file, const struct debt *debt,
		    const struct peer_view *peer)
{
	return !file->closed && debt && debt->last.ring && peer && peer->requests > peer->answers &&
	       !file->shut_write && !file_is_sending(file) &&
	       debt->last.at > diary_page(&write->facts->diary, peer->id)->answer_at &&
	       !hand_spoilt(&write->facts->hand, file);
}

static int report_hole(struct judge *judge, const struct file *file, const struct debt *debt, uint64_t due,
		       uint64_t slept)
{
	struct finding finding = finding_make(judge, &rules[URING_SHORT_SEND]);
	char who[FACTS_WHO], how[64];

	finding_about(&finding, judge, file);
	finding.at = due;
	finding.from = debt->last.at;
	finding.to = world_now(judge_world(judge));
	how_it_went(&debt->last, how, sizeof(how));
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%s: a send %s; the answer is not whole, nothing is being sent and the target has "
		       "slept for %.2f s",
		       facts_who(&finding, who, sizeof(who)), how, clock_seconds(slept));
	return judge_report(judge, &finding);
}

static int judge_hole(struct judge *judge, const struct write *write, const struct ground_fd *fd,
		      uint64_t patience)
{
	const struct file *file = fd->file;
	const struct debt *debt = map_get(&write->debts, file->id);
	const struct peer_view *peer = world_peer(judge_world(judge), file->peer);
	uint64_t since = room_since(write, judge_world(judge), fd);

	if (fd->listener || !since || since + patience > fd->at || fd->unacked ||
	    !is_hole(write, file, debt, peer))
		return 0;
	return report_hole(judge, file, debt, since + patience, fd->at - since);
}

/* A direct descriptor, which has no number to ask by. */
static int judge_slot(struct judge *judge, const struct write *write, const struct file *file,
		      uint64_t patience)
{
	const struct debt *debt = map_get(&write->debts, file->id);
	const struct peer_view *peer = world_peer(judge_world(judge), file->peer);
	uint64_t now = world_now(judge_world(judge)), since;

	if (!is_hole(write, file, debt, peer) || peer->received < file->bytes_out)
		return 0;
	since = waits_since(write, peer, file, now);
	return since && since + patience <= now
		   ? report_hole(judge, file, debt, since + patience, now - since)
		   : 0;
}

static int judge_slots(struct judge *judge, const struct write *write, uint64_t patience)
{
	const struct file *file;
	size_t at = 0;
	int32_t pid, fd;
	int r = 0;

	while (r == 0 && (file = world_next_file(judge_world(judge), &at)))
		if (file->kind == FILE_CONN && file->fd < 0 && !file->closed &&
		    world_locate(judge_world(judge), file, &pid, &fd) < 0)
			r = judge_slot(judge, write, file, patience);
	return r;
}

static int judge_round(struct judge *judge, const struct write *write)
{
	const struct ground *ground = &write->facts->ground;
	bool certain = false;
	uint64_t patience = facts_at_rest(write->facts, judge) ? ground_patience(ground, judge, &certain) : 0;
	int r = 0;

	if (!patience || anybody_polls(judge_world(judge)))
		return 0;
	if (!certain)
		patience = judge_window(judge, LIMIT_WRITE_WINDOW);
	for (size_t i = 0; i < ground->fd_count && r == 0; i++) {
		r = judge_socket(judge, write, &ground->fds[i], patience);
		if (r == 0)
			r = judge_hole(judge, write, &ground->fds[i], patience);
	}
	return r ? r : judge_slots(judge, write, patience);
}

static int write_round(struct judge *judge, void *state)
{
	return judge_round(judge, state);
}

static int write_event(struct judge *judge, void *state, const struct event *event)
{
	return event->kind == EV_PEER ? follow_peer(judge, state, event)
				      : follow_call(state, judge_world(judge), event);
}

/* The target may have written on after all: the two sides are stamped apart. */
static bool is_lost(const struct debt *debt, const struct file *file)
{
	return debt && debt->owed && (debt->closed || file->shut_write);
}

static void count_more(struct write *write, const struct debt *debt, const struct file *file)
{
	if (!debt || !debt->suspected || !is_lost(debt, file))
		return;
	write->more[debt->suspected->rule - rules]++;
	write->last[debt->suspected->rule - rules] = *debt->suspected;
}

static int report_more(struct judge *judge, struct write *write)
{
	const struct file *file;
	size_t at = 0;
	int r = 0;

	while ((file = world_next_file(judge_world(judge), &at)))
		count_more(write, map_get(&write->debts, file->id), file);
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules) && r == 0; i++) {
		struct finding finding = write->last[i];

		finding.count = write->more[i];
		r = finding.count ? judge_report(judge, &finding) : 0;
	}
	return r;
}

static int write_finish(struct judge *judge, void *state)
{
	struct write *write = state;
	int r = write->facts->ground.open ? judge_round(judge, write) : 0;

	for (size_t i = 0; i < write->suspect_count && r == 0; i++) {
		const struct suspect *suspect = &write->suspects[i];

		if (is_lost(map_get(&write->debts, suspect->file->id), suspect->file))
			r = judge_report(judge, &suspect->finding);
	}
	return r ? r : report_more(judge, write);
}

static void write_farewell(struct judge *judge, void *state, const struct file *file)
{
	struct write *write = state;
	struct debt *debt = map_remove(&write->debts, file->id);

	(void)judge;
	count_more(write, debt, file);
	debt_free(debt);
}

static void write_release(void *state)
{
	struct write *write = state;
	struct debt *debt;
	size_t at = 0;

	while ((debt = map_next(&write->debts, &at, NULL)))
		debt_free(debt);
	map_free(&write->debts);
}

const struct rule_family write_family = {
    .name = "write",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct write),
    .farewell = write_farewell,
    .begin = facts_begin,
    .round = write_round,
    .kinds = KIND(EV_CALL) | KIND(EV_RING) | KIND(EV_PEER),
    .event = write_event,
    .finish = write_finish,
    .release = write_release,
};
