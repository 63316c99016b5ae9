/* SPDX-License-Identifier: MIT */
/*
 * Plays a schedule (inject/schedule.h) on a stage: what its scenario in Lua would do, without Lua, and, where
 * there are thousands to be played on one server, in haste.
 */
#ifndef WRINGER_HUNT_PLAYER_H
#define WRINGER_HUNT_PLAYER_H

#include <stdbool.h>
#include <stdint.h>
#include "inject/schedule.h"
#include "run/stage.h"

struct player;

struct player_options {
	bool hasty; /* nobody is waited for longer than some milliseconds, and faults and limits end with the
		       moves */
	uint64_t number; /* of the try: its peers are called "NUMBER.PEER"; 0: c1, c2 … */
};

/* NULL: out of memory. The schedule's moves and the stage are to outlive it. */
struct player *player_new(struct stage *stage, const struct schedule *schedule,
			  const struct player_options *options);
/*
 * Plays the moves, takes the answers that come. Peers that the schedule did not end stay open, until
 * player_free in haste, else until the stage drops them. 0, or what stage_step gave: the target is gone
 * (-ESRCH), or the case is over.
 */
int player_play(struct player *player);
/* Takes the answers that have come by now. 0, or a negative errno: one was wrong, the case is over. */
int player_look(struct player *player);
/* In haste, closes its peers. NULL is fine. */
void player_free(struct player *player);
/* The same, but the peers stay the stage's. NULL is fine. */
void player_forget(struct player *player);

#endif
