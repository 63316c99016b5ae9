/* SPDX-License-Identifier: MIT */
/* Numbers (fd tables) and what they lead to (open file descriptions). */
#include <errno.h>
#include <stdlib.h>
#include "model/world_impl.h"

struct file *file_new(struct world *world, enum file_kind kind, int32_t pid, int32_t fd)
{
	struct file *file = calloc(1, sizeof *file);

	if (!file || list_add(&world->files, file) < 0) {
		free(file);
		return NULL;
	}
	file->id = ++world->file_ids;
	file->index = world->files.count - 1;
	file->kind = kind;
	file->pid = pid;
	file->fd = fd;
	file->peer = -1;
	file->opened = file->touched = file->progressed = world->now;
	file->last_read = file->last_write = file->last_accept = NOT_YET;
	return file;
}

void file_release(struct world *world, struct file *file)
{
	if (--file->refs > 0)
		return;
	file->closed = world->now;
	file->closed_turn = world->touch.thread ? world->touch.thread->woke : 0;
	file->progressed = world->now;
	regs_of_closed_file(world, file);
	requests_of_closed_ring(world, file);
	direct_drop(world, file, 0, DIRECT_ALL);
	world_unpair(file);
	world_closed(world, file);
}

struct fd_table *table_new(void)
{
	struct fd_table *table = calloc(1, sizeof *table);

	if (table)
		table->refs = 1;
	return table;
}

static int put_slot(struct fd_table *table, int32_t fd, struct file *file, bool cloexec)
{
	struct slot *slot = calloc(1, sizeof *slot);

	if (!slot || map_put(&table->slots, (uint32_t)fd, slot) < 0) {
		free(slot);
		return -ENOMEM;
	}
	*slot = (struct slot){.file = file, .fd = fd, .cloexec = cloexec};
	file->refs++;
	return 0;
}

static void clear_table(struct world *world, struct fd_table *table, bool cloexec_only)
{
	size_t at = 0;
	struct slot *slot;

	while ((slot = map_next(&table->slots, &at, NULL))) {
		if (cloexec_only && !slot->cloexec)
			continue;
		struct file *file = slot->file;
		map_remove(&table->slots, (uint32_t)slot->fd);
		free(slot);
		file_release(world, file);
	}
}

struct fd_table *table_copy(struct world *world, const struct fd_table *table)
{
	struct fd_table *copy = table_new();
	size_t at = 0;
	const struct slot *slot;

	while (copy && (slot = map_next(&table->slots, &at, NULL))) {
		if (put_slot(copy, slot->fd, slot->file, slot->cloexec) < 0) {
			table_unref(world, copy);
			return NULL;
		}
	}
	return copy;
}

void table_unref(struct world *world, struct fd_table *table)
{
	if (!table || --table->refs > 0)
		return;
	clear_table(world, table, false);
	map_free(&table->slots);
	free(table);
}

void table_free(struct fd_table *table)
{

	map_free_all(&table->slots);
	free(table);
}

void table_exec(struct world *world, struct fd_table *table)
{
	clear_table(world, table, true);
}

struct slot *table_slot(const struct fd_table *table, int32_t fd)
{
	return fd < 0 ? NULL : map_get(&table->slots, (uint32_t)fd);
}

void table_drop(struct world *world, struct process *process, int32_t fd)
{
	struct slot *slot = fd < 0 ? NULL : map_remove(&process->table->slots, (uint32_t)fd);

	if (!slot)
		return;
	struct file *file = slot->file;
	free(slot);
	regs_of_closed_number(file, process->pid, fd);
	file_release(world, file);
}

int table_set(struct world *world, struct process *process, int32_t fd, struct file *file, bool cloexec)
{
	/* A number that is given out again was closed, by whatever we did not see. dup2 onto itself changes
	 * nothing. */
	struct slot *old = table_slot(process->table, fd);

	if (fd < 0) /* no kernel gives it out: a record of something that could not be read */
		return 0;
	if (old && old->file == file) {
		old->cloexec = cloexec;
		return 0;
	}
	table_drop(world, process, fd);
	return put_slot(process->table, fd, file, cloexec);
}

struct file *file_of(struct world *world, struct process *process, int32_t fd)
{
	struct slot *slot = table_slot(process->table, fd);

	if (slot)
		return slot->file;
	if (fd < 0)
		return NULL;
	struct file *file = file_new(world, FILE_OTHER, process->pid, fd);
	if (!file || put_slot(process->table, fd, file, false) < 0)
		return NULL;
	return file;
}
