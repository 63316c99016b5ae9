/* SPDX-License-Identifier: MIT */
/* What a case has to say, in the words that every format for people shares. */
#ifndef WRINGER_REPORT_STORY_H
#define WRINGER_REPORT_STORY_H

#include <stdbool.h>
#include "base/buf.h"
#include "run/result.h"

/* Whose line of evidence it is: "peer", "kernel", "target", "fault", "mark". */
const char *story_side(char side);

/* Whether the line stands for many like the one before: it has no time of its own. */
bool story_folded(const struct evidence *line);

/* "  0.1011 kernel  fd 9: IN|RDHUP|ERR|HUP" without indentation; a folded line has dots instead of the time.
 * 0 or -ENOMEM. */
int story_evidence(const struct evidence *line, struct buf *out);

/* "hup-spin (error): fd 9 (peer c3): HUP …" and its evidence below, each line after indent blanks. 0 or
 * -ENOMEM. */
int story_finding(const struct result_finding *finding, int indent, struct buf *out);

/* Why the case did not pass, in one line: its reason, else its first error. "" when there is nothing to say.
 */
const char *story_reason(const struct result *result);

/* Length of the first sentence of a paragraph. */
size_t story_sentence(const char *paragraph);

#endif
