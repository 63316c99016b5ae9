/* SPDX-License-Identifier: MIT */
/* What is over leaves the world again, so that a long journal needs no more memory than what is open at a
 * time. */
#include <stdlib.h>
#include "model/world_impl.h"

#define SWEEP_LEAST 256 /* closed files before anybody looks at them */

void world_forgets(struct world *world, world_farewell farewell, void *arg)
{
	world->forgets = true;
	world->farewell = farewell;
	world->farewell_arg = arg;
}

/* A scenario's peers have stories that are told at its end, and their connections with them. */
static bool is_forgettable(const struct world *world, const struct file *file)
{
	return file->kind != FILE_LISTENER && file->kind != FILE_EPOLL && file->kind != FILE_RING &&
	       file->peer < 0 && !file->inbox && !file->requests && !world->peers.count;
}

void world_closed(struct world *world, struct file *file)
{
	if (world->forgets && is_forgettable(world, file))
		(void)list_add(&world->fading, file); /* without memory for it, it is kept */
}

static void forget(struct world *world, struct file *file)
{
	if (world->farewell)
		world->farewell(world->farewell_arg, file);
	if (file->port && map_get(&world->conn_by_port, file->port) == file)
		(void)map_remove(&world->conn_by_port, file->port);
	world->files.items[file->index] = NULL;
	world->file_holes++;
	free(file);
}

/* Nobody walks over the files while an event is applied. */
static void close_holes(struct world *world)
{
	size_t kept = 0;

	for (size_t i = 0; i < world->files.count; i++) {
		struct file *file = world->files.items[i];
		if (!file)
			continue;
		file->index = kept;
		world->files.items[kept++] = file;
	}
	world->files.count = kept;
	world->file_holes = 0;
}

/* What somebody holds is looked at again when as many others have come. */
static void sweep(struct world *world)
{
	size_t kept = 0;

	for (size_t i = 0; i < world->fading.count; i++) {
		struct file *file = world->fading.items[i];
		if (file->holds || !is_forgettable(world, file))
			world->fading.items[kept++] = file;
		else
			forget(world, file);
	}
	world->fading.count = kept;
	if (world->file_holes * 2 > world->files.count)
		close_holes(world);
}

void world_forget_past(struct world *world)
{
	for (struct reg *reg = world->gone, *next; reg; reg = next) {
		next = reg->file_next;
		free(reg);
	}
	world->gone = NULL;
	if (world->fading.count < SWEEP_LEAST || world->fading.count < world->sweep_at)
		return;
	sweep(world);
	world->sweep_at = 2 * world->fading.count;
}
