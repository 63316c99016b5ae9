/* SPDX-License-Identifier: MIT */
/*
 * Interest lists and what waits returned. A registration is keyed by (number, description), as in
 * fs/eventpoll.c's struct epoll_filefd: closing the number alone does not end it while a dup or a child holds
 * the description (epoll(7), Q6).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "base/buf.h"
#include "model/promise.h"
#include "model/world_impl.h"

static struct reg *find_reg(const struct file *epoll, const struct file *file, int32_t fd)
{
	for (struct reg *reg = file->regs; reg; reg = reg->file_next)
		if (reg->epoll == epoll && reg->fd == fd)
			return reg;
	return NULL;
}

/* Another member with the same data, when the one that the map named is gone. */
static struct reg *twin(const struct reg *gone)
{
	if (!gone->epoll->twins)
		return NULL;
	for (struct reg *reg = gone->epoll->members; reg; reg = reg->epoll_next)
		if (reg != gone && reg->data == gone->data)
			return reg;
	return NULL;
}

static int index_reg(struct reg *reg)
{
	const struct reg *same = map_get(&reg->epoll->sets, reg->data);

	reg->epoll->twins |= same && same != reg;
	return map_put(&reg->epoll->sets, reg->data, reg);
}

static void unindex_reg(struct reg *reg)
{
	if (map_get(&reg->epoll->sets, reg->data) != reg)
		return;
	struct reg *other = twin(reg);
	if (other)
		(void)map_put(&reg->epoll->sets, reg->data, other); /* replaces: cannot fail */
	else
		map_remove(&reg->epoll->sets, reg->data);
}

static void unlink_reg(struct world *world, struct reg *reg)
{
	struct reg **at = &reg->file->regs;

	unindex_reg(reg);
	while (*at != reg)
		at = &(*at)->file_next;
	*at = reg->file_next;
	/* sets are large: no walk to the one before */
	*(reg->epoll_prev ? &reg->epoll_prev->epoll_next : &reg->epoll->members) = reg->epoll_next;
	if (reg->epoll_next)
		reg->epoll_next->epoll_prev = reg->epoll_prev;
	reg->removed = world->now;
	reg->file_next = world->gone;
	world->gone = reg;
}

void regs_of_closed_file(struct world *world, struct file *file)
{
	while (file->regs)
		unlink_reg(world, file->regs);
	while (file->members)
		unlink_reg(world, file->members);
}

void regs_of_closed_number(struct file *file, int32_t pid, int32_t fd)
{
	for (struct reg *reg = file->regs; reg; reg = reg->file_next)
		if (reg->pid == pid && reg->fd == fd)
			reg->zombie = true;
}

static int ctl_add(struct world *world, struct process *process, struct file *epoll, struct file *file,
		   const struct ctl *ctl)
{
	struct reg *reg = find_reg(epoll, file, ctl->fd);

	if (reg) /* EEXIST would have said so: the old one ended unseen */
		unlink_reg(world, reg);
	reg = calloc(1, sizeof *reg);
	if (!reg)
		return -ENOMEM;
	*reg = (struct reg){
	    .id = ++world->reg_ids,
	    .epoll = epoll,
	    .file = file,
	    .pid = process->pid,
	    .fd = ctl->fd,
	    .events = ctl->events,
	    .data = ctl->data,
	    .added = world->now,
	    .changed = world->now,
	    .file_next = file->regs,
	    .epoll_next = epoll->members,
	};
	file->regs = reg;
	if (epoll->members)
		epoll->members->epoll_prev = reg;
	epoll->members = reg;
	world->touch.reg = reg;
	world->touch.reg_changed = true;
	return index_reg(reg);
}

static int ctl_mod(struct world *world, struct reg *reg, const struct ctl *ctl)
{
	world->touch.reg = reg;
	world->touch.reg_changed = reg->disarmed || reg->events != ctl->events || reg->data != ctl->data;
	if (!world->touch.reg_changed)
		return 0;
	unindex_reg(reg);
	reg->events = ctl->events;
	reg->data = ctl->data;
	reg->disarmed = false;
	reg->changed = world->now;
	return index_reg(reg);
}

int world_ctl(struct world *world, struct process *process, const struct ctl *ctl)
{
	struct file *file = world->touch.file;

	/* A set that is none (epoll_ctl(-1, …) is EBADF) is nothing to keep. */
	if (ctl->ret < 0 || !file || ctl->epfd < 0)
		return 0;
	struct file *epoll = file_of(world, process, ctl->epfd);
	if (!epoll)
		return -ENOMEM;
	epoll->kind = FILE_EPOLL;
	struct reg *reg = find_reg(epoll, file, ctl->fd);
	int r = 0;
	if (ctl->op == EPOLL_CTL_ADD) {
		r = ctl_add(world, process, epoll, file, ctl);
	} else if (reg && ctl->op == EPOLL_CTL_DEL) {
		unlink_reg(world, reg);
		world->touch.reg = reg;
		world->touch.reg_changed = true;
	} else if (ctl->op == EPOLL_CTL_MOD) {
		/* A registration from before we looked is learnt now. */
		r = reg ? ctl_mod(world, reg, ctl) : ctl_add(world, process, epoll, file, ctl);
	}
	if (world->touch.reg_changed)
		file_touch(world, file, true);
	return r;
}

static void note_report(struct world *world, struct report *report)
{
	struct file *file = report->file;
	struct reg *reg = report->reg;

	if (reg) {
		reg->reported = report->events;
		reg->reported_at = world->now;
		reg->reports++;
		reg->disarmed = promise_spends(reg->events);
	}
	if (!file)
		return;
	file->reported = report->events;
	file->reported_ever |= report->events;
	file->reported_at = world->now;
	file->reports++;
}

static struct report resolve_named(struct world *world, int32_t pid, const struct ready *ready)
{
	return (struct report){.file = world_file(world, pid, ready->fd),
			       .events = ready->events,
			       .asked = (uint32_t)ready->data,
			       .data = ready->data};
}

static struct report resolve(const struct file *epoll, const struct ready *ready)
{
	struct report report = {.events = ready->events, .data = ready->data};

	report.reg = epoll ? map_get(&epoll->sets, ready->data) : NULL;
	if (report.reg) {
		report.file = report.reg->file;
		report.asked = report.reg->events;
	}
	return report;
}

int world_report(struct world *world, const struct report *report)
{
	size_t count = world->touch.report_count;
	struct report *reports = array_grow(world->reports, count, &world->report_capacity, sizeof *reports);

	if (!reports)
		return -ENOMEM;
	world->reports = reports;
	reports[count] = *report;
	note_report(world, &reports[count]);
	world->touch.reports = reports;
	world->touch.report_count++;
	return 0;
}

int world_ready(struct world *world, int32_t pid, struct file *epoll, const struct ready *ready,
		uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct report report =
		    epoll ? resolve(epoll, &ready[i]) : resolve_named(world, pid, &ready[i]);
		int r = world_report(world, &report);
		if (r < 0)
			return r;
	}
	return 0;
}

int world_wait(struct world *world, const struct event *event)
{
	struct thread *thread = world->touch.thread;
	uint32_t count;
	const struct ready *ready = event_ready(event, &count);

	thread->waiting = CALL_unknown;
	thread->waits++;
	thread->empty_waits += event->ret == 0;
	thread->last_wait = event->ret;
	thread->woke = world->now;
	if (event->ret <= 0 || (event->flags & EVF_UNREADABLE))
		return 0;
	if (event->fd >= 0 && world->touch.file)
		world->touch.file->kind = FILE_EPOLL;
	/* poll and select name the number; data is what they asked for */
	return world_ready(world, event->pid, event->fd >= 0 ? world->touch.file : NULL, ready, count);
}
