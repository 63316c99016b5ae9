/* SPDX-License-Identifier: MIT */
/* What a server that was attached to already had: processes, fds, interest lists. */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include "model/promise.h"
#include "model/world_impl.h"

static const enum file_kind kinds[FOUNDS] = {
    [FOUND_SOCKET] = FILE_SOCKET,     [FOUND_LISTENER] = FILE_LISTENER, [FOUND_CONN] = FILE_CONN,
    [FOUND_OUTGOING] = FILE_OUTGOING, [FOUND_EPOLL] = FILE_EPOLL,	[FOUND_PIPE] = FILE_PIPE,
    [FOUND_EVENTFD] = FILE_EVENTFD,   [FOUND_TIMERFD] = FILE_TIMERFD,	[FOUND_SIGNALFD] = FILE_SIGNALFD,
    [FOUND_RING] = FILE_RING,	      [FOUND_OTHER] = FILE_OTHER,
};

static int found_process(struct world *world, struct process *process, const struct event *event)
{
	process->parent = (int32_t)event->arg[0];
	process->first = event->arg[1] == 1;
	return thread_of(world, event->pid, event->pid) ? 0 : -ENOMEM;
}

static int found_same(struct world *world, struct process *process, const struct event *event)
{
	struct file *file = world_file(world, (int32_t)event->arg[0], (int32_t)event->arg[1]);

	if (!file)
		return 0;
	world->touch.file = file;
	return table_set(world, process, event->fd, file, event->arg[2] & O_CLOEXEC);
}

static int found_file(struct world *world, struct process *process, const struct event *event)
{
	struct file *file = file_new(world, kinds[event->what], process->pid, event->fd);

	if (!file || table_set(world, process, event->fd, file, event->arg[2] & O_CLOEXEC) < 0)
		return -ENOMEM;
	world->touch.file = file;
	file->nonblock = event->arg[2] & O_NONBLOCK;
	file->tcp = event->ret == 1;
	file->port = port_of(event->data, event->size);
	if (event->what != FOUND_CONN || !file->port || !is_from_a_peer(event->data, event->size))
		return 0;
	return world_join(world, file);
}

/* The kernel adds ERR and HUP to what was asked for. A number that is not open now names what was closed
 * under it: unknown. */
static int found_reg(struct world *world, struct process *process, int32_t epfd, const struct ready *ready)
{
	const struct ctl ctl = {
	    .epfd = epfd,
	    .fd = ready->fd,
	    .op = EPOLL_CTL_ADD,
	    .events = ready->events & ~PROMISE_UNASKED,
	    .data = ready->data,
	};
	int r;

	world->touch.file = world_file(world, process->pid, ready->fd);
	if (!world->touch.file)
		return 0;
	r = world_ctl(world, process, &ctl);
	if (r == 0 && world->touch.reg)
		world->touch.reg->disarmed = promise_is_spent(ready->events);
	return r;
}

static int found_list(struct world *world, struct process *process, const struct event *event)
{
	uint32_t count;
	const struct ready *ready = event_ready(event, &count);
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = found_reg(world, process, event->fd, &ready[i]);
	world->touch.reg = NULL;
	world->touch.reg_changed = false;
	world->touch.file = world_file(world, process->pid, event->fd);
	return r;
}

int world_found(struct world *world, const struct event *event)
{
	struct process *process = process_of(world, event->pid);

	if (!process)
		return -ENOMEM;
	world->touch.process = process;
	switch (event->what) {
	case FOUND_PROCESS:
		return found_process(world, process, event);
	case FOUND_THREAD:
		return thread_of(world, event->pid, event->tid) ? 0 : -ENOMEM;
	case FOUND_SAME:
		return found_same(world, process, event);
	case FOUND_LIST:
		return found_list(world, process, event);
	default:
		return event->what < FOUNDS && event->fd >= 0 ? found_file(world, process, event) : 0;
	}
}
