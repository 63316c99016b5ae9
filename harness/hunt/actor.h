/* SPDX-License-Identifier: MIT */
/* A peer of a schedule: sends requests, takes answers, and journals both as the peers of scenarios do. */
#ifndef WRINGER_HUNT_ACTOR_H
#define WRINGER_HUNT_ACTOR_H

#include <stdbool.h>
#include "base/buf.h"
#include "run/stage.h"

struct owed;

/* Zero-initialised is none. */
struct actor {
	struct stage *stage;
	struct peer *peer; /* the stage's; NULL: not connected, or ended by the schedule */
	bool stalled, greeted, confused;
	bool dismissed;	 /* an answer said that the target closes the connection: nothing new is asked */
	struct buf rest; /* of a request that was begun */
	uint64_t bytes;	 /* what that one asks for, 0 a small answer */
	char token[32];
	struct owed *owed; /* [first, count) */
	size_t first, count, capacity;
	uint64_t requests;
};

/* Connects, with that name (NULL: the stage's next). 0, or a negative errno: our side broke. */
int actor_connect(struct actor *actor, struct stage *stage, const char *name);
/* Both sides are open, or only ours half closed. */
bool actor_alive(const struct actor *actor);
/* Sends what is missing of a request that was begun, or of a new one for an answer of so many bytes (0: a
 * small one); `most` bytes of it at the most. Nothing new where the target said that it closes. 0 or -ENOMEM
 * and the like; that the target ended it is no error. */
int actor_ask(struct actor *actor, uint64_t bytes, size_t most, const char *token);
/* Takes what has come. 0, or -EBADMSG: a wrong answer, which is journalled, with why (flat text) in it. */
int actor_look(struct actor *actor, char *why, size_t size);
/* An answer is owed that can still come. */
bool actor_waits(const struct actor *actor);
/* The patience is over: journals it when nothing of the answer has come. */
void actor_give_up(struct actor *actor);
/* Forgets the peer, which stays the stage's, and what it is owed. */
void actor_forget(struct actor *actor);

#endif
