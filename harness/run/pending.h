/* SPDX-License-Identifier: MIT */
/* Questions to the world of a running case: is the target done with what the peers left it? */
#ifndef WRINGER_RUN_PENDING_H
#define WRINGER_RUN_PENDING_H

#include <stdbool.h>
#include <stdint.h>

struct stage;

/* What may still be going on; each has the window of the rules that judge it. */
#define PENDING_BUSY	0x1u /* the target does not come to rest */
#define PENDING_LEAK	0x2u /* connections of ended peers are open */
#define PENDING_WRITE	0x4u /* an answer is cut short, its peer waits for the rest */
#define PENDING_WAITING 0x8u /* bytes or connections wait in the kernel for the sleeping target */

/* Connections of peers that ended are closed. (Vanished peers cannot be noticed.) */
bool pending_ended_closed(struct stage *stage);
/* The target has read the ends of those that ended, did what it does about them, and sleeps. True for one
 * nobody watches. */
bool pending_ended_known(struct stage *stage);
/* All threads sleep, and none did anything for `quiet` ns. True for a target nobody watches. */
bool pending_rests(struct stage *stage, uint64_t quiet);
/* PENDING_*: what is pending, all but PENDING_WAITING told by the world. */
uint32_t pending_look(struct stage *stage, uint64_t quiet);
/* Asks the sockets themselves; not journalled. */
bool pending_waiting(struct stage *stage);
/* Until when (ns from the start of settling) what is pending may take, --time-scale included. */
uint64_t pending_window(const struct stage *stage, uint32_t pending);

#endif
