/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include "fuzz/common/target.h"

void fuzz_broken(const char *file, int line, const char *claim)
{
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, claim);
	abort();
}
