/* SPDX-License-Identifier: MIT */
/* Memory that ends at an unmapped page: whoever reads or writes one byte too far is caught, with or without
 * a sanitizer. */
#ifndef FUZZ_COMMON_GUARD_H
#define FUZZ_COMMON_GUARD_H

#include <stddef.h>

struct guard {
	char *base, *end; /* the first unmapped byte */
	size_t mapped;	  /* the unmapped page included */
};

/* Room for most bytes (and a NUL). Aborts when the kernel gives none. */
void guard_open(struct guard *guard, size_t most);
/* A copy of data whose last byte is the last mapped one. Valid until the next put. */
char *guard_put(struct guard *guard, const void *data, size_t size);
/* The same with a NUL behind it, which is then the last mapped byte. */
char *guard_text(struct guard *guard, const void *data, size_t size);
void guard_close(struct guard *guard);

#endif
