/* SPDX-License-Identifier: MIT */
#include "rules/omen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/names.h"
#include "model/promise.h"

static bool may_be_interrupted(enum call_class class)
{
	return class == CLASS_WAIT || class == CLASS_ACCEPT || class == CLASS_READ || class == CLASS_WRITE ||
	       class == CLASS_CONNECT;
}

/* Whether the call shows that its thread went on serving: logging a failure and closing things does not. */
static bool goes_on(enum call_class class, const struct file *file)
{
	if (class == CLASS_WAIT || class == CLASS_ACCEPT)
		return true;
	return (class == CLASS_READ || class == CLASS_WRITE) && file && file->kind == FILE_CONN;
}

static void name_peer(struct omen *omen, const struct world *world)
{
	const struct peer_view *peer = omen->peer >= 0 ? world_peer(world, omen->peer) : NULL;

	if (peer)
		memcpy(omen->name, peer->name, sizeof(omen->name));
}

static struct omen omen_make(enum omen_kind kind, const struct world *world, const struct event *event,
			     const struct file *file)
{
	struct omen omen = {
	    .kind = kind,
	    .at = event->at,
	    .pid = event->pid,
	    .tid = event->tid,
	    .fd = event->kind == EV_CALL ? event->fd : -1,
	    .peer = file ? file->peer : event->peer,
	    .file = file ? file->id : 0,
	    .call = event->kind == EV_CALL ? (enum call)event->what : CALL_unknown,
	    .ret = event->ret,
	    .injected = event->flags & EVF_INJECTED,
	};

	name_peer(&omen, world);
	return omen;
}

static int stand(struct map *threads, const struct omen *omen)
{
	struct omen *own = map_get(threads, (uint32_t)omen->tid);

	if (!own) {
		own = calloc(1, sizeof(*own));
		if (!own || map_put(threads, (uint32_t)omen->tid, own) < 0) {
			free(own);
			return -ENOMEM;
		}
	}
	*own = *omen;
	return 0;
}

static void word_is_over(struct omens *omens, int32_t tid)
{
	struct omen *word = map_get(&omens->words, (uint32_t)tid);

	if (word)
		word->over = true;
}

/* The thread goes on. */
static void clear(struct omens *omens, int32_t tid)
{
	struct omen *own = map_get(&omens->threads, (uint32_t)tid);

	if (own)
		own->kind = OMEN_NONE;
	word_is_over(omens, tid);
}

static bool follow_reports(struct omens *omens, const struct world *world, const struct event *event)
{
	const struct touch *touch = world_touch(world);
	bool found = false;

	for (uint32_t i = 0; i < touch->report_count; i++) {
		const struct report *report = &touch->reports[i];

		if (!report->file || report->file->kind != FILE_CONN || !promise_tells_death(report->events))
			continue;
		omens->last = omen_make(OMEN_REPORT, world, event, report->file);
		omens->last.fd = report->file->fd;
		omens->last.events = report->events;
		found = true;
	}
	return found;
}

/* What a call's result may foretell beside the thread's own state. */
static bool follow_result(struct omens *omens, const struct world *world, const struct event *event,
			  enum call_class class)
{
	const struct file *file = world_touch(world)->file;
	bool injected = event->flags & EVF_INJECTED;
	/* An EAGAIN that we made up is what the server did not expect: a wake-up for nothing. */
	bool soft = (event->ret == -EAGAIN && !injected) || event->ret == -EINTR ||
		    event->ret == -EINPROGRESS || event->ret == -ENOENT;

	if (event->ret < 0 && !soft && (injected || (file && file->kind == FILE_CONN)))
		omens->last = omen_make(OMEN_ERROR, world, event, file);
	else if (class == CLASS_READ && event->ret == 0 && file && file->kind == FILE_CONN)
		omens->last = omen_make(OMEN_END, world, event, file);
	else
		return false;
	return true;
}

static int follow_call(struct omens *omens, const struct world *world, const struct event *event)
{
	enum call_class class = call_class((enum call)event->what);
	const struct file *file = world_touch(world)->file;
	bool reported = follow_reports(omens, world, event);
	bool failed = follow_result(omens, world, event, class);
	struct omen omen;

	if (event->ret == -EINTR && !(event->flags & EVF_RESTART) && may_be_interrupted(class)) {
		omen = omen_make(OMEN_EINTR, world, event, file);
		return stand(&omens->threads, &omen);
	}
	if (class == CLASS_ACCEPT && promise_accept_goes_on(event->ret)) {
		omen = omen_make(OMEN_ACCEPT, world, event, file);
		omens->shut = omen;
		return stand(&omens->threads, &omen);
	}
	if (class == CLASS_ACCEPT && event->ret >= 0)
		omens->shut.kind = OMEN_NONE;
	if (goes_on(class, file))
		clear(omens, event->tid);
	return reported || failed ? stand(&omens->words, &omens->last) : 0;
}

static void follow_peer(struct omens *omens, const struct world *world, const struct event *event)
{
	const struct peer_view *peer = world_touch(world)->peer;

	if (!peer || peer->canary)
		return;
	switch ((int)event->what) {
	case PEER_SEND:
	case PEER_FIN:
	case PEER_HALF_CLOSE:
	case PEER_RST:
	case PEER_CLOSE_UNREAD:
	case PEER_VANISH:
	case PEER_STALL:
	case PEER_OOB:
		omens->act = omen_make(OMEN_PEER, world, event, peer->conn);
		omens->act.peer = peer->id;
		omens->act.act = (enum peer_act)event->what;
		omens->act.fd = peer->conn ? peer->conn->fd : -1;
		name_peer(&omens->act, world);
		break;
	default:
		break;
	}
}

int omens_follow(struct omens *omens, const struct world *world, const struct event *event)
{
	if (event->kind == EV_CALL)
		return follow_call(omens, world, event);
	if (event->kind == EV_ENTER)
		clear(omens, event->tid);
	/* A thread that ended alone has status 0; one that took the process along has the process's. */
	if (event->kind == EV_PROC && event->what == PROC_EXIT && !event->arg[0] && !event->ret)
		word_is_over(omens, event->tid);
	if (event->kind == EV_PEER)
		follow_peer(omens, world, event);
	return 0;
}

bool omens_pending(const struct omens *omens, int32_t pid, enum omen_kind kind, uint64_t since,
		   const struct omen **ret_omen)
{
	const struct omen *omen, *latest = NULL;
	size_t at = 0;

	while ((omen = omens_next(omens, &at)))
		if (omen->pid == pid && omen->kind == kind && omen->at >= since &&
		    (!latest || omen->at > latest->at))
			latest = omen;
	if (latest)
		*ret_omen = latest;
	return latest != NULL;
}

const struct omen *omens_recent(const struct omens *omens, uint64_t since)
{
	/* What the target saw says more than what a peer did, however close. */
	if (omens->last.kind != OMEN_NONE && omens->last.at >= since)
		return &omens->last;
	return omens->act.kind != OMEN_NONE && omens->act.at >= since ? &omens->act : NULL;
}

const struct omen *omens_of(const struct omens *omens, int32_t pid, uint64_t since, bool standing)
{
	const struct omen *omen, *latest = NULL;
	size_t at = 0;

	while ((omen = map_next(&omens->words, &at, NULL)))
		if (omen->pid == pid && omen->at >= since && !(standing && omen->over) &&
		    (!latest || omen->at > latest->at))
			latest = omen;
	return latest;
}

const struct omen *omens_shut(const struct omens *omens, int32_t pid)
{
	return omens->shut.kind == OMEN_ACCEPT && omens->shut.pid != pid ? &omens->shut : NULL;
}

const struct omen *omens_next(const struct omens *omens, size_t *at)
{
	return map_next(&omens->threads, at, NULL);
}

static const char *act_text(enum peer_act act)
{
	switch ((int)act) {
	case PEER_SEND:
		return "sent something";
	case PEER_FIN:
		return "closed";
	case PEER_HALF_CLOSE:
		return "shut down its writing side";
	case PEER_RST:
		return "reset the connection";
	case PEER_CLOSE_UNREAD:
		return "closed with bytes unread";
	case PEER_VANISH:
		return "vanished";
	case PEER_STALL:
		return "stopped or resumed reading";
	case PEER_OOB:
		return "sent an urgent byte";
	default:
		return "did something";
	}
}

char *omen_text(const struct omen *omen, char *out, size_t size)
{
	const char *code = omen->ret < 0 ? errno_name((int)omen->ret) : NULL;
	char mask[MASK_TEXT], who[32] = "";

	if (omen->name[0])
		(void)snprintf(who, sizeof(who), " (peer %s)", omen->name);
	switch (omen->kind) {
	case OMEN_EINTR:
	case OMEN_ACCEPT:
	case OMEN_ERROR:
		(void)snprintf(out, size, "%s(%d) %s %s%s", call_name(omen->call), omen->fd,
			       omen->injected ? "was made to fail with" : "gave", code ? code : "an error",
			       who);
		break;
	case OMEN_REPORT:
		(void)snprintf(out, size, "%s was reported for fd %d%s",
			       mask_short(omen->events, mask, sizeof(mask)), omen->fd, who);
		break;
	case OMEN_END:
		(void)snprintf(out, size, "%s(%d) gave 0%s", call_name(omen->call), omen->fd, who);
		break;
	case OMEN_PEER:
		(void)snprintf(out, size, "peer %s %s", omen->name, act_text(omen->act));
		break;
	case OMEN_NONE:
		(void)snprintf(out, size, "nothing of note");
		break;
	}
	return out;
}

void omens_release(struct omens *omens)
{
	map_free_all(&omens->threads);
	map_free_all(&omens->words);
}
