/* SPDX-License-Identifier: MIT */
/* The manual page: prose, and what the tables know. harness/wringer.1 is its output, a test compares the two.
 */
#ifndef WRINGER_CLI_MAN_H
#define WRINGER_CLI_MAN_H

#include "base/buf.h"

/* Appends the whole page as roff. 0 or -ENOMEM. */
int man_page(struct buf *out);

/* The prose (manual.c): before and after what is made from the tables, and before the steps of scripts. */
extern const char man_before[], man_scripts[], man_after[];

#endif
