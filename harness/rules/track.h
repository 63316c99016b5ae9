/* SPDX-License-Identifier: MIT */
/*
 * What a family remembers about each registration: a table from (file, registration) to a struct of its own
 * that begins with struct track. For poll and select, which have no registrations, the file alone
 * (registration 0).
 */
#ifndef WRINGER_RULES_TRACK_H
#define WRINGER_RULES_TRACK_H

#include <stddef.h>
#include <stdint.h>
#include "base/map.h"
#include "model/world.h"

struct track {
	struct track *next; /* of the same file */
	uint64_t file, reg;
};

struct track_table {
	struct map by_file;
	/* Called before a track is freed; may be NULL. Returns 0 or a negative errno. */
	int (*ending)(void *arg, struct track *track);
};

/* The first track of a file, NULL none. */
struct track *track_first(const struct track_table *table, uint64_t file);
/* The track, made zeroed with that size when there is none. NULL: out of memory. */
struct track *track_get(struct track_table *table, uint64_t file, uint64_t reg, size_t size);
/* Ends the track of one registration, of a whole file, of everything. 0 or what `ending` said first. */
int track_end_reg(struct track_table *table, void *arg, uint64_t file, uint64_t reg);
int track_end_file(struct track_table *table, void *arg, uint64_t file);
/* What the event just applied ended: the file by its last close, or a registration. 0 or what `ending` said.
 */
int track_end_touched(struct track_table *table, void *arg, const struct touch *touch);
int track_end_all(struct track_table *table, void *arg);
/* Frees without a word. */
void track_free(struct track_table *table);

#endif
