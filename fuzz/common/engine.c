/* SPDX-License-Identifier: MIT */
/* libFuzzer's entry points over one fuzz target, FUZZ_TARGET: compiled once for each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz/common/start.h"
#include "fuzz/common/target.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
				 uint8_t *out, size_t room, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct error error = {0};

	if (fuzz_start(&FUZZ_TARGET, *argc, *argv, argv, argc, &error) < 0) {
		(void)fprintf(stderr, "%s\n", error.text);
		_Exit(2);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FUZZ_TARGET.run(data, size < FUZZ_TARGET.limit ? size : FUZZ_TARGET.limit);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	if (!FUZZ_TARGET.mutate)
		return LLVMFuzzerMutate(data, size, room);
	return FUZZ_TARGET.mutate(data, size, room, seed, LLVMFuzzerMutate);
}

/* Where a target has no way of its own: the head of the one, the tail of the other. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
				 uint8_t *out, size_t room, unsigned seed)
{
	if (FUZZ_TARGET.cross)
		return FUZZ_TARGET.cross(one, one_size, other, other_size, out, room, seed);
	size_t head = one_size ? seed % (one_size + 1) : 0,
	       tail = other_size ? (seed >> 16) % (other_size + 1) : 0;
	head = head < room ? head : room;
	tail = tail < room - head ? tail : room - head;
	memcpy(out, one, head);
	memcpy(out + head, other + other_size - tail, tail);
	return head + tail;
}
