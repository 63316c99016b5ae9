/* SPDX-License-Identifier: MIT */
/* An error that carries what went wrong, in one line, beside its negative errno. */
#ifndef WRINGER_BASE_ERROR_H
#define WRINGER_BASE_ERROR_H

#define ERROR_TEXT 512

struct error {
	int code;              /* negative errno, 0 when nothing went wrong */
	char text[ERROR_TEXT]; /* one line, no newline at the end, composed where the facts are known */
};

/* Fills error (which may be NULL) and returns code, so that `return error_set(e, -EINVAL, …)` reads well. */
int error_set(struct error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts a prefix and ": " before the text that is there already; for adding the place on the way up. Returns its code. */
int error_prefix(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
