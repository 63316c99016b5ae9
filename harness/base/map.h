/* SPDX-License-Identifier: MIT */
/* A hash map from 64-bit keys to pointers (open addressing). Owns neither. */
#ifndef WRINGER_BASE_MAP_H
#define WRINGER_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map {
	struct map_slot *slots;
	size_t capacity, used, live;
};

struct map_slot {
	uint64_t key;
	void *value; /* NULL: empty or deleted */
	unsigned char state;
};

void *map_get(const struct map *map, uint64_t key);
/* Sets or replaces; value must not be NULL. 0 or -ENOMEM. */
int map_put(struct map *map, uint64_t key, void *value);
/* Takes the key out and returns its value, NULL if it was not there. */
void *map_remove(struct map *map, uint64_t key);
/* Walks in no particular order: start with *at = 0, NULL at the end. Removing the entry just returned is
 * allowed. */
void *map_next(const struct map *map, size_t *at, uint64_t *ret_key);
/* Frees the table, not the values; the map is empty afterwards. */
void map_free(struct map *map);
/* The same, and free() on every value. */
void map_free_all(struct map *map);

/* Two 32-bit numbers as one key. */
static inline uint64_t map_key2(uint32_t high, uint32_t low)
{
	return (uint64_t)high << 32 | low;
}

#endif
