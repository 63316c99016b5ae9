/* SPDX-License-Identifier: MIT */
/* The command that runs one case again. */
#ifndef WRINGER_CLI_AGAIN_H
#define WRINGER_CLI_AGAIN_H

#include "base/buf.h"
#include "cli/settings.h"

/* Appends a word as a shell reads it back. 0 or -ENOMEM. */
int shell_quote(const char *word, struct buf *out);

/*
 * The words of a line that shell_quote made, cut out of line in place. Returns how many, at most `most`;
 * -EINVAL: a quote that does not end, or more words than that.
 */
int shell_split(char *line, char **ret_words, size_t most);

struct again {
	const struct settings *settings;
	char *const *command; /* NULL: the case's target is a reference target */
	/* The word that names a scenario for `run`: its name, or its file when it is not one of wringer's
	 * own. */
	const char *(*word)(void *arg, const char *scenario);
	void *arg;
};

/* A report_head's `again`; arg is a struct again. */
int again_line(void *arg, const char *scenario, const char *target, uint32_t round, struct buf *out);

#endif
