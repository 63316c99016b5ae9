/* SPDX-License-Identifier: MIT */
#include "fuzz/server/pattern.h"

#include <stdint.h>
#include <string.h>

const char *pattern_letters(unsigned count)
{
	static char made[2][PATTERN_SIZE + 32];
	char *text = made[count == PATTERN_ECHO];

	for (size_t i = 0; !text[0] || (i && i < sizeof made[0]); i++)
		text[i] = (char)('a' + i % count);
	return text;
}

/* Not by memcmp, which libFuzzer takes over and looks into. */
size_t pattern_same(const char *one, const char *other, size_t size)
{
	size_t i = 0;

	for (uint64_t a, b; i + sizeof a <= size; i += sizeof a) {
		memcpy(&a, one + i, sizeof a);
		memcpy(&b, other + i, sizeof b);
		if (a != b)
			break;
	}
	while (i < size && one[i] == other[i])
		i++;
	return i;
}
