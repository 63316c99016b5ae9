/* SPDX-License-Identifier: MIT */
#include "fuzz/server/pattern.h"

#include <stdint.h>

const char *pattern_letters(unsigned count)
{
	static char made[2][PATTERN_SIZE + 32];
	char *text = made[count == PATTERN_ECHO];

	for (size_t i = 0; !text[0] || (i && i < sizeof made[0]); i++)
		text[i] = (char)('a' + i % count);
	return text;
}

/* As much as a register holds, from anywhere. */
typedef uint64_t wide __attribute__((vector_size(16), aligned(1), may_alias));

/* Not by memcmp, which libFuzzer takes over and looks into. */
size_t pattern_same(const char *one, const char *other, size_t size)
{
	size_t i = 0;

	for (; i + 4 * sizeof(wide) <= size; i += 4 * sizeof(wide)) {
		const wide *a = (const wide *)(const void *)(one + i);
		const wide *b = (const wide *)(const void *)(other + i);
		wide differ = (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]);
		if (differ[0] | differ[1])
			break;
	}
	while (i < size && one[i] == other[i])
		i++;
	return i;
}
