/* SPDX-License-Identifier: MIT */
/* Which name was meant. */
#ifndef WRINGER_CLI_NEAREST_H
#define WRINGER_CLI_NEAREST_H

#include <stddef.h>

/* Insertions, deletions, changes and swaps of neighbours that lead from a to b. Names beyond 63 bytes:
 * SIZE_MAX. */
size_t edit_distance(const char *a, const char *b);

struct nearest {
	const char *wanted;
	size_t distance;
	char name[64]; /* "" while nothing is near enough */
};

struct nearest nearest_begin(const char *wanted);
void nearest_offer(struct nearest *nearest, const char *name);
/* "; did you mean rst-idle?" or "". Writes into out, returns it. */
char *nearest_hint(const struct nearest *nearest, char *out, size_t size);

#endif
