/* SPDX-License-Identifier: MIT */
/* A finding in full: both sides of the story on one time line, how to mend it, how to see it again. */
#ifndef WRINGER_REPORT_TIMELINE_H
#define WRINGER_REPORT_TIMELINE_H

#include "base/buf.h"
#include "report/fold.h"
#include "report/report.h"
#include "report/style.h"

/* Appends it. brief: without the time line. 0 or -ENOMEM. */
int timeline_put(const struct style *style, const struct report_head *head, const struct fold_group *group,
		 bool brief, struct buf *out);

/* "     again: wringer run …", nothing when the head does not know. 0 or -ENOMEM. */
int timeline_again(const struct style *style, const struct report_head *head, const char *scenario,
		   const char *target, uint32_t round, struct buf *out);

/* "     mend: …", wrapped below itself. 0 or -ENOMEM. */
int timeline_labelled(const struct style *style, const char *label, const char *text, struct buf *out);

/* A paragraph, wrapped, every line indented. 0 or -ENOMEM. */
int timeline_paragraph(const struct style *style, size_t indent, const char *text, struct buf *out);

#endif
