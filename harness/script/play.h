/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * One play of a scenario: its Lua state, its coroutines, and what each of them waits for.
 *
 *     run_tasks ── resumes every coroutine whose wait is over ──> it acts on peers and faults, waits again
 *         ^                                                                    │
 *         └── peers_follow (whole requests are journalled) <── stage_step <────┘  until the nearest deadline
 *
 * A wait is a predicate looked at again after every step. It ends true, or false when its patience is over; what
 * that means is the scenario's business. A play that has waited in vain for some seconds in all becomes impatient,
 * so that a target which never does what three hundred peers wait for is still judged within the case's limit. The
 * target's death ends the play without a word: the rules judge it from the journal.
 */
/* clang-format on */
#ifndef WRINGER_SCRIPT_PLAY_H
#define WRINGER_SCRIPT_PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/clock.h"
#include "run/scenario.h"
#include "run/stage.h"
#include "script/lua_box.h"

#define PLAY_PATIENCE 2.0 /* seconds, before --time-scale */

struct play;
struct script_peer;

struct wait {
	/* 1: it has come true; 0: not yet; -errno: it never will. */
	int (*check)(struct play *play, struct wait *wait);
	struct script_peer *peer;
	uint64_t began, deadline; /* clock_now() times */
	uint64_t poll;		  /* ns between looks when nothing happens in the loop; 0: the loop tells */
	uint64_t delayed;	  /* what stage_delayed said when it began */
	uint64_t granted;	  /* ns added to its deadline since */
	uint64_t number, seen, since;
	bool pause;   /* its end in time is what was wanted: t:wait, the gaps of drip */
	bool hurried; /* an impatient play cut its patience: that it came to nothing says nothing */
	uint32_t mask;
	const char *text; /* kept alive by the waiter's stack */
	int result;	  /* 1, 0 when patience ended, -errno */
};

struct task {
	lua_State *L;
	int ref, arguments;
	bool waiting, done;
	struct wait wait;
};

/* How a play ends early. */
enum ending { ENDING_NONE, ENDING_SAID, ENDING_QUIET, ENDING_UNDELIVERED };

struct play {
	struct lua_box box;
	struct stage *stage;
	const struct scenario *scenario;
	struct buf source;
	struct task **tasks;
	size_t count, capacity;
	struct task *current;
	struct script_peer *peers; /* newest first */
	uint64_t serial;	   /* of tokens */
	uint64_t wasted;	   /* ns in which waits came to nothing */
	uint64_t wasted_to;	   /* counted until then */
	bool sees_conns;	   /* the watch has shown an accepted connection: the world can be asked */
	enum ending ending;
	bool blames_target; /* what could not be done is the target's fault: fail, not broken */
	int code;	    /* what stage_fail and its like gave */
	char complaint[ERROR_TEXT];
};

/* A struct scenario's play: its state is not used, its file is run again. */
int play_scenario(const struct scenario *scenario, struct stage *stage);

struct play *play_of(lua_State *L);

/* Seconds (scaled by --time-scale) as a time from now. */
uint64_t play_deadline(const struct play *play, double seconds);
/* A wait with the given patience; its check and details are the caller's to fill. */
struct wait play_waiting(const struct play *play, double patience);
/*
 * Waits, then goes on with k (which finds the result in play_result). For a C function to return. Raises when
 * called from a coroutine that is not one of the play's own.
 */
int play_wait(lua_State *L, const struct wait *wait, lua_KContext context, lua_KFunction k);
struct wait *play_result(lua_State *L);

/* Adds a coroutine that calls the function below `arguments` values on top of L (all popped). Raises. */
void play_spawn(lua_State *L, int arguments);
/* Whether every coroutine but the one that waits so is done. */
bool play_alone(const struct play *play, const struct wait *wait);

/* Ends the play; stage_fail or its like was called and gave code. Raises, so that the scenario goes no
 * further. */
int play_over(lua_State *L, int code);
/* The same without a word: the target is gone. */
int play_quiet(lua_State *L);
/* A step could not be carried out: broken, unless the target turns out to be dying, which the rules judge.
 * Raises. */
int play_undelivered(lua_State *L, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
