/* SPDX-License-Identifier: MIT */
/* Numbers with units, as typed by people: "100ms", "2m", "5k", "1.5s". */
#ifndef WRINGER_BASE_UNITS_H
#define WRINGER_BASE_UNITS_H

#include <stdint.h>

/* ns, us, ms, s (the default), m, h. 0 or -EINVAL (no number, unknown unit, negative) or -ERANGE. */
int units_duration(const char *text, uint64_t *ret_ns);
/* k, m, g (thousands); Ki, Mi, Gi (1024). Whole numbers. 0, -EINVAL or -ERANGE. */
int units_count(const char *text, uint64_t *ret_count);
/* A factor above 0: "2", "0.5". 0, -EINVAL or -ERANGE. */
int units_factor(const char *text, double *ret_factor);

#endif
