/* SPDX-License-Identifier: MIT */
/* What a run needs before it can begin, from the settings. */
#ifndef WRINGER_CLI_PREPARE_H
#define WRINGER_CLI_PREPARE_H

#include "cli/settings.h"
#include "peer/protocol.h"

/* Loads --protocol; reference targets speak http best, of any other server it must be said. 0 or a negative
 * errno with a line for the user. */
int prepare_protocol(struct settings *settings, bool reference, struct protocol **ret_protocol,
		     struct error *error);
/* Draws a seed where none was given. 0 or a negative errno with error. */
int prepare_seed(struct settings *settings, struct error *error);
/* Whether this machine can hold the peers that -D peers=N asks for. 0, or a negative errno with the number it
 * can. */
int prepare_peers(const struct settings *settings, struct error *error);

#endif
