/* SPDX-License-Identifier: MIT */
#include "rules/window.h"

uint32_t window_count(struct window *window, uint64_t at, uint64_t span)
{
	uint64_t width = span / WINDOW_SLOTS ? span / WINDOW_SLOTS : 1;
	uint64_t slot = at / width;

	if (slot < window->newest)
		slot = window->newest;
	if (slot >= window->newest + WINDOW_SLOTS) {
		*window = (struct window){.newest = slot};
	} else {
		for (; window->newest < slot; window->newest++) {
			uint32_t *oldest = &window->slots[(window->newest + 1) % WINDOW_SLOTS];

			window->sum -= *oldest;
			*oldest = 0;
		}
	}
	window->slots[slot % WINDOW_SLOTS]++;
	return ++window->sum;
}
