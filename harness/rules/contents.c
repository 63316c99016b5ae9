/* SPDX-License-Identifier: MIT */
#include "rules/contents.h"

#include <errno.h>
#include <signal.h>

static uint64_t most(uint64_t one, uint64_t other)
{
	return one > other ? one : other;
}

static void count_actor(struct contents *contents, const struct event *event)
{
	if (!event->pid)
		return;
	if (!contents->pid) {
		contents->pid = event->pid;
		contents->tid = event->tid;
	}
	/* Probes of a process and signals to it name no thread of its own. */
	if (event->pid != contents->pid || (event->tid && event->tid != contents->tid))
		contents->crowd = true;
}

static void count_moved(struct contents *contents, const struct event *event, enum call_class class)
{
	bool many = event->what == CALL_recvmmsg || event->what == CALL_sendmmsg;
	uint64_t bytes = many ? event->arg[2] : (uint64_t)event->ret;

	contents->moved += bytes;
	if (class == CLASS_WRITE)
		contents->written += bytes;
}

static void count_call(struct contents *contents, const struct event *event)
{
	enum call_class class = call_class((enum call)event->what);
	uint32_t ready = 0;

	contents->classes[class]++;
	contents->failed[class] += event->ret < 0;
	contents->interrupted += event->ret == -EINTR;
	contents->bad += event->ret == -EBADF || (event->ret == -ENOENT && class == CLASS_CTL);
	if (class == CLASS_WAIT) {
		contents->waiting = false;
		(void)event_ready(event, &ready);
		contents->reports += ready;
	} else if ((class == CLASS_READ || class == CLASS_WRITE) && event->ret > 0) {
		count_moved(contents, event, class);
	}
}

static void count_mark(struct contents *contents, const struct event *event)
{
	contents->samples += event->what == MARK_SAMPLE;
	contents->stopping |= event->what == MARK_STOP || event->what == MARK_END;
	contents->recovering |= event->what == MARK_RECOVERY;
}

static void count_signal(struct contents *contents, const struct event *event)
{
	bool asks = event->ret == SIGTERM || event->ret == SIGINT || event->ret == SIGQUIT;

	if (asks && !contents->told_at)
		contents->told_at = event->at;
}

static void count_process(struct contents *contents, const struct event *event)
{
	if (event->what == PROC_SIGNAL)
		count_signal(contents, event);
	contents->crowd |= event->what == PROC_FORK;
	if (event->what != PROC_EXIT || !event->arg[0])
		return;
	contents->ended_at = event->at;
	contents->exits += !contents->stopping;
}

static void count_peer(struct contents *contents, const struct event *event)
{
	bool canary = event->flags & EVF_CANARY;

	contents->wrong += event->what == PEER_WRONG;
	contents->given_up += event->what == PEER_UNANSWERED && event->arg[0];
	if (canary && contents->recovering && event->what == PEER_CONNECT)
		contents->fresh = event->peer;
	contents->recovered |= canary && contents->recovering && contents->fresh == event->peer &&
			       event->what == PEER_ANSWER && event->peer;
}

static void count_probe(struct contents *contents, const struct event *event)
{
	bool sleeps = event->arg[0] == 'S' || event->arg[0] == 'D';

	if (event->what == PROBE_THREAD) {
		contents->stuck += sleeps && !contents->waiting;
		contents->cpu = most(contents->cpu, event->arg[2]);
	} else if (event->what == PROBE_PROCESS) {
		contents->cpu = most(contents->cpu, event->arg[1]);
		contents->resident = most(contents->resident, event->arg[2]);
	}
}

void contents_count(struct contents *contents, const struct event *event)
{
	if (event->kind >= EV_KINDS)
		return;
	contents->kinds[event->kind]++;
	count_actor(contents, event);
	switch (event->kind) {
	case EV_MARK:
		count_mark(contents, event);
		break;
	case EV_ENTER:
		contents->waiting = event->fd >= 0;
		break;
	case EV_CALL:
		count_call(contents, event);
		break;
	case EV_PROC:
		count_process(contents, event);
		break;
	case EV_FAULT:
		if (event->what == FAULT_SIGNAL)
			count_signal(contents, event);
		break;
	case EV_PEER:
		count_peer(contents, event);
		break;
	case EV_PROBE:
		count_probe(contents, event);
		break;
	default:
		break;
	}
}
