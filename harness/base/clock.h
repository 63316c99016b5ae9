/* SPDX-License-Identifier: MIT */
/* Time: CLOCK_MONOTONIC in nanoseconds. Everything that is stamped or awaited uses this one clock. */
#ifndef WRINGER_BASE_CLOCK_H
#define WRINGER_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

/* CLOCK_MONOTONIC now, in ns. */
uint64_t clock_now(void);

/* ns as seconds. */
double clock_seconds(uint64_t ns);

#endif
