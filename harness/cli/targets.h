/* SPDX-License-Identifier: MIT */
/* The reference targets: correct servers, and faulty ones, that come with wringer. */
#ifndef WRINGER_CLI_TARGETS_H
#define WRINGER_CLI_TARGETS_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define TARGET_DEFAULT "epoll-level"

/* Calls each for every target that is there, the correct ones first; stops at the first result below 0 and
 * returns it. */
int targets_each(int (*each)(void *arg, const char *name, const char *doc, const char *path), void *arg,
		 struct error *error);

/* The program behind a name: 0, or -ENOENT with error (and the nearest name). */
int targets_find(const char *name, char *ret_path, size_t size, struct error *error);

/* Its one-line doc into out, "" for an unknown name. Returns out. */
char *targets_doc(const char *name, char *out, size_t size);

#endif
