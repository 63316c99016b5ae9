/* SPDX-License-Identifier: MIT */
#include "cli/again.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include "cli/options.h"
#include "cli/plan.h"

int shell_quote(const char *word, struct buf *out)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
	int r;

	if (*word && strspn(word, plain) == strlen(word))
		return buf_puts(out, word);
	r = buf_puts(out, "'");
	for (; r == 0 && *word; word++)
		r = *word == '\'' ? buf_puts(out, "'\\''") : buf_append(out, word, 1);
	return r < 0 ? r : buf_puts(out, "'");
}

/* One word, its quotes taken away; in ends behind it. NULL: a quote does not end. */
static char *cut_word(char **in)
{
	char *at = *in, *word = at, *to = at;
	bool quoted = false;

	for (; *at && (quoted || *at != ' '); at++) {
		if (*at == '\'')
			quoted = !quoted;
		else if (*at == '\\' && !quoted && at[1])
			*to++ = *++at;
		else
			*to++ = *at;
	}
	*in = *at ? at + 1 : at;
	*to = '\0';
	return quoted ? NULL : word;
}

int shell_split(char *line, char **ret_words, size_t most)
{
	size_t count = 0;

	while (*line) {
		if (count == most || !(ret_words[count] = cut_word(&line)))
			return -EINVAL;
		count++;
	}
	return (int)count;
}

static int put_word(const char *word, struct buf *out)
{
	int r = buf_puts(out, " ");

	return r < 0 ? r : shell_quote(word, out);
}

static int put_given(const struct given *given, struct buf *out)
{
	int r = buf_printf(out, " --%s", given->row->name);

	return r < 0 || !given->value || !given->row->argument ? r : put_word(given->value, out);
}

static int put_server(const struct again *again, const char *target, struct buf *out)
{
	int r;

	if (!again->command || strcmp(target, COMMAND_TARGET) != 0) {
		r = buf_puts(out, " --target");
		return r < 0 ? r : put_word(target, out);
	}
	r = buf_puts(out, " --");
	for (char *const *word = again->command; r == 0 && *word; word++)
		r = put_word(*word, out);
	return r;
}

int again_line(void *arg, const char *scenario, const char *target, uint32_t round, struct buf *out)
{
	const struct again *again = arg;
	int r = buf_puts(out, "wringer run");

	if (r == 0)
		r = put_word(again->word(again->arg, scenario), out);
	if (r == 0)
		r = buf_printf(out, " --seed %" PRIu64, again->settings->seed + (round ? round - 1 : 0));
	/* What the settings file said is said by it again. */
	for (size_t i = 0; r == 0 && i < again->settings->given_count; i++) {
		const struct given *given = &again->settings->given[i];
		if (given->on_line && given->row->traits & AGAIN)
			r = put_given(given, out);
	}
	return r < 0 ? r : put_server(again, target, out);
}
