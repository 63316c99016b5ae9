/* SPDX-License-Identifier: MIT */
/*
 * Direct descriptors: what io_uring keeps in a slot of the ring instead of under a number of the process. A
 * slot that is used again leads to another file, with a name (id) of its own, so that (ring, slot) and the
 * time tell which one is meant.
 */
#include <errno.h>
#include "model/world_impl.h"

struct file *direct_at(const struct file *ring, int32_t slot)
{
	return slot < 0 ? NULL : map_get(&ring->direct, (uint32_t)slot);
}

int direct_put(struct world *world, struct file *ring, int32_t slot, struct file *file)
{
	direct_drop(world, ring, (uint32_t)slot, 1);
	if (map_put(&ring->direct, (uint32_t)slot, file) < 0)
		return -ENOMEM;
	file->refs++;
	return 0;
}

void direct_drop(struct world *world, struct file *ring, uint64_t first, uint64_t count)
{
	struct file *file;
	uint64_t slot;
	size_t at = 0;

	if (count == 1 && (file = map_remove(&ring->direct, first)))
		file_release(world, file);
	if (count == 1)
		return;
	while ((file = map_next(&ring->direct, &at, &slot))) {
		if (slot < first || slot - first >= count)
			continue;
		(void)map_remove(&ring->direct, slot);
		file_release(world, file);
	}
}
