/* SPDX-License-Identifier: MIT */
/* How the terminal looks: marks, colours, and what a locale without UTF-8 gets instead. */
#ifndef WRINGER_REPORT_STYLE_H
#define WRINGER_REPORT_STYLE_H

#include <stdbool.h>
#include "base/buf.h"
#include "run/result.h"

enum tint { TINT_NONE, TINT_GOOD, TINT_BAD, TINT_BROKEN, TINT_WARN, TINT_DIM, TINT_BOLD };

struct style {
	bool color, utf8;
	size_t columns;
	bool cut; /* lines that must stay one line are cut to columns */
};

/* Appends cleaned text in that colour. 0 or -ENOMEM. */
int style_put(const struct style *style, enum tint tint, const char *text, struct buf *out);
/* style_put of at most so many columns, with an ellipsis where something is missing. */
int style_cut(const struct style *style, enum tint tint, const char *text, size_t columns, struct buf *out);

/* One column each: "✓" or "+". */
const char *style_verdict_mark(const struct style *style, enum verdict verdict);
const char *style_severity_mark(const struct style *style, enum severity severity);
enum tint style_verdict_tint(enum verdict verdict);
enum tint style_severity_tint(enum severity severity);

#endif
