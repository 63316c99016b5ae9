/* SPDX-License-Identifier: MIT */
#include "cli/nearest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NAME_MOST 63

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][NAME_MOST + 1], m = strlen(a), n = strlen(b);

	if (m > NAME_MOST || n > NAME_MOST)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= m; i++) {
		size_t *now = rows[i % 3], *before = rows[(i - 1) % 3], *earlier = rows[(i + 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= n; j++) {
			now[j] =
			    least(least(before[j], now[j - 1]) + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], earlier[j - 2] + 1);
		}
	}
	return rows[m % 3][n];
}

struct nearest nearest_begin(const char *wanted)
{
	/* A third of a name may be wrong; beyond that a suggestion is noise. */
	size_t most = strlen(wanted) / 3;

	return (struct nearest){.wanted = wanted, .distance = most < 2 ? 3 : most + 1};
}

void nearest_offer(struct nearest *nearest, const char *name)
{
	size_t distance = edit_distance(nearest->wanted, name);

	if (distance >= nearest->distance)
		return;
	nearest->distance = distance;
	(void)snprintf(nearest->name, sizeof nearest->name, "%s", name);
}

char *nearest_hint(const struct nearest *nearest, char *out, size_t size)
{
	*out = 0;
	if (nearest->name[0])
		(void)snprintf(out, size, "; did you mean %s?", nearest->name);
	return out;
}
