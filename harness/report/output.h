/* SPDX-License-Identifier: MIT */
/* Where a report goes: a file that is whole at any moment, or standard output. */
#ifndef WRINGER_REPORT_OUTPUT_H
#define WRINGER_REPORT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

struct output;

/* path "-" is standard output. Tries now whether path can be written. 0 or a negative errno with error. */
int output_open(const char *path, struct output **ret_output, struct error *error);
/* Whether an earlier text can be replaced by a later one; not standard output, a pipe, a terminal. */
bool output_replaceable(const struct output *output);
/*
 * The text is now all there is. A file is replaced in one step; on anything else the text is written that
 * stands behind what was written before. 0 or a negative errno with error.
 */
int output_write(struct output *output, const char *text, size_t size, struct error *error);
/* Removes what was never renamed, frees. NULL is fine. */
void output_free(struct output *output);

#endif
