/* SPDX-License-Identifier: MIT */
/*
 * The memory of a target's ring, seen from here: mapped through a borrowed copy of its fd, or, when the
 * target gave the memory itself (NO_MMAP), read from the target.
 *
 * A mapping holds the ring as the target's own does: the kernel lets go of it only after both. It is given
 * back before the target's close or exec is let through, and as soon as its process has ended.
 */
#ifndef WRINGER_WATCH_RING_MAP_H
#define WRINGER_WATCH_RING_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "watch/ring_abi.h"

enum ring_area { RING_AREA_SQ, RING_AREA_CQ, RING_AREA_SQES, RING_AREAS };

struct ring_map {
	pid_t pid;
	struct {
		void *near;   /* our mapping, NULL: there is none */
		uint64_t far; /* the target's own address, 0: not known */
		size_t size;
	} area[RING_AREAS];
	bool single; /* CQ is the mapping of SQ */
};

/* 0 or a negative errno; then nothing is mapped. */
int ring_map_open(struct ring_map *map, pid_t pid, int pidfd, int fd, const struct abi_params *params);
void ring_map_close(struct ring_map *map);

/* Bytes of an area, whole or not at all. */
bool ring_map_copy(const struct ring_map *map, enum ring_area area, size_t offset, void *out, size_t size);
/* A head or tail: what was written before it is seen by a copy after it. */
bool ring_map_word(const struct ring_map *map, enum ring_area area, size_t offset, uint32_t *ret_word);

#endif
