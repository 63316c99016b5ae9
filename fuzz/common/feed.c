/* SPDX-License-Identifier: MIT */
#include "fuzz/common/feed.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fuzz/common/target.h"

void fuzz_file_open(const void *data, size_t size)
{
	int made = memfd_create("fuzz", MFD_CLOEXEC);

	fuzz_claim(made >= 0);
	fuzz_claim(write(made, data, size) == (ssize_t)size);
	fuzz_claim(dup2(made, atoi(FUZZ_FILE_FD)) >= 0);
	(void)close(made);
}

void fuzz_file_close(void)
{
	(void)close(atoi(FUZZ_FILE_FD));
}
