/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void one_line(char *text)
{
	for (char *at = text; *at; at++)
		if (*at == '\n' || *at == '\r')
			*at = ' ';
}

int error_set(struct error *error, int code, const char *format, ...)
{
	if (!error)
		return code;
	va_list args;
	va_start(args, format);
	error->code = code;
	vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
	one_line(error->text);
	return code;
}

int error_prefix(struct error *error, const char *format, ...)
{
	if (!error)
		return 0;
	char prefix[ERROR_TEXT / 2], old[ERROR_TEXT];
	va_list args;
	va_start(args, format);
	vsnprintf(prefix, sizeof prefix, format, args);
	va_end(args);
	one_line(prefix);
	memcpy(old, error->text, sizeof old);
	size_t used = strlen(prefix);
	memcpy(error->text, prefix, used);
	snprintf(error->text + used, sizeof error->text - used, ": %.*s",
		 (int)(sizeof error->text - used - 3), old);
	return error->code;
}
