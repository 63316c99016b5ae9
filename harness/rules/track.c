/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "rules/track.h"

struct track *track_first(const struct track_table *table, uint64_t file)
{
	return map_get(&table->by_file, file);
}

struct track *track_get(struct track_table *table, uint64_t file, uint64_t reg, size_t size)
{
	struct track *first = track_first(table, file), *track;

	for (track = first; track; track = track->next) {
		if (track->reg == reg)
			return track;
	}
	track = calloc(1, size);
	if (!track)
		return NULL;
	*track = (struct track){.next = first, .file = file, .reg = reg};
	if (map_put(&table->by_file, file, track) < 0) {
		free(track);
		return NULL;
	}
	return track;
}

static int end_one(struct track_table *table, void *arg, struct track *track)
{
	int r = table->ending ? table->ending(arg, track) : 0;

	free(track);
	return r;
}

int track_end_reg(struct track_table *table, void *arg, uint64_t file, uint64_t reg)
{
	struct track *first = track_first(table, file), **at = &first, *track;

	while (*at && (*at)->reg != reg)
		at = &(*at)->next;
	track = *at;
	if (!track)
		return 0;
	*at = track->next;
	if (first)
		(void)map_put(&table->by_file, file, first); /* replaces: cannot fail */
	else
		map_remove(&table->by_file, file);
	return end_one(table, arg, track);
}

static int end_chain(struct track_table *table, void *arg, struct track *track)
{
	int r = 0;

	while (track) {
		struct track *next = track->next;
		int r2 = end_one(table, arg, track);

		r = r ? r : r2;
		track = next;
	}
	return r;
}

int track_end_file(struct track_table *table, void *arg, uint64_t file)
{
	return end_chain(table, arg, map_remove(&table->by_file, file));
}

int track_end_touched(struct track_table *table, void *arg, const struct touch *touch)
{
	if (touch->last_close)
		return track_end_file(table, arg, touch->file->id);
	if (touch->reg && touch->reg->removed)
		return track_end_reg(table, arg, touch->reg->file->id, touch->reg->id);
	return 0;
}

int track_end_all(struct track_table *table, void *arg)
{
	size_t at = 0;
	uint64_t file;
	struct track *track;
	int r = 0;

	while ((track = map_next(&table->by_file, &at, &file))) {
		int r2;

		map_remove(&table->by_file, file);
		r2 = end_chain(table, arg, track);
		r = r ? r : r2;
	}
	return r;
}

void track_free(struct track_table *table)
{
	table->ending = NULL;
	(void)track_end_all(table, NULL);
	map_free(&table->by_file);
}
