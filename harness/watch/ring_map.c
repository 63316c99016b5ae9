/* SPDX-License-Identifier: MIT */
#include "watch/ring_map.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "watch/memory.h"
#include "watch/numbers.h"

static void measure(struct ring_map *map, const struct abi_params *params)
{
	size_t array = params->flags & ABI_SETUP_NO_SQARRAY ? 0 : params->sq_entries * sizeof(uint32_t);
	size_t cqe = sizeof(struct abi_cqe) << (params->flags & ABI_SETUP_CQE32 ? 1 : 0);
	size_t sqe = sizeof(struct abi_sqe) << (params->flags & ABI_SETUP_SQE128 ? 1 : 0);
	/* Without the array its offset is 0; heads and tails are then the end. */
	size_t words = (params->sq.dropped > params->sq.tail ? params->sq.dropped : params->sq.tail) + 4;
	size_t sq = array ? params->sq.array + array : words;
	size_t cq = params->cq.cqes + params->cq_entries * cqe;

	if (map->single && cq > sq)
		sq = cq;
	map->area[RING_AREA_SQ].size = sq;
	map->area[RING_AREA_CQ].size = map->single ? sq : cq;
	map->area[RING_AREA_SQES].size = params->sq_entries * sqe;
}

static int map_area(struct ring_map *map, enum ring_area area, int fd, uint64_t offset)
{
	void *near = mmap(NULL, map->area[area].size, PROT_READ, MAP_SHARED, fd, (off_t)offset);

	if (near == MAP_FAILED)
		return -errno;
	map->area[area].near = near;
	return 0;
}

static int map_all(struct ring_map *map, int fd)
{
	int ret = map_area(map, RING_AREA_SQ, fd, ABI_OFF_RINGS);

	if (ret == 0 && map->single)
		map->area[RING_AREA_CQ].near = map->area[RING_AREA_SQ].near;
	else if (ret == 0)
		ret = map_area(map, RING_AREA_CQ, fd, ABI_OFF_CQ);
	if (ret == 0)
		ret = map_area(map, RING_AREA_SQES, fd, ABI_OFF_SQES);
	if (ret < 0)
		ring_map_close(map);
	return ret;
}

int ring_map_open(struct ring_map *map, pid_t pid, int pidfd, int fd, const struct abi_params *params)
{
	int copy, ret;

	*map = (struct ring_map){.pid = pid};
	map->single = params->features & ABI_FEAT_SINGLE_MMAP || params->flags & ABI_SETUP_NO_MMAP;
	measure(map, params);
	if (params->flags & ABI_SETUP_NO_MMAP) {
		map->area[RING_AREA_SQ].far = map->area[RING_AREA_CQ].far = params->cq.user_addr;
		map->area[RING_AREA_SQES].far = params->sq.user_addr;
		return 0;
	}
	copy = pidfd < 0 ? -1 : (int)syscall(__NR_pidfd_getfd, pidfd, fd, 0);
	if (copy < 0)
		return pidfd < 0 ? -EBADF : -errno;
	ret = map_all(map, copy);
	close(copy);
	return ret;
}

void ring_map_close(struct ring_map *map)
{
	for (int i = 0; i < RING_AREAS; i++)
		if (map->area[i].near && !(i == RING_AREA_CQ && map->single))
			(void)munmap(map->area[i].near, map->area[i].size);
	*map = (struct ring_map){0};
}

bool ring_map_copy(const struct ring_map *map, enum ring_area area, size_t offset, void *out, size_t size)
{
	if (offset + size > map->area[area].size)
		return false;
	if (map->area[area].near) {
		memcpy(out, (const char *)map->area[area].near + offset, size);
		return true;
	}
	return map->area[area].far && memory_get(map->pid, map->area[area].far + offset, out, size);
}

bool ring_map_word(const struct ring_map *map, enum ring_area area, size_t offset, uint32_t *ret_word)
{
	if (!map->area[area].near)
		return ring_map_copy(map, area, offset, ret_word, sizeof *ret_word);
	if (offset + sizeof *ret_word > map->area[area].size || offset % sizeof *ret_word)
		return false;
	*ret_word = atomic_load_explicit(
	    (const _Atomic uint32_t *)(const void *)((const char *)map->area[area].near + offset),
	    memory_order_acquire);
	return true;
}
