/* SPDX-License-Identifier: MIT */
#include "inject/schedule_shrink.h"

#include <string.h>

size_t schedule_shrink(struct schedule *schedule, uint8_t *moves,
		       bool (*breaks)(void *arg, const struct schedule *schedule), void *arg, size_t most)
{
	uint8_t kept[SCHEDULE_MOST];
	size_t asked = 0;

	schedule->moves = moves;
	for (size_t part = schedule->count; part; part /= 2) {
		for (size_t at = 0; at + part <= schedule->count && (!most || asked < most);) {
			size_t size = schedule->count * MOVE_SIZE;

			memcpy(kept, moves, size);
			memmove(moves + at * MOVE_SIZE, moves + (at + part) * MOVE_SIZE,
				size - (at + part) * MOVE_SIZE);
			schedule->count -= part;
			asked++;
			if (breaks(arg, schedule))
				continue;
			schedule->count += part;
			memcpy(moves, kept, size);
			at += part;
		}
	}
	return asked;
}
