/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

enum { SLOT_EMPTY, SLOT_FULL, SLOT_DELETED };

static size_t slot_of(uint64_t key, size_t capacity)
{
	key ^= key >> 32;
	key *= 0x9e3779b97f4a7c15ULL;
	return (size_t)(key >> 20) & (capacity - 1);
}

static inline struct map_slot *find(const struct map *map, uint64_t key)
{
	if (!map->live)
		return NULL;
	for (size_t at = slot_of(key, map->capacity);; at = (at + 1) & (map->capacity - 1)) {
		struct map_slot *slot = &map->slots[at];
		if (slot->state == SLOT_EMPTY)
			return NULL;
		if (slot->state == SLOT_FULL && slot->key == key)
			return slot;
	}
}

void *map_get(const struct map *map, uint64_t key)
{
	struct map_slot *slot = find(map, key);

	return slot ? slot->value : NULL;
}

/*
 * Into the first slot of its way that is not full; the key is not there yet, and there is room. Whether that
 * slot was empty: a deleted one, which find passes over, was counted as used already.
 */
static bool insert(struct map_slot *slots, size_t capacity, uint64_t key, void *value)
{
	size_t at = slot_of(key, capacity);

	while (slots[at].state == SLOT_FULL)
		at = (at + 1) & (capacity - 1);
	bool was_empty = slots[at].state == SLOT_EMPTY;
	slots[at] = (struct map_slot){.key = key, .value = value, .state = SLOT_FULL};
	return was_empty;
}

/* Room for one more at a load of at most three quarters, deleted slots counted. */
static int make_room(struct map *map)
{
	if (map->capacity && (map->used + 1) * 4 <= map->capacity * 3)
		return 0;
	size_t capacity = 16;
	while (capacity < (map->live + 1) * 2)
		capacity *= 2;
	struct map_slot *slots = calloc(capacity, sizeof *slots);
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->capacity; i++)
		if (map->slots[i].state == SLOT_FULL)
			(void)insert(slots, capacity, map->slots[i].key, map->slots[i].value);
	free(map->slots);
	*map = (struct map){.slots = slots, .capacity = capacity, .used = map->live, .live = map->live};
	return 0;
}

int map_put(struct map *map, uint64_t key, void *value)
{
	struct map_slot *slot = find(map, key);

	if (slot) {
		slot->value = value;
		return 0;
	}
	if (make_room(map) < 0)
		return -ENOMEM;
	map->used += insert(map->slots, map->capacity, key, value);
	map->live++;
	return 0;
}

void *map_remove(struct map *map, uint64_t key)
{
	struct map_slot *slot = find(map, key);

	if (!slot)
		return NULL;
	void *value = slot->value;
	slot->state = SLOT_DELETED;
	slot->value = NULL;
	map->live--;
	return value;
}

void *map_next(const struct map *map, size_t *at, uint64_t *ret_key)
{
	while (*at < map->capacity) {
		const struct map_slot *slot = &map->slots[(*at)++];
		if (slot->state != SLOT_FULL)
			continue;
		if (ret_key)
			*ret_key = slot->key;
		return slot->value;
	}
	return NULL;
}

void map_free(struct map *map)
{
	free(map->slots);
	*map = (struct map){0};
}

void map_free_all(struct map *map)
{
	size_t at = 0;
	void *value;

	while ((value = map_next(map, &at, NULL)))
		free(value);
	map_free(map);
}
