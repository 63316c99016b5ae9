/* SPDX-License-Identifier: MIT */
/* In the place of an engine: tries the inputs it is given, one after the other. For a debugger, and for
 * compilers without libFuzzer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/buf.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room)
{
	(void)data;
	return size < room ? size : room;
}

static int try_file(const char *path)
{
	struct buf input = {0};
	FILE *file = fopen(path, "re");
	size_t got = 0;
	int r = file ? 0 : -1;

	do {
		input.size += got;
		r = r < 0 ? r : buf_reserve(&input, 4096);
		got = r < 0 ? 0 : fread(input.data + input.size, 1, 4096, file);
	} while (got);
	if (file)
		(void)fclose(file);
	if (r == 0)
		(void)LLVMFuzzerTestOneInput((const uint8_t *)input.data, input.size);
	else
		(void)fprintf(stderr, "%s: cannot be read\n", path);
	buf_free(&input);
	return r;
}

int main(int argc, char **argv)
{
	int status = 0;

	(void)LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		if (argv[i][0] != '-' && try_file(argv[i]) < 0)
			status = 2;
	free(argv); /* made by fuzz_start */
	return status;
}
