/* SPDX-License-Identifier: MIT */
/* How servers grow with the connections they hold: a table, one JSON object, a chart. */
#ifndef WRINGER_REPORT_SCALE_H
#define WRINGER_REPORT_SCALE_H

#include "base/buf.h"
#include "report/style.h"
#include "run/scale.h"

struct scale_report {
	const struct scale_row *rows;
	size_t count;
	const char *kernel;
	long cpus;
};

/* Appends the tables. 0 or -ENOMEM. */
int scale_put(const struct scale_report *report, const struct style *style, struct buf *out);
/* Appends one JSON object. 0 or -ENOMEM. */
int scale_put_json(const struct scale_report *report, struct buf *out);
/* Appends a whole SVG picture: both axes logarithmic, so that what is linear rises and what is constant lies
 * flat. 0 or -ENOMEM. */
int scale_put_svg(const struct scale_report *report, struct buf *out);

/* "15,000". Returns out (24 is enough). */
char *scale_number(uint64_t number, char *out, size_t size);
/* "7.4 µs", "1.3 ms", with three digits at most. Returns out (24 is enough). */
char *scale_time(double us, char *out, size_t size);
/* How many times the last point's CPU time is the first one's; 0 with fewer than two points. */
double scale_growth(const struct scale_row *row);

#endif
