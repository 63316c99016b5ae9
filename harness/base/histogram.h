/* SPDX-License-Identifier: MIT */
/*
 * Durations in ns, counted in buckets: each doubling is cut into HISTOGRAM_STEPS equal parts, so that a value
 * is known to 1 in HISTOGRAM_STEPS whatever its size, and the memory does not grow. One flat struct without
 * pointers: it may lie in shared memory, and zero-initialised is empty.
 */
#ifndef WRINGER_BASE_HISTOGRAM_H
#define WRINGER_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/error.h"

#define HISTOGRAM_STEPS	  256
#define HISTOGRAM_BITS	  8  /* its logarithm */
#define HISTOGRAM_HIGHEST 41 /* values from 2^41 ns (37 minutes) on share the last bucket */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_HIGHEST - HISTOGRAM_BITS + 1) * HISTOGRAM_STEPS)
#define HISTOGRAM_VERSION 1

struct histogram {
	uint64_t count, total, min, max; /* exact; total stays at UINT64_MAX once it is there */
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);
/* count durations from least on, each `step` ns above the one before, as if each had been added: in a time
 * that does not grow with their number. */
void histogram_add_even(struct histogram *histogram, uint64_t least, double step, uint64_t count);
/* into: as if all that was added to from had been added to it. */
void histogram_merge(struct histogram *into, const struct histogram *from);
/*
 * The smallest duration that millionths of a million of them do not exceed: never below the true one, above
 * it by less than 1 in HISTOGRAM_STEPS, and never above the greatest. 0 when there is none.
 */
uint64_t histogram_at(const struct histogram *histogram, uint32_t millionths);
uint64_t histogram_mean(const struct histogram *histogram);

/* Appends its saved form: a few lines of text. 0 or -ENOMEM. */
int histogram_save(const struct histogram *histogram, struct buf *out);
/*
 * Reads one back. 0; -EINVAL with error for what is none, -ENOTSUP for one of another version. The error does
 * not name the file.
 */
int histogram_read(const char *text, size_t size, struct histogram *ret_histogram, struct error *error);

#endif
