/* SPDX-License-Identifier: MIT */
#include "rules/hand.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include "journal/ring.h"
#include "model/promise.h"

/* A limit and whether it is lowered, in a map's pointer. */
#define SOFT_LOWERED 1u
#define SOFT_SHIFT   1u
#define SOFT_CEILING 0x3fffffffu /* limits beyond are all "as good as none" */

/* Signals whose usual meaning is "end", for servers too. */
static bool asks_to_stop(int64_t signo)
{
	return signo == SIGTERM || signo == SIGINT || signo == SIGQUIT || signo == SIGHUP ||
	       signo == SIGKILL || signo == SIGABRT;
}

static int follow_limit(struct hand *hand, const struct event *event)
{
	uint64_t wanted = event->arg[0] < SOFT_CEILING ? event->arg[0] : SOFT_CEILING;
	uintptr_t soft = (uintptr_t)wanted + 1;
	uintptr_t before = (uintptr_t)map_get(&hand->soft, (uint32_t)event->pid);
	bool was_lowered = before & SOFT_LOWERED, lowered = was_lowered;

	if (event->arg[2]) {
		hand->limited_from_start = true;
		lowered = false;
	} else if (!before || soft < before >> SOFT_SHIFT) {
		lowered = true;
	} else if (soft > before >> SOFT_SHIFT) {
		lowered = false;
	}
	hand->limits += lowered && !was_lowered;
	hand->limits -= !lowered && was_lowered;
	if (was_lowered && !lowered)
		hand->limit_lifted = event->at;
	return map_put(&hand->soft, (uint32_t)event->pid,
		       (void *)(soft << SOFT_SHIFT | (lowered ? SOFT_LOWERED : 0)));
}

static int follow_fault(struct hand *hand, const struct event *event)
{
	if (event->what == FAULT_LIMIT)
		return follow_limit(hand, event);
	if (event->what != FAULT_SIGNAL)
		return 0;
	if (event->ret == SIGSTOP || event->ret == SIGTSTP)
		hand->frozen = true;
	if (event->ret == SIGCONT) {
		hand->frozen = false;
		hand->thawed = event->at;
	}
	if (asks_to_stop(event->ret) && !hand->stop_asked)
		hand->stop_asked = event->at;
	return 0;
}

static int follow_proc(struct hand *hand, const struct world *world, const struct event *event)
{
	struct process *process = world_process(world, event->pid);

	/* A crash raises SIGABRT by itself: only our own counts, in follow_fault. */
	if (event->what != PROC_SIGNAL || !asks_to_stop(event->ret) || event->ret == SIGABRT || !process)
		return 0;
	return map_put(&hand->told, (uint32_t)event->pid, process);
}

/* Remembers whether the last call of its kind on the file was ours more than the kernel's. */
static int note_bent(struct map *bent, struct file *file, const struct event *event)
{
	if (event->flags & (EVF_INJECTED | EVF_SHORTENED))
		return map_put(bent, file->id, file); /* never followed, only found */
	if (bent->live)				      /* nearly always none is */
		(void)map_remove(bent, file->id);
	return 0;
}

static int follow_bent(struct hand *hand, struct file *file, const struct event *event)
{
	enum call_class class = call_class((enum call)event->what);
	bool injected = event->flags & EVF_INJECTED;

	if (injected && event->ret < 0 && class == CLASS_ACCEPT)
		hand->accept_bent = event->at;
	else if (injected && event->ret < 0 && class != CLASS_WAIT && (!file || file->kind != FILE_CONN))
		hand->other_bent = event->at;
	if (!file)
		return 0;
	if (class == CLASS_READ && note_bent(&hand->bent_reads, file, event) < 0)
		return -ENOMEM;
	if (class == CLASS_WRITE && note_bent(&hand->bent_writes, file, event) < 0)
		return -ENOMEM;
	return injected && event->ret < 0 ? map_put(&hand->spoilt, file->id, file) : 0;
}

/* Nothing in a ring is bent by us: what was, is made good by a request that was carried out. */
static void follow_ring(struct hand *hand, const struct file *file, const struct event *event)
{
	const struct ring_entry *entry = event_ring(event);

	if (!entry || !file || event->what != RING_COMPLETE)
		return;
	if (ring_op_class(entry->op) == CLASS_READ)
		(void)map_remove(&hand->bent_reads, file->id);
	if (ring_op_class(entry->op) == CLASS_WRITE)
		(void)map_remove(&hand->bent_writes, file->id);
}

int hand_follow(struct hand *hand, const struct world *world, const struct event *event)
{
	enum call_class class;

	switch (event->kind) {
	case EV_MARK:
		if ((event->what == MARK_STOP || event->what == MARK_END) && !hand->stop_asked)
			hand->stop_asked = event->at;
		return 0;
	case EV_FAULT:
		return follow_fault(hand, event);
	case EV_PROC:
		return follow_proc(hand, world, event);
	case EV_CALL:
		class = call_class((enum call)event->what);
		/* dup and fcntl as well: whoever needs two numbers a connection gives it up for want of one.
		 */
		if (event->ret == -EMFILE || event->ret == -ENFILE ||
		    (promise_is_shortage(event->ret) && (class == CLASS_ACCEPT || class == CLASS_CREATE)))
			hand->fds_short = event->at;
		return follow_bent(hand, world_touch(world)->file, event);
	case EV_RING:
		follow_ring(hand, world_touch(world)->file, event);
		return 0;
	default:
		return 0;
	}
}

bool hand_told(const struct hand *hand, int32_t pid)
{
	return map_get(&hand->told, (uint32_t)pid) != NULL;
}

bool hand_spoilt(const struct hand *hand, const struct file *file)
{
	return file && map_get(&hand->spoilt, file->id) != NULL;
}

bool hand_bent_read(const struct hand *hand, const struct file *file)
{
	return map_get(&hand->bent_reads, file->id) != NULL;
}

bool hand_starved(const struct hand *hand, const struct file *file)
{
	if (!file || (!hand_bent_read(hand, file) && !map_get(&hand->bent_writes, file->id)))
		return false;
	for (const struct reg *reg = file->regs; reg; reg = reg->file_next)
		if (reg->events & EPOLLET)
			return true;
	for (const struct request *request = file->requests; request; request = request->file_next)
		if (request->edge)
			return true;
	return false;
}

void hand_forget(struct hand *hand, const struct file *file)
{
	(void)map_remove(&hand->spoilt, file->id);
	(void)map_remove(&hand->bent_reads, file->id);
	(void)map_remove(&hand->bent_writes, file->id);
}

void hand_release(struct hand *hand)
{
	map_free(&hand->soft);
	map_free(&hand->told);
	map_free(&hand->spoilt);
	map_free(&hand->bent_reads);
	map_free(&hand->bent_writes);
}
