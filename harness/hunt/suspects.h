/* SPDX-License-Identifier: MIT */
/* Which tries of a batch may have done it. Pure. */
#ifndef WRINGER_HUNT_SUSPECTS_H
#define WRINGER_HUNT_SUSPECTS_H

#include "hunt/line.h"
#include "run/result.h"

#define SUSPECTS_MOST 6

/* The try a peer belongs to by its name ("417.2"); 0: none's. */
uint64_t suspect_number(const char *peer);
/*
 * The tries of the batch that may have led to what was found at a time (ns since the case began) about a peer
 * ("" none): the peer's own first, then the one under way at that time, then the last ones. Indices into
 * turn->tries. Returns how many.
 */
size_t suspects_find(const struct line_turn *turn, const char *peer, uint64_t at,
		     uint32_t ret_tries[SUSPECTS_MOST]);
/* The same try with its peers closed behind the moves, as they were when it was over. Returns the size in
 * bytes. */
size_t suspects_close(const struct line_try *one, uint8_t *out, size_t room);
/* The moves of the last tries up to that one, as many as fit, one after the other. Returns its size in bytes.
 */
size_t suspects_join(const struct line_turn *turn, uint32_t last, uint8_t *out, size_t room);

#endif
