/* SPDX-License-Identifier: MIT */
#include "report/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define REPLACEMENT 0xfffdu

static bool continues(const unsigned char *at, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if ((at[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/* One character at the start of text; returns its bytes, 1 and *ret_code = U+FFFD for a byte that is none. */
static size_t decode(const char *text, size_t size, uint32_t *ret_code)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
	const unsigned char *at = (const unsigned char *)text;

	for (size_t more = 0; more < 4; more++) {
		if ((at[0] & forms[more].mask) != forms[more].lead)
			continue;
		if (size <= more || !continues(at + 1, more))
			break;
		uint32_t code = (uint32_t)(at[0] & (unsigned char)~forms[more].mask);
		for (size_t i = 1; i <= more; i++)
			code = code << 6 | (at[i] & 0x3fu);
		if (code < forms[more].least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
			break;
		*ret_code = code;
		return more + 1;
	}
	*ret_code = REPLACEMENT;
	return 1;
}

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

static bool xml_allows(uint32_t code)
{
	if (code < 0x20)
		return code == '\t' || code == '\n' || code == '\r';
	return code != 0xfffe && code != 0xffff;
}

static const char *in_ascii(uint32_t code)
{
	static const struct {
		uint32_t code;
		const char *ascii;
	} table[] = {
	    {0x2026, "..."}, {0xb7, "-"},    {0x2013, "-"},  {0x2014, "--"}, {0x2018, "'"}, {0x2019, "'"},
	    {0x201c, "\""},  {0x201d, "\""}, {0x2192, "->"}, {0xd7, "x"},    {0xb5, "u"},   {0x2265, ">="},
	    {0x2713, "+"},   {0x2717, "x"},  {0x25b2, "^"},  {0x2264, "<="},
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].code == code)
			return table[i].ascii;
	return "?";
}

/* What one character becomes; NULL: it stays. */
static const char *instead(enum text_use use, uint32_t code, bool whole)
{
	static const char replacement[] = "\xef\xbf\xbd";

	switch (use) {
	case TEXT_UTF8:
		return whole ? NULL : replacement;
	case TEXT_XML:
		return whole && xml_allows(code) ? NULL : replacement;
	case TEXT_LINE:
	case TEXT_ASCII:
		if (code == '\n' || code == '\t' || code == '\r')
			return " ";
		if (whole && !is_control(code))
			return use == TEXT_LINE || code < 0x80 ? NULL : in_ascii(code);
		return use == TEXT_ASCII ? "?" : replacement;
	}
	return replacement;
}

int text_clean(enum text_use use, const char *text, size_t size, struct buf *out)
{
	size_t kept = 0; /* start of the bytes that stay and are not appended yet */

	for (size_t at = 0; at < size;) {
		uint32_t code;
		size_t bytes = decode(text + at, size - at, &code);
		const char *other = instead(use, code, code != REPLACEMENT || bytes > 1);
		if (other) {
			if (buf_append(out, text + kept, at - kept) < 0 || buf_puts(out, other) < 0)
				return -ENOMEM;
			kept = at + bytes;
		}
		at += bytes;
	}
	return buf_append(out, text + kept, size - kept);
}

size_t text_width(const char *text, size_t size)
{
	size_t width = 0;

	for (size_t i = 0; i < size; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

size_t text_fit(const char *text, size_t size, size_t columns)
{
	size_t at = 0;

	while (at < size && columns--) {
		uint32_t code;
		at += decode(text + at, size - at, &code);
	}
	return at;
}

int text_wrap(const char *text, size_t at, size_t indent, size_t width, struct buf *out)
{
	bool fresh = true; /* nothing on this line yet */

	while (*text) {
		size_t blanks = strspn(text, " "), word = strcspn(text + blanks, " ");
		size_t columns = text_width(text + blanks, word);
		int r;

		if (!fresh && word && at + blanks + columns > width) {
			r = buf_printf(out, "\n%*s", (int)indent, "");
			at = indent;
			blanks = 0;
			text += strspn(text, " ");
		} else {
			r = buf_append(out, text, blanks);
		}
		if (r < 0 || buf_append(out, text + blanks, word) < 0)
			return -ENOMEM;
		at += blanks + columns;
		text += blanks + word;
		fresh = false;
	}
	return 0;
}

const char *text_grouped(uint64_t number, char *out, size_t size)
{
	char plain[24];
	int digits = snprintf(plain, sizeof plain, "%" PRIu64, number);
	size_t at = 0;

	for (int i = 0; i < digits && at + 2 < size; i++) {
		if (i && (digits - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = plain[i];
	}
	out[at] = 0;
	return out;
}
