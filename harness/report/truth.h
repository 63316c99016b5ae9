/* SPDX-License-Identifier: MIT */
/* What the running kernel was seen to do, beside what the model predicts. */
#ifndef WRINGER_REPORT_TRUTH_H
#define WRINGER_REPORT_TRUTH_H

#include "base/buf.h"
#include "report/style.h"
#include "run/truth.h"

struct truth_form {
	bool quiet;   /* only what differs, was skipped or is broken, and the summary */
	bool verbose; /* every way of asking, and every source */
	const char *kernel;
};

/* Appends the tables. 0 or -ENOMEM. */
int truth_put(const struct truth *truth, const struct truth_form *form, const struct style *style,
	      struct buf *out);
/* Appends one JSON object. 0 or -ENOMEM. */
int truth_put_json(const struct truth *truth, const struct truth_form *form, struct buf *out);
/* What was predicted, or observed, as text: "IN|OUT", "-", "3 bytes", "ECONNRESET", "waits". Returns out. */
char *truth_predicted_text(const struct truth_answer *answer, enum mask_way way, char *out, size_t size);
char *truth_observed_text(const struct truth_answer *answer, enum mask_way way, char *out, size_t size);

#endif
