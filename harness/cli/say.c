/* SPDX-License-Identifier: MIT */
#include "cli/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "cli/status.h"
#include "report/text.h"

/* Without memory there is all the more to say: control characters only, in the bytes that are there. */
static const char *clean_in_place(char *text)
{
	for (char *at = text; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '.';
	}
	return text;
}

/* Composed first, written at once: lines of several processes must not mix. */
static void say_line(const char *format, va_list args)
{
	char text[ERROR_TEXT * 2];
	struct buf line = {0};

	(void)vsnprintf(text, sizeof text, format, args);
	(void)fflush(stdout);
	/* An error may quote what a user or a file gave us. */
	if (text_clean(TEXT_LINE, text, strlen(text), &line) == 0)
		(void)fprintf(stderr, "wringer: %s\n", line.size ? line.data : "");
	else
		(void)fprintf(stderr, "wringer: %s\n", clean_in_place(text));
	buf_free(&line);
}

int say_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_line(format, args);
	va_end(args);
	return STATUS_OURS;
}

int say(const struct error *error)
{
	return say_error("%s", error->text[0] ? error->text : strerror(error->code < 0 ? -error->code : EIO));
}

void say_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_line(format, args);
	va_end(args);
}

int say_done(int status)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	int code = errno;
	/* Whoever closed the pipe has read enough and needs no explanation. */
	if (code && code != EPIPE)
		say_note("standard output: %s", strerror(code));
	return status == STATUS_FAILED ? status : STATUS_OURS;
}
