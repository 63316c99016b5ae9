/* SPDX-License-Identifier: MIT */
/* A JSON report that was written, read again. */
#ifndef WRINGER_REPORT_SAVED_H
#define WRINGER_REPORT_SAVED_H

#include <stddef.h>
#include <stdint.h>
#include "report/report.h"

struct saved;

/*
 * Reads path whole. 0; -EBADMSG with error: no report, one of another version, a member of the wrong type;
 * another negative errno with error: it cannot be read.
 */
int saved_open(const char *path, struct saved **ret_saved, struct error *error);
void saved_free(struct saved *saved); /* NULL is fine */

const char *saved_path(const struct saved *saved);
/* What the report says of its run as a whole, and how it stood. Lives as long as the report does. */
const struct report_head *saved_head(const struct saved *saved);
const struct report_sums *saved_sums(const struct saved *saved);
size_t saved_count(const struct saved *saved);
/* The case at that place, freed by the caller. 0; -EBADMSG or -ENOMEM with error. */
int saved_case(const struct saved *saved, size_t at, struct result *ret_result, struct error *error);

/* The command that runs that case again, as the report says it; NULL: it says none (the case passed, or was
 * no scenario's). Lives as long as the report does. */
const char *saved_again(const struct saved *saved, size_t at);

/* The same for the case so named, in that round. */
const char *saved_again_of(const struct saved *saved, const char *scenario, const char *target,
			   uint32_t round);

/*
 * Whether both are parts of one run: the same wringer, seed, target, command, protocol, watch, known
 * deviations, scenarios, settings and number of shards. NULL, or what differs.
 */
const char *saved_differ(const struct saved *one, const struct saved *other);

#endif
