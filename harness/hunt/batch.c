/* SPDX-License-Identifier: MIT */
#include "hunt/batch.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "hunt/feedback.h"
#include "hunt/player.h"
#include "inject/schedule_lua.h"
#include "run/pending.h"
#include "run/stage.h"

#define TIDY_PATIENCE	 (80 * NS_PER_MS) /* for what a try left to be over */
#define TIDY_TRUSTED	 (2 * NS_PER_MS)
#define DISTRUST	 256		/* every so many tries nothing is trusted */
#define WELCOME_PATIENCE (5 * NS_PER_S) /* for the engine to think of something */
#define CANARY_PATIENCE	 (400 * NS_PER_MS)
#define VANISHED_MOST                                                                                        \
	24 /* a server may keep those for ever, and the number of its connections is limited                 \
	    */
#define BATCH_LONGEST (10 * NS_PER_S)

#define TEXT_OF(value) #value
#define TEXT(value)    TEXT_OF(value)

/* Where small buffers are the namespace's own, what blocks a writer is small. */
static const struct scenario_knob knobs[] = {
    {"net/ipv4/tcp_wmem", "4096 16384 " TEXT(SCHEDULE_LIVE_BUFFER)},
    {"net/ipv4/tcp_rmem", "4096 16384 " TEXT(SCHEDULE_LIVE_BUFFER)},
};

struct trying {
	struct batch *batch;
	struct stage *stage;
	struct feedback feedback;
	bool holds; /* the baton */
	uint32_t vanished;
};

static void line_ready(void *arg, uint32_t events)
{
	struct trying *trying = arg;
	char byte;
	ssize_t got = recv(trying->batch->socket, &byte, 1, MSG_DONTWAIT);

	(void)events;
	trying->batch->line->asked |= got == 1;
	trying->batch->line->engine_over |= got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

static void baton_ready(void *arg, uint32_t events)
{
	struct trying *trying = arg;
	char byte;

	(void)events;
	trying->holds |= read(trying->batch->baton[0], &byte, 1) == 1;
}

static struct line_turn *turn_of(const struct trying *trying)
{
	return &trying->batch->line->turns[trying->batch->turn];
}

static void hear(void *arg, const struct event *event)
{
	struct trying *trying = arg;

	trying->vanished += event->kind == EV_PEER && event->what == PEER_VANISH;
	feedback_event(&trying->feedback, stage_world(trying->stage), event);
}

/* 1: there is something to try; 0: not any more; or a negative errno. */
static int next_input(struct trying *trying)
{
	const struct line *line = trying->batch->line;
	uint64_t until = clock_now() + WELCOME_PATIENCE;

	while (!line->asked && !line->engine_over && clock_now() < until) {
		int rc = stage_step(trying->stage, until);

		if (rc < 0)
			return rc;
	}
	return line->asked && !line->engine_over;
}

static void reply(struct trying *trying)
{
	struct line *line = trying->batch->line;
	char byte = 1;

	line->asked = false;
	line->engine_over |= send(trying->batch->socket, &byte, 1, MSG_NOSIGNAL) != 1;
}

/* What it sent was not all read, or it was not accepted yet. */
static bool waits(const struct peer_view *view)
{
	if (view->canary || !view->connected || view->gone || view->vanished || view->stalled)
		return false;
	return !view->conn || (!view->conn->closed && view->conn->bytes_in < view->sent);
}

/*
 * What is pending now, as the journal has it. The sockets themselves are asked only when the server is left
 * alone: a socket that is borrowed at the moment of its close stays in the server's epoll set, and is
 * reported with data that was freed.
 */
static uint32_t pending_now(struct stage *stage)
{
	bool still = stage_still(stage); /* first: the rest is told by what has been followed by then */
	uint32_t pending = pending_look(stage, 0) | (still ? 0 : PENDING_BUSY);
	struct peer_view *view;
	size_t at = 0;

	while (!pending && (view = world_next_peer(stage_world(stage), &at)))
		pending |= waits(view) ? PENDING_WAITING : 0;
	return pending;
}

/* Until nothing is pending, or the patience is over; *ret_pending is what is left. What came to nothing often
 * is waited for less. 0 or a negative errno. */
static int tidy(struct stage *stage, struct player *player, uint32_t trusted, uint32_t *ret_pending)
{
	uint64_t began = clock_now();

	for (;;) {
		uint64_t now = clock_now(), patience;
		int rc = player ? player_look(player) : 0;

		if (rc < 0)
			return rc;
		*ret_pending = pending_now(stage);
		patience = *ret_pending & ~trusted ? TIDY_PATIENCE : TIDY_TRUSTED;
		if (*ret_pending == 0 || now >= began + stage_window(stage, patience))
			return 0;
		rc = stage_step(stage, now + stage_still_poll(stage, now - began));
		if (rc < 0)
			return rc;
	}
}

/* What the engine is to know besides the events. */
static void note_rest(struct trying *trying, const char *kind, uint32_t pending)
{
	if (pending)
		feedback_note(&trying->feedback, kind, pending);
}

/* What two servers are being judged for at this moment ends no third one's turn: they will show what it was.
 */
static uint32_t under_trial(struct line *line)
{
	uint32_t once = 0, twice = 0;

	for (size_t i = 0; i < LINE_TURNS; i++) {
		if (atomic_load(&line->turns[i].state) != TURN_OVER)
			continue;
		twice |= once & line->turns[i].suspicion;
		once |= line->turns[i].suspicion;
	}
	return twice;
}

/* The moves, and what they leave: with the peers still there, then without, and *player is freed. */
static int play_one(struct trying *trying, struct player **player, uint32_t *ret_pending)
{
	struct line *line = trying->batch->line;
	uint32_t trusted = under_trial(line), pending = 0;
	int rc = player_play(*player);

	if (line->runs % DISTRUST)
		trusted |= atomic_load(&line->trusted);

	if (rc == 0)
		rc = tidy(trying->stage, *player, trusted, &pending);
	note_rest(trying, "with peers", pending);
	*ret_pending = pending & ~trusted;
	if (rc < 0 || *ret_pending)
		return rc; /* the peers stay: they show what is wrong */
	player_free(*player);
	*player = NULL;
	rc = tidy(trying->stage, NULL, trusted, &pending);
	note_rest(trying, "without peers", pending);
	*ret_pending = pending & ~trusted;
	return rc;
}

/* The figures of the search: counters that are new. */
static void account(struct line *line, const struct schedule *schedule)
{
	line->runs++;
	line->moves += schedule->count;
	for (size_t i = 0; i < LINE_COUNTERS; i++) {
		line->features += line->counters[i] && !line->seen[i];
		line->seen[i] |= line->counters[i] != 0;
	}
}

static const uint8_t *remember(struct trying *trying)
{
	struct line *line = trying->batch->line;
	struct line_turn *turn = turn_of(trying);
	struct line_try *one = &turn->tries[turn->count++];

	one->number = line->runs + 1;
	one->at = clock_now() - journal_start(stage_journal(trying->stage));
	one->size = line->size < LINE_INPUT ? line->size : LINE_INPUT;
	memcpy(one->bytes, line->input, one->size);
	return one->bytes;
}

static int try_one(struct trying *trying)
{
	struct line *line = trying->batch->line;
	struct line_turn *turn = turn_of(trying);
	const uint8_t *bytes = remember(trying);
	struct schedule schedule = schedule_read(bytes, turn->tries[turn->count - 1].size);
	const struct player_options options = {.hasty = true, .number = line->runs + 1};
	struct player *player = player_new(trying->stage, &schedule, &options);
	uint32_t pending = 0;
	int rc;

	if (!player)
		return -ENOMEM;
	memset(line->counters, 0, sizeof(line->counters));
	feedback_begin(&trying->feedback, line->counters, LINE_COUNTERS);
	feedback_note(&trying->feedback, "a try", 1);
	stage_listen(trying->stage, hear, trying);
	rc = play_one(trying, &player, &pending);
	stage_listen(trying->stage, NULL, NULL);
	feedback_release(&trying->feedback);
	account(line, &schedule);
	turn->suspicion |= pending;
	/* What is suspect keeps its peers: the stage owns them, only their story is over. */
	player_forget(player);
	reply(trying);
	return rc;
}

/* The healthy peer waits for longer than a moment. */
static bool canary_waits(const struct trying *trying)
{
	uint64_t since = canary_waits_since(stage_canary(trying->stage));

	return since && since + stage_window(trying->stage, CANARY_PATIENCE) < clock_now();
}

bool batch_search_over(const struct batch *batch)
{
	struct line *line = batch->line;

	return (batch->runs && line->runs >= batch->runs) || (batch->until && clock_now() >= batch->until) ||
	       line->engine_over || atomic_load(&line->halt);
}

static bool goes_on(const struct trying *trying, uint64_t began)
{
	const struct batch *batch = trying->batch;
	const struct line_turn *turn = turn_of(trying);

	if (turn->count >= batch->line->most || batch_search_over(batch))
		return false;
	return !turn->suspicion && trying->vanished < VANISHED_MOST && clock_now() - began < BATCH_LONGEST &&
	       !canary_waits(trying);
}

void batch_pass_baton(const struct batch *batch)
{
	char byte = 1;

	atomic_store(&batch->line->holder, 0);
	(void)!write(batch->baton[1], &byte, 1);
}

/* 0: it is ours; -EINTR: nothing is left to try; or another negative errno. */
static int take_baton(struct trying *trying)
{
	const struct batch *batch = trying->batch;
	struct stage *stage = trying->stage;
	int rc = loop_watch(stage_loop(stage), batch->baton[0], EPOLLIN, baton_ready, trying);

	if (rc < 0)
		return stage_broken(stage, "watching the other servers: %s", strerror(-rc));
	canary_pause(stage_canary(stage));
	while (rc == 0 && !trying->holds && !batch_search_over(batch))
		rc = stage_step(stage, clock_now() + NS_PER_S);
	loop_unwatch(stage_loop(stage), batch->baton[0]);
	canary_run(stage_canary(stage));
	if (trying->holds)
		atomic_store(&batch->line->holder, batch->turn + 1);
	return rc == 0 && !trying->holds ? -EINTR : rc;
}

static int try_all(struct trying *trying)
{
	const struct batch *batch = trying->batch;
	struct loop *loop = stage_loop(trying->stage);
	uint64_t began = clock_now();
	int rc = loop_watch(loop, batch->socket, EPOLLIN, line_ready, trying);

	if (rc < 0)
		return stage_broken(trying->stage, "watching the engine: %s", strerror(-rc));
	while (rc >= 0 && goes_on(trying, began)) {
		rc = next_input(trying);
		if (rc <= 0)
			break;
		rc = try_one(trying);
	}
	loop_unwatch(loop, batch->socket);
	return rc < 0 ? rc : 0;
}

static int play(const struct scenario *scenario, struct stage *stage)
{
	struct batch *batch = scenario->state;
	struct line *line = batch->line;
	struct trying trying = {.batch = batch, .stage = stage};
	struct line_turn *turn = turn_of(&trying);
	int rc = take_baton(&trying);

	if (rc == 0) {
		atomic_store(&turn->state, TURN_TRIES);
		rc = try_all(&trying);
	}
	if (!turn->suspicion && turn->count >= line->most && line->most * 2 <= LINE_TRIES)
		line->most *= 2;
	atomic_store(&turn->state, TURN_OVER);
	/* Beside a server that spins no other has the CPU it should have: the search passes it on, once that
	 * is judged. */
	if (trying.holds && !(turn->suspicion & PENDING_BUSY))
		batch_pass_baton(batch);
	return rc;
}

struct scenario batch_scenario(struct batch *batch)
{
	return (struct scenario){
	    .name = "fuzz",
	    .doc = "many schedules on one server",
	    .offers = PROTOCOL_REQUEST,
	    .needs = NEED_WATCH | NEED_INJECT | NEED_SANDBOX,
	    .knobs = knobs,
	    .knob_count = sizeof(knobs) / sizeof(knobs[0]),
	    .play = play,
	    .state = batch,
	};
}

static int play_again(const struct scenario *scenario, struct stage *stage)
{
	const struct player_options options = {0};
	struct player *player = player_new(stage, scenario->state, &options);
	int rc = player ? player_play(player) : -ENOMEM;

	player_free(player);
	return rc;
}

struct scenario batch_again(const struct schedule *schedule)
{
	struct scenario scenario = batch_scenario(NULL);

	scenario.name = "fuzz-again";
	scenario.doc = "one schedule on a fresh server";
	scenario.play = play_again;
	scenario.state = (void *)schedule;
	return scenario;
}
