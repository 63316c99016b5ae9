/* SPDX-License-Identifier: MIT */
/* The figures of a result's "measures", a row each, for the writer and the reader of the JSON. */
#ifndef WRINGER_RUN_RESULT_ROWS_H
#define WRINGER_RUN_RESULT_ROWS_H

#include <stddef.h>

enum measure_type { MEASURE_DOUBLE, MEASURE_SIGNED, MEASURE_UNSIGNED };

struct measure_row {
	const char *name;
	enum measure_type type;
	size_t offset; /* in struct result_measures */
};

extern const struct measure_row measure_rows[];
extern const size_t measure_row_count;

#endif
