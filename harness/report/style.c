/* SPDX-License-Identifier: MIT */
#include "report/style.h"

#include <errno.h>
#include <string.h>
#include "report/text.h"

struct glyph {
	const char *utf8, *ascii;
	enum tint tint;
};

static const struct glyph verdict_marks[] = {
    [VERDICT_PASS] = {"\xe2\x9c\x93", "+", TINT_GOOD},
    [VERDICT_FAIL] = {"\xe2\x9c\x97", "x", TINT_BAD},
    [VERDICT_BROKEN] = {"!", "!", TINT_BROKEN},
    [VERDICT_SKIP] = {"-", "-", TINT_DIM},
};

static const struct glyph severity_marks[] = {
    [SEVERITY_INFO] = {"\xc2\xb7", ".", TINT_DIM},
    [SEVERITY_WARNING] = {"\xe2\x96\xb2", "^", TINT_WARN},
    [SEVERITY_ERROR] = {"\xe2\x9c\x97", "x", TINT_BAD},
};

static const char *escape(enum tint tint)
{
	static const char *const escapes[] = {
	    [TINT_NONE] = "",	       [TINT_GOOD] = "\033[32m",
	    [TINT_BAD] = "\033[1;31m", [TINT_BROKEN] = "\033[1;35m",
	    [TINT_WARN] = "\033[33m",  [TINT_DIM] = "\033[2m",
	    [TINT_BOLD] = "\033[1m",
	};

	return escapes[tint];
}

static int put_tinted(const struct style *style, enum tint tint, const struct buf *text, struct buf *out)
{
	bool tinted = style->color && tint != TINT_NONE && text->size;
	int r = tinted ? buf_puts(out, escape(tint)) : 0;

	if (r == 0)
		r = buf_append(out, text->data, text->size);
	return r == 0 && tinted ? buf_puts(out, "\033[0m") : r;
}

static int clean(const struct style *style, const char *text, struct buf *out)
{
	return text_clean(style->utf8 ? TEXT_LINE : TEXT_ASCII, text, strlen(text), out);
}

int style_put(const struct style *style, enum tint tint, const char *text, struct buf *out)
{
	struct buf line = {0};
	int r = clean(style, text, &line);

	if (r == 0)
		r = put_tinted(style, tint, &line, out);
	buf_free(&line);
	return r;
}

int style_cut(const struct style *style, enum tint tint, const char *text, size_t columns, struct buf *out)
{
	const char *dots = style->utf8 ? "\xe2\x80\xa6" : "...";
	size_t dots_width = style->utf8 ? 1 : 3;
	struct buf line = {0};
	int r = clean(style, text, &line);

	if (r == 0 && line.size && text_width(line.data, line.size) > columns) {
		line.size = columns > dots_width ? text_fit(line.data, line.size, columns - dots_width) : 0;
		r = columns >= dots_width ? buf_puts(&line, dots) : 0;
	}
	if (r == 0)
		r = put_tinted(style, tint, &line, out);
	buf_free(&line);
	return r;
}

const char *style_verdict_mark(const struct style *style, enum verdict verdict)
{
	return style->utf8 ? verdict_marks[verdict].utf8 : verdict_marks[verdict].ascii;
}

const char *style_severity_mark(const struct style *style, enum severity severity)
{
	return style->utf8 ? severity_marks[severity].utf8 : severity_marks[severity].ascii;
}

enum tint style_verdict_tint(enum verdict verdict)
{
	return verdict_marks[verdict].tint;
}

enum tint style_severity_tint(enum severity severity)
{
	return severity_marks[severity].tint;
}
