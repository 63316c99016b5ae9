/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/clock.h"
#include "model/world_impl.h"

#define OUT_OF_SIGHT (250 * NS_PER_MS)

int list_add(struct list *list, void *item)
{
	void **items = array_grow(list->items, list->count, &list->capacity, sizeof *items);

	if (!items)
		return -ENOMEM;
	list->items = items;
	list->items[list->count++] = item;
	return 0;
}

struct world *world_new(void)
{
	return calloc(1, sizeof(struct world));
}

static void free_items(struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
}

static void free_files(struct world *world)
{
	for (size_t i = 0; i < world->files.count; i++) {
		struct file *file = world->files.items[i];
		if (!file)
			continue;
		for (struct reg *reg = file->regs, *next; reg; reg = next) {
			next = reg->file_next;
			free(reg);
		}
		map_free(&file->sets);
		map_free(&file->by_number);
		map_free(&file->direct);
		for (struct request *request = file->pending, *next; request; request = next) {
			next = request->ring_next;
			free(request);
		}
		passed_free(file->inbox);
	}
	free_items(&world->files);
}

void world_free(struct world *world)
{
	if (!world)
		return;
	for (size_t i = 0; i < world->processes.count; i++) {
		struct process *process = world->processes.items[i];
		if (process->table && --process->table->refs == 0)
			table_free(process->table);
	}
	world->fading.count = world->lonely.count = 0; /* they are among the others */
	world->sweep_at = SIZE_MAX;
	world_forget_past(world);
	free(world->fading.items);
	free(world->lonely.items);
	free_files(world);
	free_items(&world->threads);
	free_items(&world->processes);
	free_items(&world->peers);
	passed_free(world->adrift);
	map_free(&world->process_by_pid);
	map_free(&world->thread_by_tid);
	map_free(&world->peer_by_id);
	map_free(&world->peer_by_port);
	map_free(&world->conn_by_port);
	while (world->metas) {
		struct meta *next = world->metas->next;
		free(world->metas->text);
		free(world->metas);
		world->metas = next;
	}
	free(world->reports);
	free(world->ended);
	free(world);
}

static int apply_meta(struct world *world, const struct event *event)
{
	const char *text = event->data;

	if (!event->size || text[event->size - 1] != 0)
		return 0;
	struct meta *meta = calloc(1, sizeof *meta);
	if (!meta || !(meta->text = strdup(text))) {
		free(meta);
		return -ENOMEM;
	}
	meta->next = world->metas;
	world->metas = meta;
	return 0;
}

static int apply_mark(struct world *world, const struct event *event)
{
	if (event->what >= MARK_COUNT)
		return 0;
	world->marks[event->what] = world->now;
	if (event->what == MARK_NOTE || event->what == MARK_SAMPLE)
		return 0;
	world->phase = (enum mark)event->what;
	world->phase_since = world->now;
	if (event->what == MARK_READY)
		world->port = (uint16_t)event->arg[0];
	return 0;
}

static int apply_enter(struct world *world, const struct event *event)
{
	struct thread *thread = thread_of(world, event->pid, event->tid);

	if (!thread)
		return -ENOMEM;
	world->touch.thread = thread;
	world->touch.process = thread->process;
	thread->waiting = (enum call)event->what;
	thread->wait_fd = event->fd;
	thread->wait_since = world->now;
	thread->wait_timeout = event->arg[1];
	thread->last_event = world->now;
	return 0;
}

/* Faults and probes change nothing here, but whoever looks wants to know whom they are about. */
static int apply_about(struct world *world, const struct event *event)
{
	if (event->pid)
		world->touch.process = world_process(world, event->pid);
	if (event->tid)
		world->touch.thread = world_thread(world, event->tid);
	if (event->fd >= 0)
		world->touch.file = world_file(world, event->pid, event->fd);
	return 0;
}

int world_apply(struct world *world, const struct event *event)
{
	static int (*const kinds[EV_KINDS])(struct world *, const struct event *) = {
	    [EV_META] = apply_meta,	[EV_MARK] = apply_mark,	  [EV_ENTER] = apply_enter,
	    [EV_CALL] = world_call,	[EV_PROC] = world_proc,	  [EV_FAULT] = apply_about,
	    [EV_PEER] = world_peer_act, [EV_PROBE] = apply_about, [EV_RING] = world_ring,
	    [EV_FOUND] = world_found,
	};

	world->now = event->at;
	world->touch = (struct touch){0};
	if (world->ended) {
		free(world->ended);
		world->ended = NULL;
	}
	if (world->gone || world->fading.count || world->lonely.count)
		world_forget_past(world);
	return event->kind < EV_KINDS && kinds[event->kind] ? kinds[event->kind](world, event) : 0;
}

const struct touch *world_touch(const struct world *world)
{
	return &world->touch;
}

uint64_t world_now(const struct world *world)
{
	return world->now;
}

enum mark world_phase(const struct world *world)
{
	return world->phase;
}

uint64_t world_phase_since(const struct world *world)
{
	return world->phase_since;
}

uint64_t world_mark_time(const struct world *world, enum mark mark)
{
	return (unsigned)mark < MARK_COUNT ? world->marks[mark] : 0;
}

uint16_t world_port(const struct world *world)
{
	return world->port;
}

const char *world_meta(const struct world *world, const char *key)
{
	size_t length = strlen(key);

	for (const struct meta *meta = world->metas; meta; meta = meta->next)
		if (strncmp(meta->text, key, length) == 0 && meta->text[length] == '=')
			return meta->text + length + 1;
	return NULL;
}

struct process *world_process(const struct world *world, int32_t pid)
{
	return map_get(&world->process_by_pid, (uint32_t)pid);
}

struct thread *world_thread(const struct world *world, int32_t tid)
{
	return map_get(&world->thread_by_tid, (uint32_t)tid);
}

struct file *world_file(const struct world *world, int32_t pid, int32_t fd)
{
	const struct process *process = world_process(world, pid);
	const struct slot *slot = process && process->table ? table_slot(process->table, fd) : NULL;

	return slot ? slot->file : NULL;
}

struct peer_view *world_peer(const struct world *world, int32_t peer)
{
	return map_get(&world->peer_by_id, (uint32_t)peer);
}

static void *next_item(const struct list *list, size_t *at)
{
	void *item = NULL;

	while (!item && *at < list->count) /* holes are what was forgotten */
		item = list->items[(*at)++];
	return item;
}

struct file *world_next_file(const struct world *world, size_t *at)
{
	return next_item(&world->files, at);
}

struct thread *world_next_thread(const struct world *world, size_t *at)
{
	return next_item(&world->threads, at);
}

struct process *world_next_process(const struct world *world, size_t *at)
{
	return next_item(&world->processes, at);
}

struct peer_view *world_next_peer(const struct world *world, size_t *at)
{
	return next_item(&world->peers, at);
}

static const struct slot *slot_leading_to(const struct process *process, const struct file *file)
{
	size_t at = 0;
	const struct slot *slot;

	while ((slot = map_next(&process->table->slots, &at, NULL)))
		if (slot->file == file)
			return slot;
	return NULL;
}

int world_locate(const struct world *world, const struct file *file, int32_t *ret_pid, int32_t *ret_fd)
{
	if (file->closed)
		return -ENOENT;
	if (world_file(world, file->pid, file->fd) == file) {
		*ret_pid = file->pid;
		*ret_fd = file->fd;
		return 0;
	}
	for (size_t i = 0; i < world->processes.count; i++) {
		const struct process *process = world->processes.items[i];
		const struct slot *slot =
		    process->alive && process->table ? slot_leading_to(process, file) : NULL;
		if (!slot)
			continue;
		*ret_pid = process->pid;
		*ret_fd = slot->fd;
		return 0;
	}
	return -ENOENT;
}

bool world_holds(const struct world *world, int32_t pid, const struct file *file)
{
	const struct process *process = world_process(world, pid);

	return process && process->table && slot_leading_to(process, file);
}

bool world_asleep_at(const struct world *world, uint64_t now)
{
	bool any = false;

	for (size_t i = 0; i < world->threads.count; i++) {
		const struct thread *thread = world->threads.items[i];
		if (!thread->alive)
			continue;
		any = true;
		if (thread->waiting != CALL_unknown || thread->waits == 0)
			continue;
		if (thread->last_event + OUT_OF_SIGHT > now)
			return false;
	}
	return any;
}

bool world_asleep(const struct world *world)
{
	return world_asleep_at(world, world->now);
}

uint32_t world_fd_count(const struct world *world)
{
	size_t count = 0;

	for (size_t i = 0; i < world->processes.count; i++) {
		const struct process *process = world->processes.items[i];
		if (process->alive && process->table)
			count += process->table->slots.live;
	}
	return (uint32_t)count;
}

uint32_t world_alive(const struct world *world)
{
	uint32_t alive = 0;

	for (size_t i = 0; i < world->processes.count; i++)
		alive += ((const struct process *)world->processes.items[i])->alive;
	return alive;
}
