/* SPDX-License-Identifier: MIT */
/* Which scenarios are meant. */
#ifndef WRINGER_CLI_SELECT_H
#define WRINGER_CLI_SELECT_H

#include "base/error.h"
#include "cli/settings.h"
#include "run/scenario.h"
#include "script/script.h"

struct selection {
	struct catalogue *catalogue;
	const struct scenario **chosen; /* in the catalogue's order, each once */
	size_t count, capacity;
	const struct scenario *
	    *unfit; /* would have been chosen, but ask for what the protocol does not offer */
	size_t unfit_count, unfit_capacity;
};

/*
 * words: names, globs, files and folders; none: all scenarios. Then --scenario and --exclude. Scenarios that
 * do not fit the protocol are left out, unless a word names them. 0; -ENOENT with error when a word fits
 * nothing or nothing is left. ret_selection is to be freed in either case.
 */
int select_scenarios(const struct settings *settings, char *const *words, size_t word_count,
		     const struct protocol *protocol, struct selection *ret_selection, struct error *error);
void selection_free(struct selection *selection);

#endif
