/* SPDX-License-Identifier: MIT */
/*
 * The engine of `wringer fuzz`: libFuzzer in a program of its own, so that wringer itself needs no clang.
 * What is tried, on which server, and what came of it is the other side's affair (harness/hunt/line.h): here
 * an input goes out, and counters come back, as libFuzzer's extra counters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "hunt/line.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
				 uint8_t *out, size_t room, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

static uint8_t extra[LINE_COUNTERS] __attribute__((section("__libfuzzer_extra_counters"), used));
static struct line *line;
static int line_socket;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *told = getenv(LINE_VARIABLE);
	int memory;

	(void)argc, (void)argv;
	if (!told || sscanf(told, "%d,%d", &line_socket, &memory) != 2) {
		(void)fprintf(stderr, "this is a part of `wringer fuzz`, which starts it\n");
		_Exit(2);
	}
	line = mmap(NULL, sizeof(*line), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (line == MAP_FAILED) {
		perror("mmap");
		_Exit(2);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char byte = 1;

	line->size = (uint32_t)(size < LINE_INPUT ? size : LINE_INPUT);
	if (line->size)
		memcpy(line->input, data, line->size);
	/* the other side has enough when it closes */
	if (write(line_socket, &byte, 1) != 1 || read(line_socket, &byte, 1) != 1)
		_Exit(0);
	memcpy(extra, line->counters, sizeof(extra));
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	return schedule_mutate(data, size, room, seed, LLVMFuzzerMutate);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
				 uint8_t *out, size_t room, unsigned seed)
{
	return schedule_cross(one, one_size, other, other_size, out, room, seed);
}
