/* SPDX-License-Identifier: MIT */
/* The states of the mask table, performed. One small function and one line in a list; what is predicted of
 * it is the row of the same name in model/mask_rows.c. */
#ifndef WRINGER_RUN_TRUTH_STATE_H
#define WRINGER_RUN_TRUTH_STATE_H

#include "run/truth_kit.h"

struct truth_state {
	const char *name; /* of the mask_row */
	/* Brings stand->fd into the state and holds what keeps it there. 0 or a negative errno. */
	int (*make)(struct stand *stand);
	/* Only where a timer of the kernel decides: awaits what make set going, so that others go on
	 * meanwhile.
	 */
	int (*settle)(struct stand *stand);
};
/* End with a NULL name. */
extern const struct truth_state truth_states_tcp[], truth_states_sockets[], truth_states_others[];

/* NULL: nobody performs it. */
const struct truth_state *truth_state_find(const char *name);

#endif
