/* SPDX-License-Identifier: MIT */
/* What a load came to: for people, and for machines. */
#ifndef WRINGER_REPORT_LOAD_H
#define WRINGER_REPORT_LOAD_H

#include "report/style.h"
#include "run/bench.h"

/* Append; 0 or -ENOMEM. kernel: as the report's head says it. */
int load_put(const struct bench *bench, const struct style *style, struct buf *out);
int load_put_json(const struct bench *bench, const char *kernel, struct buf *out);
/* The percentiles of a histogram, a line each with a bar. */
int load_put_latency(const struct histogram *latency, const struct style *style, struct buf *out);

#endif
