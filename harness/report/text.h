/* SPDX-License-Identifier: MIT */
/* Text that came from targets and peers, made fit for those who read it. */
#ifndef WRINGER_REPORT_TEXT_H
#define WRINGER_REPORT_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

enum text_use {
	TEXT_UTF8,  /* what is not UTF-8 becomes U+FFFD; everything else stays (JSON that is already escaped)
		     */
	TEXT_XML,   /* also the characters that XML 1.0 forbids */
	TEXT_LINE,  /* also every control character; line ends and tabs become blanks */
	TEXT_ASCII, /* TEXT_LINE, and typography beyond ASCII is spelt with it */
};

/* Appends text, cleaned. 0 or -ENOMEM. */
int text_clean(enum text_use use, const char *text, size_t size, struct buf *out);

/* How many columns cleaned text takes (one a character; combining and wide ones are not told apart). */
size_t text_width(const char *text, size_t size);

/* How many bytes of it fit into so many columns; never cuts a character. */
size_t text_fit(const char *text, size_t size, size_t columns);

/*
 * Appends text broken at blanks into lines of at most width columns, each after the first indented; at says
 * which column it starts in. A word longer than a line stays whole. No line end behind the last. 0 or
 * -ENOMEM.
 */
int text_wrap(const char *text, size_t at, size_t indent, size_t width, struct buf *out);

/* "1,234,567", written to out, which it returns. */
const char *text_grouped(uint64_t number, char *out, size_t size);

#endif
