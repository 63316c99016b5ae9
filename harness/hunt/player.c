/* SPDX-License-Identifier: MIT */
#include "hunt/player.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "hunt/actor.h"
#include "inject/schedule_lua.h"
#include "target/target.h"

#define FAULTS_MOST 16

/* How long is waited for what, in haste and else; the latter as the scenario does. */
enum patience { FOR_CONNECTED, FOR_SETTLED, FOR_ANSWERS, FOR_SERVED, PATIENCES };
static const uint64_t patiences[PATIENCES][2] = {
    [FOR_CONNECTED] = {20 * NS_PER_MS, 200 * NS_PER_MS},
    [FOR_SETTLED] = {5 * NS_PER_MS, 20 * NS_PER_MS},
    [FOR_ANSWERS] = {40 * NS_PER_MS, NS_PER_S},
    [FOR_SERVED] = {5 * NS_PER_MS, 2 * NS_PER_S},
};

struct player {
	struct stage *stage;
	const struct schedule *schedule;
	struct player_options options;
	struct actor actors[PEERS_MOST];
	struct actor *waited; /* for whom */
	uint64_t served;      /* canary's answers that are waited for */
	uint32_t faults[FAULTS_MOST];
	size_t fault_count;
	bool limited, stopped;
	bool strained; /* calls were made to fail, or an urgent byte got among the others: an answer may say
			  so */
	uint32_t serial, names;
};

struct player *player_new(struct stage *stage, const struct schedule *schedule,
			  const struct player_options *options)
{
	struct player *player = calloc(1, sizeof(*player));

	if (player) {
		player->stage = stage;
		player->schedule = schedule;
		player->options = *options;
	}
	return player;
}

int player_look(struct player *player)
{
	char why[256];

	for (size_t i = 0; i < PEERS_MOST; i++) {
		struct actor *actor = &player->actors[i];

		if (actor_look(actor, why, sizeof(why)) == -EBADMSG && !player->strained)
			return stage_fail(player->stage, "wrong answer for %s: %s", peer_name(actor->peer),
					  why);
	}
	return 0;
}

static bool never(struct player *player)
{
	(void)player;
	return false;
}

/* How often it is worth asking, having waited for so long. */
static uint64_t poll_of(const struct player *player, uint64_t waited)
{
	return player->options.hasty ? stage_still_poll(player->stage, waited)
				     : stage_settled_poll(player->stage);
}

/* Until over, or the patience is: 1, 0, or a negative errno. Answers are taken meanwhile. */
static int wait_for(struct player *player, bool (*over)(struct player *player), uint64_t patience)
{
	uint64_t began = clock_now(), until = began + patience;

	for (;;) {
		uint64_t now, next;
		int rc = player_look(player);

		if (rc < 0)
			return rc;
		if (over(player))
			return 1;
		now = clock_now();
		if (now >= until)
			return 0;
		next = now + poll_of(player, now - began);
		rc = stage_step(player->stage, over != never && next < until ? next : until);
		if (rc < 0)
			return rc;
	}
}

static uint64_t patience(const struct player *player, enum patience what)
{
	return stage_window(player->stage, patiences[what][!player->options.hasty]);
}

static bool connected(struct player *player)
{
	return peer_state(player->waited->peer) != PEER_CONNECTING;
}

static bool settled(struct player *player)
{
	return player->options.hasty ? stage_still(player->stage) : stage_settled(player->stage);
}

static bool answered(struct player *player)
{
	return !actor_waits(player->waited) || (player->options.hasty && settled(player));
}

static bool served(struct player *player)
{
	return canary_figures(stage_canary(player->stage)).served >= player->served;
}

/* 0 or negative: that nothing came of it is for the rules to judge. */
static int wait_patiently(struct player *player, bool (*over)(struct player *player), enum patience what)
{
	int rc = wait_for(player, over, patience(player, what));

	return rc < 0 ? rc : 0;
}

/* The answers owed to one. */
static int take_answers(struct player *player, struct actor *actor)
{
	int rc;

	player->waited = actor;
	if (!actor_waits(actor) || (player->strained && !player->options.hasty))
		return 0;
	rc = wait_patiently(player, answered, FOR_ANSWERS);
	if (rc == 0 && !player->options.hasty)
		actor_give_up(actor);
	return rc;
}

/* In haste nothing is kept of a peer that is done with. */
static void leave(const struct player *player, struct actor *actor)
{
	if (player->options.hasty && actor->peer)
		stage_drop(player->stage, actor->peer);
	actor_forget(actor);
}

static int there(struct player *player, struct actor *actor)
{
	char name[16];
	int rc;

	if (actor_alive(actor))
		return 0;
	rc = take_answers(player, actor);
	(void)snprintf(name, sizeof(name), "%" PRIu64 ".%u", player->options.number % 10000000,
		       ++player->names % 1000);
	leave(player, actor);
	if (rc == 0)
		rc = actor_connect(actor, player->stage, player->options.number ? name : NULL);
	player->waited = actor;
	return rc < 0 ? rc : wait_patiently(player, connected, FOR_CONNECTED);
}

static int ask(struct player *player, struct actor *actor, const struct move *move)
{
	uint32_t times = move->what == MOVE_BURST ? move_times(move, false) : 1;
	size_t most = move->what == MOVE_PART ? (size_t)1 << move->a % 8 : SIZE_MAX;
	int rc = 0;

	for (; times && rc == 0; times--) {
		char token[32];

		(void)snprintf(token, sizeof(token), "s%u-%08x", ++player->serial,
			       (uint32_t)rng_next(stage_rng(player->stage)));
		rc = there(player, actor);
		if (rc == 0)
			rc = actor_ask(actor, (uint64_t)move_bytes(move->b) * SCHEDULE_LIVE_SCALE, most,
				       token);
	}
	return rc;
}

static int end(struct actor *actor, enum move_what what)
{
	struct peer *peer = actor->peer;

	switch (what) {
	case MOVE_RST:
		return peer_reset(peer);
	case MOVE_VANISH:
		return peer_vanish(peer);
	case MOVE_CLOSE_UNREAD:
		if (peer_close_unread(peer) == 0)
			return 0;
		/* with nothing unread it is an ordinary end */
		return peer_fin(peer);
	default:
		return peer_fin(peer);
	}
}

/* What is done to a peer that is there; that it cannot be done just now is nobody's fault. */
static void act(const struct player *player, struct actor *actor, enum move_what what)
{
	if (!actor_alive(actor))
		return;
	switch (what) {
	case MOVE_STALL:
	case MOVE_RESUME:
		actor->stalled = what == MOVE_STALL;
		(void)peer_stall(actor->peer, actor->stalled);
		break;
	case MOVE_HALF_CLOSE:
		(void)peer_half_close(actor->peer);
		break;
	case MOVE_OOB:
		(void)peer_oob(actor->peer, '!');
		break;
	default:
		if (end(actor, what) == 0)
			leave(player, actor);
	}
}

static int arm(struct player *player, const struct move *move)
{
	struct fault fault;
	struct error error = {0};
	char text[64];
	int rc;

	if (player->fault_count == FAULTS_MOST || !stage_watched(player->stage))
		return 0;
	rc = fault_parse(move_fault(move, text, sizeof(text)), &fault, &error);
	fault.accepted_only = fault.class == CLASS_READ || fault.class == CLASS_WRITE;
	if (rc == 0)
		rc = stage_arm(player->stage, &fault, &player->faults[player->fault_count], &error);
	if (rc < 0)
		return stage_broken(player->stage, "%s", error.text);
	player->fault_count++;
	player->strained = true;
	return 0;
}

/* Where the limit of another user's process may not be changed it stays as it is. */
static int limit(struct player *player, const struct move *move)
{
	struct error error = {0};

	if (move->a & 128)
		(void)stage_limit_restore(player->stage);
	else
		(void)target_limit_spare(stage_target(player->stage), stage_world(player->stage),
					 move->a % 4u, &error);
	player->limited = !(move->a & 128);
	player->strained |= player->limited;
	return 0;
}

static int await_served(struct player *player)
{
	player->served = canary_figures(stage_canary(player->stage)).served + 1;
	if (player->options.hasty)
		canary_hurry(stage_canary(player->stage));
	return wait_patiently(player, served, FOR_SERVED);
}

static void stop_or_go(struct player *player)
{
	player->stopped = !player->stopped;
	(void)stage_signal(player->stage, player->stopped ? SIGSTOP : SIGCONT, true);
}

static int perform(struct player *player, const struct move *move)
{
	struct actor *actor = &player->actors[move->peer];

	switch (move->what) {
	case MOVE_CONNECT:
		return there(player, actor);
	case MOVE_REQUEST:
	case MOVE_PART:
	case MOVE_BURST:
		return ask(player, actor, move);
	case MOVE_STALL:
	case MOVE_RESUME:
	case MOVE_FIN:
	case MOVE_HALF_CLOSE:
	case MOVE_RST:
	case MOVE_CLOSE_UNREAD:
	case MOVE_VANISH:
	case MOVE_OOB:
		/* a second urgent byte makes the first one part of the request */
		player->strained |= move->what == MOVE_OOB;
		act(player, actor, move->what);
		return 0;
	case MOVE_FAULT:
		return arm(player, move);
	case MOVE_LIMIT:
		return limit(player, move);
	case MOVE_TIME: {
		int rc = wait_for(player, never, move_ms(move, false) * NS_PER_MS);
		return rc < 0 ? rc : 0;
	}
	case MOVE_CANARY:
		return player->stopped ? 0 : await_served(player);
	case MOVE_ANSWER:
		return player->stopped ? 0 : take_answers(player, actor);
	case MOVE_STOP:
		stop_or_go(player);
		return 0;
	case MOVE_ORDER: /* the kernel's own affair here */
	case MOVE_BATCH:
	case MOVES:
		break;
	}
	return 0;
}

static void lift_all(struct player *player)
{
	for (; player->fault_count; player->fault_count--)
		(void)stage_lift(player->stage, player->faults[player->fault_count - 1], NULL);
}

/* What the moves left behind in the server. */
static int finish(struct player *player)
{
	int rc = 0;

	if (player->stopped)
		stop_or_go(player);
	for (size_t i = 0; i < PEERS_MOST && rc == 0; i++)
		rc = take_answers(player, &player->actors[i]);
	if (rc == 0 && !player->options.hasty)
		rc = await_served(player);
	lift_all(player);
	if (player->limited && player->options.hasty) {
		(void)stage_limit_restore(player->stage);
		player->limited = false;
	}
	return rc;
}

int player_play(struct player *player)
{
	int rc = 0;

	for (size_t at = 0; at < player->schedule->count && rc == 0; at++) {
		struct move move = schedule_move(player->schedule, at);

		rc = perform(player, &move);
		if (rc == 0 && !move.merge && !player->stopped && move.what != MOVE_TIME)
			rc = wait_patiently(player, settled, FOR_SETTLED);
	}
	if (rc == 0)
		return finish(player);
	lift_all(player);
	return rc;
}

void player_free(struct player *player)
{
	if (!player)
		return;
	for (size_t i = 0; i < PEERS_MOST; i++)
		leave(player, &player->actors[i]);
	free(player);
}

void player_forget(struct player *player)
{
	if (player)
		player->options.hasty = false;
	player_free(player);
}
