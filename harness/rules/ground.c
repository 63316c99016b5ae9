/* SPDX-License-Identifier: MIT */
#include "rules/ground.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "base/buf.h"
#include "base/clock.h"
#include "journal/ring.h"
#include "model/promise.h"
#include "rules/limits.h"

/* Probes of one round follow each other at once; a later one belongs to another round. */
#define ROUND_SPAN (250 * NS_PER_MS)
/* A thread that is in no wait and was not heard of for this long rests somewhere out of sight. */
#define OUT_OF_SIGHT (250 * NS_PER_MS)

/* A thread's letter and call in a map's pointer. */
#define LETTER	   0xffu
#define CALL_SHIFT 8

/* Probes and peers are one thread's work: what a peer does comes after the round. */
static bool ends_round(const struct event *event)
{
	return event->kind == EV_PEER ||
	       (event->kind == EV_MARK && event->what != MARK_NOTE && event->what != MARK_SAMPLE);
}

bool ground_over(const struct ground *ground, const struct event *event)
{
	if (!ground->open)
		return false;
	return ends_round(event) || (event->kind == EV_PROBE && event->at > ground->began + ROUND_SPAN);
}

/* What the round before the last one was about may be forgotten. */
static void drop_files(struct ground *ground)
{
	for (size_t i = 0; i < ground->before_count; i++)
		file_drop(ground->before[i].file);
	for (size_t i = 0; i < ground->interest_count; i++)
		file_drop(ground->interests[i].file);
}

static void begin_round(struct ground *ground, const struct world *world)
{
	drop_files(ground);

	struct ground_fd *fds = ground->before;
	size_t capacity = ground->before_capacity;

	ground->before = ground->fds;
	ground->before_count = ground->fd_count;
	ground->before_capacity = ground->fd_capacity;
	ground->fds = fds;
	ground->fd_count = 0;
	ground->fd_capacity = capacity;
	ground->interest_count = 0;
	ground->process_count = 0;
	map_free(&ground->letters);
	ground->phase = world_phase(world);
	ground->began = world_now(world);
	ground->open = true;
}

static const struct ground_fd *find(const struct ground_fd *fds, size_t count, const struct file *file)
{
	for (size_t i = 0; i < count; i++)
		if (fds[i].file == file)
			return &fds[i];
	return NULL;
}

static int add_fd(struct ground *ground, const struct world *world, const struct event *event)
{
	struct file *file = world_touch(world)->file;
	bool listener = event->what == PROBE_LISTENER;
	const struct ground_fd *before;
	struct ground_fd *fds, *fd;

	if (!file || find(ground->fds, ground->fd_count, file))
		return 0;
	fds = array_grow(ground->fds, ground->fd_count, &ground->fd_capacity, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	ground->fds = fds;
	fd = &fds[ground->fd_count++];
	file_hold(file);
	*fd = (struct ground_fd){
	    .file = file,
	    .listener = listener,
	    .pid = event->pid,
	    .at = event->at,
	    .waiting = event->arg[0],
	    .unacked = listener ? 0 : event->arg[1],
	    .mask = (uint32_t)event->arg[2],
	    .state = (unsigned)event->arg[3],
	    .guarded = event->ret > 0,
	    .inward = listener ? file->accepted : file->reads,
	    .outward = file->writes,
	};
	before = find(ground->before, ground->before_count, file);
	if (fd->waiting)
		fd->waiting_since = before && before->waiting && before->inward == fd->inward
					? before->waiting_since
					: fd->at;
	if (fd->mask & EPOLLOUT)
		fd->writable_since = before && before->writable_since && before->outward == fd->outward
					 ? before->writable_since
					 : fd->at;
	return 0;
}

static int add_interests(struct ground *ground, const struct world *world, const struct event *event)
{
	uint32_t count;
	const struct ready *ready = event_ready(event, &count);

	for (uint32_t i = 0; i < count; i++) {
		struct file *file = world_file(world, event->pid, ready[i].fd);
		struct ground_interest *interests;

		if (!file)
			continue;
		interests = array_grow(ground->interests, ground->interest_count, &ground->interest_capacity,
				       sizeof(*interests));
		if (!interests)
			return -ENOMEM;
		ground->interests = interests;
		file_hold(file);
		interests[ground->interest_count++] = (struct ground_interest){file, ready[i].events};
	}
	return 0;
}

static int add_process(struct ground *ground, const struct event *event)
{
	struct ground_process *processes = array_grow(ground->processes, ground->process_count,
						      &ground->process_capacity, sizeof(*processes));

	if (!processes)
		return -ENOMEM;
	ground->processes = processes;
	processes[ground->process_count++] = (struct ground_process){
	    .pid = event->pid,
	    .fds = event->arg[0],
	    .cpu = event->arg[1],
	    .limit = event->arg[3],
	};
	return 0;
}

int ground_follow(struct ground *ground, const struct world *world, const struct event *event)
{
	if (ends_round(event))
		ground->open = false;
	if (event->kind != EV_PROBE)
		return 0;
	if (!ground->open || ground_over(ground, event))
		begin_round(ground, world);
	switch ((enum probe)event->what) {
	case PROBE_SOCKET:
	case PROBE_LISTENER:
		return add_fd(ground, world, event);
	case PROBE_THREAD:
		return event->arg[0] ? map_put(&ground->letters, (uint32_t)event->tid,
					       (void *)(uintptr_t)((event->arg[0] & LETTER) |
								   event->arg[1] << CALL_SHIFT))
				     : 0;
	case PROBE_PROCESS:
		return add_process(ground, event);
	case PROBE_EPOLL:
		return add_interests(ground, world, event);
	}
	return 0;
}

bool ground_at_rest(const struct ground *ground)
{
	return ground->phase == MARK_READY || ground->phase == MARK_QUIET || ground->phase == MARK_RECOVERY;
}

const struct ground_fd *ground_find(const struct ground *ground, const struct file *file)
{
	return find(ground->fds, ground->fd_count, file);
}

static char letter_of(const void *found)
{
	return (char)((uintptr_t)found & LETTER);
}

bool ground_runs(const struct ground *ground)
{
	size_t at = 0;
	void *found;

	while ((found = map_next(&ground->letters, &at, NULL)))
		if (letter_of(found) == 'R' || letter_of(found) == 'D')
			return true;
	return false;
}

enum call ground_call(const struct ground *ground, int32_t tid, char *ret_letter)
{
	void *found = map_get(&ground->letters, (uint32_t)tid);
	uintptr_t call = (uintptr_t)found >> CALL_SHIFT;

	if (ret_letter)
		*ret_letter = letter_of(found);
	return call < CALL_COUNT ? (enum call)call : CALL_unknown;
}

bool ground_busy(const struct ground *ground, const struct world *world)
{
	const struct thread *thread;
	size_t at = 0;

	while ((thread = world_next_thread(world, &at))) {
		enum call call = ground_call(ground, thread->tid, NULL);

		if (thread->alive && thread->waiting == CALL_unknown && call != CALL_unknown &&
		    call_class(call) != CLASS_WAIT && call_class(call) != CLASS_ACCEPT)
			return true;
	}
	return false;
}

const struct ground_process *ground_process(const struct ground *ground, int32_t pid)
{
	for (size_t i = 0; i < ground->process_count; i++)
		if (ground->processes[i].pid == pid)
			return &ground->processes[i];
	return NULL;
}

static void arm(struct ground_armed *armed, uint32_t events)
{
	armed->any = true;
	armed->events |= events;
	if ((events & EPOLLIN) && promise_is_level(events))
		armed->level = true;
}

struct ground_armed ground_armed(const struct ground *ground, const struct file *file)
{
	struct ground_armed armed = {0};

	for (const struct reg *reg = file->regs; reg; reg = reg->file_next) {
		if (reg->disarmed)
			armed.disarmed = true;
		else
			arm(&armed, reg->events);
	}
	for (const struct request *request = file->requests; request; request = request->file_next)
		if (request->op == OP_POLL_ADD)
			arm(&armed, (uint32_t)request->length | (request->edge ? EPOLLET : 0));
	for (size_t i = 0; i < ground->interest_count; i++)
		if (ground->interests[i].file == file)
			arm(&armed, ground->interests[i].events);
	return armed;
}

static bool has_timerfd(const struct world *world)
{
	size_t at = 0;
	const struct file *file;

	while ((file = world_next_file(world, &at)))
		if (file->kind == FILE_TIMERFD && !file->closed)
			return true;
	return false;
}

/* What the threads are at. */
struct rest {
	bool awake, waiting, certain;
	uint64_t timer; /* the longest time-out somebody waits with */
};

static void rest_of(const struct ground *ground, const struct world *world, const struct thread *thread,
		    struct rest *rest)
{
	char letter;

	(void)ground_call(ground, thread->tid, &letter);
	if (letter && letter != 'S' && letter != 'I') {
		rest->awake = true;
	} else if (thread->waiting != CALL_unknown) {
		rest->waiting = true;
		if (thread->wait_timeout == UINT64_MAX)
			return;
		rest->certain = false;
		if (thread->wait_timeout > rest->timer)
			rest->timer = thread->wait_timeout;
	} else {
		rest->certain = false;
		/* A loop that is not in its wait is at work, be it blocked; others may rest where we do not
		 * look. */
		if (thread->wait_fd >= 0 || thread->last_event + OUT_OF_SIGHT > world_now(world))
			rest->awake = true;
	}
}

uint64_t ground_patience(const struct ground *ground, const struct judge *judge, bool *ret_certain)
{
	const struct world *world = judge_world(judge);
	struct rest rest = {.certain = true};
	const struct thread *thread;
	size_t at = 0;

	while ((thread = world_next_thread(world, &at)))
		if (thread->alive)
			rest_of(ground, world, thread, &rest);
	if (rest.awake || !rest.waiting)
		return 0;
	if (has_timerfd(world)) {
		rest.certain = false;
		rest.timer = UINT64_MAX;
	}
	if (ret_certain)
		*ret_certain = rest.certain;
	if (rest.certain)
		return judge_window(judge, LIMIT_CERTAIN_WINDOW);
	return judge_window(judge, rest.timer > LIMIT_LOST_WINDOW ? LIMIT_WRITE_WINDOW : LIMIT_LOST_WINDOW);
}

void ground_release(struct ground *ground)
{
	free(ground->fds);
	free(ground->before);
	free(ground->interests);
	free(ground->processes);
	map_free(&ground->letters);
}
