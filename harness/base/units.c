/* SPDX-License-Identifier: MIT */
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	double factor;
};

static const struct unit durations[] = {
    {"", 1e9}, {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {NULL, 0},
};
static const struct unit counts[] = {
    {"", 1}, {"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"Ki", 1024}, {"Mi", 1048576}, {"Gi", 1073741824}, {NULL, 0},
};

/* A plain decimal: strtod alone would also take signs, "inf", "nan" and hexadecimal. */
static int number(const char *text, double *ret_value, const char **ret_rest)
{
	if (!isdigit((unsigned char)text[0]) || (text[0] == '0' && (text[1] | 32) == 'x'))
		return -EINVAL;
	char *end;
	errno = 0;
	double value = strtod(text, &end);
	if (errno == ERANGE || !isfinite(value))
		return -ERANGE;
	*ret_value = value;
	*ret_rest = end;
	return 0;
}

static int scaled(const char *text, const struct unit *units, double *ret_value)
{
	double value;
	const char *rest;
	int r = number(text, &value, &rest);

	if (r < 0)
		return r;
	for (; units->name; units++) {
		if (strcmp(units->name, rest) != 0)
			continue;
		value *= units->factor;
		if (value >= 9.2e18)
			return -ERANGE;
		*ret_value = value;
		return 0;
	}
	return -EINVAL;
}

int units_duration(const char *text, uint64_t *ret_ns)
{
	double value;
	int r = scaled(text, durations, &value);

	if (r == 0)
		*ret_ns = (uint64_t)llround(value);
	return r;
}

int units_count(const char *text, uint64_t *ret_count)
{
	double value;
	int r = scaled(text, counts, &value);

	if (r < 0)
		return r;
	if (value != floor(value))
		return -EINVAL;
	*ret_count = (uint64_t)value;
	return 0;
}

int units_factor(const char *text, double *ret_factor)
{
	double value;
	const char *rest;
	int r = number(text, &value, &rest);

	if (r < 0)
		return r;
	if (*rest || value <= 0)
		return -EINVAL;
	if (value > 1e6)
		return -ERANGE;
	*ret_factor = value;
	return 0;
}
