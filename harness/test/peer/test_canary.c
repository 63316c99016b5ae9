/* SPDX-License-Identifier: MIT */
/*
 * The canary against a server of our own on the same loop, which serves well or has one bad habit:
 *
 *   canary ── loop ── listener, connections (played by struct server, also on the loop)
 *
 * The protocol: "ask TOKEN\n" gives "got TOKEN\n"; "last TOKEN\n" the same. Each habit is a row: what the
 * canary counts, and what its journal must hold.
 */
#include "test/peer/server.h"

#include <stdlib.h>
#include "peer/canary.h"

/* The client's side of the protocol. */

static int ask(const struct protocol *protocol, enum request_kind kind, const char *token, uint64_t bytes,
	       struct buf *out)
{
	(void)bytes;
	if (protocol->state)
		return *(int *)protocol->state;
	return buf_printf(out, "%s %s\n", kind == REQUEST_LAST ? "last" : "ask", token);
}

static int64_t check(const struct protocol *protocol, enum request_kind kind, const char *token,
		     uint64_t bytes, const char *data, size_t size, bool closed, uint64_t *ret_announced,
		     struct buf *why)
{
	char right[64];
	int length = snprintf(right, sizeof right, "got %s\n", token);
	size_t want = (size_t)length - (closed && !memchr(data, '\n', size));

	(void)protocol, (void)kind, (void)bytes;
	*ret_announced = (uint64_t)length;
	if (memcmp(data, right, size < want ? size : want) != 0) {
		assert_int_equal(
		    buf_printf(why, "expected %.*s, received %.*s", length - 1, right, (int)size, data), 0);
		return -EBADMSG;
	}
	return size < want ? 0 : (int64_t)want;
}

static int64_t greet(const struct protocol *protocol, const char *data, size_t size, struct buf *why)
{
	(void)protocol;
	if (memcmp(data, "welcome\n", size < 8 ? size : 8) != 0) {
		assert_int_equal(buf_puts(why, "expected a welcome"), 0);
		return -EBADMSG;
	}
	return size < 8 ? 0 : 8;
}

static bool always_closes(const struct protocol *protocol, const char *data, size_t size)
{
	(void)protocol;
	assert_true(size > 4 && memcmp(data, "got ", 4) == 0);
	return true;
}

#define ALL (PROTOCOL_REQUEST | PROTOCOL_KEEPALIVE | PROTOCOL_TOKEN)

struct stand {
	struct bench bench;
	struct server server;
	struct protocol protocol;
	struct canary *canary;
	int32_t ids;
	uint64_t wanted;
	bool deny;	       /* accepted() says no */
	uint64_t delay, looks; /* delayed() grows by the one with each of the others */
	uint64_t relents;      /* the look at which accepted() says yes again; 0: none */
};

static int32_t next_id(void *arg)
{
	return ((struct stand *)arg)->ids++;
}

/* Or the word of farewell would arrive together with the answer on a slow machine, as a part of it. */
static bool is_asking(void *arg)
{
	return canary_waits_since(((struct stand *)arg)->canary) != 0;
}

static void stand_open_at(struct stand *stand, enum habit habit, uint32_t offers, uint64_t patience,
			  uint64_t interval)
{
	struct error error;

	memset(stand, 0, sizeof *stand);
	bench_open(&stand->bench);
	server_open(&stand->server, &stand->bench, habit, offers & PROTOCOL_GREETS);
	assert_int_equal(
	    loop_watch(stand->bench.loop, stand->bench.listener, EPOLLIN, on_accept, &stand->server), 0);
	stand->protocol = (struct protocol){
	    .name = "test", .offers = offers, .request = ask, .answer = check, .greeting = greet};
	if (habit == SAYS_IT_CLOSES)
		stand->protocol.closes = always_closes;
	struct canary_options options = {
	    .protocol = &stand->protocol,
	    .address = (struct sockaddr *)&stand->bench.address,
	    .address_size = sizeof stand->bench.address,
	    .interval = interval,
	    .patience = patience,
	    .seed = 42,
	    .arg = stand,
	    .next_id = next_id,
	};
	assert_int_equal(
	    canary_new(stand->bench.loop, stand->bench.journal, &options, &stand->canary, &error), 0);
	stand->server.asked = is_asking;
	stand->server.arg = stand;
}

static void stand_open(struct stand *stand, enum habit habit, uint32_t offers, uint64_t patience)
{
	stand_open_at(stand, habit, offers, patience, 3 * NS_PER_MS);
}

static void stand_close(struct stand *stand)
{
	canary_free(stand->canary);
	server_close(&stand->server);
	bench_drain(&stand->bench);
	assert_int_equal(stand->bench.acts[PEER_CONNECT], stand->bench.acts[PEER_GONE]);
	assert_int_equal(stand->bench.flagged, stand->bench.events);
	bench_close(&stand->bench);
}

static bool asked_enough(void *arg)
{
	struct stand *stand = arg;

	return canary_figures(stand->canary).asked >= stand->wanted;
}

static bool rests(void *arg)
{
	return canary_resting(((struct stand *)arg)->canary);
}

static void ask_times(struct stand *stand, uint64_t times)
{
	stand->wanted = times;
	canary_run(stand->canary);
	bench_until(&stand->bench, asked_enough, stand);
	canary_pause(stand->canary);
	bench_until(&stand->bench, rests, stand);
}

/* Eight requests, whatever comes of them. */
static const struct habit_row {
	const char *name;
	enum habit habit;
	uint32_t offers;
	unsigned patience; /* ms */
	uint32_t served, wrong, missed;
	uint32_t accepted; /* connections it takes; 0: not looked at */
	enum peer_act act; /* journalled for each that was wrong or missed */
	const char *complaint;
} habit_rows[] = {
    /* the kept one, and two fresh ones */
    {"serves", SERVES, ALL, 5000, 8, 0, 0, 3, PEER_ACTS, NULL},
    {"serves slowly", SERVES_SLOWLY, ALL, 5000, 8, 0, 0, 3, PEER_ACTS, NULL},
    {"no keep-alive", SERVES, PROTOCOL_REQUEST, 5000, 8, 0, 0, 8, PEER_ACTS, NULL},
    {"greets", SERVES, ALL | PROTOCOL_GREETS, 5000, 8, 0, 0, 3, PEER_ACTS, NULL},
    {"closes afterwards", CLOSES_AFTERWARDS, ALL, 5000, 8, 0, 0, 8, PEER_ACTS, NULL},
    {"says it closes", SAYS_IT_CLOSES, ALL, 5000, 8, 0, 0, 8, PEER_ACTS, NULL},
    {"closes while idle", CLOSES_IDLE, ALL, 5000, 8, 0, 0, 8, PEER_ACTS, NULL},
    {"ends by close", ENDS_BY_CLOSE, ALL, 5000, 8, 0, 0, 8, PEER_ACTS, NULL},
    /* a legal race: asked again on a new connection, never counted */
    {"drops reused", DROPS_REUSED, ALL, 5000, 8, 0, 0, 8, PEER_ACTS, NULL},
    {"resets reused", RESETS_REUSED, ALL, 5000, 8, 0, 0, 8, PEER_ACTS, NULL},
    {"answers another", ANSWERS_ANOTHER, ALL, 5000, 0, 8, 0, 8, PEER_WRONG, "received got wrong"},
    {"says more", SAYS_MORE, ALL, 5000, 0, 8, 0, 8, PEER_WRONG,
     "expected nothing behind the answer, received 9 bytes"},
    {"silent", IS_SILENT, ALL, 8, 0, 0, 8, 8, PEER_UNANSWERED, "no answer within 0.008 s, 0 bytes"},
    {"mumbles", MUMBLES, ALL, 40, 0, 0, 8, 8, PEER_UNANSWERED, "no answer within 0.040 s, 1 bytes"},
    {"cuts", CUTS, ALL, 5000, 0, 0, 8, 8, PEER_CUT, "closed the connection after 3 bytes"},
    {"cuts by reset", CUTS_BY_RESET, ALL, 5000, 0, 0, 8, 8, PEER_CUT, "reset the connection after 3 bytes"},
    {"closes at once", CLOSES_AT_ONCE, ALL, 5000, 0, 0, 8, 8, PEER_UNANSWERED,
     "closed the connection after 0 bytes"},
};

static void check_counts(const struct habit_row *row, const struct stand *stand)
{
	struct canary_figures figures = canary_figures(stand->canary);

	if (figures.served != row->served || figures.wrong != row->wrong || figures.missed != row->missed)
		fail_msg("%s: %d served, %d wrong, %d missed: %s\n%s", row->name, (int)figures.served,
			 (int)figures.wrong, (int)figures.missed, canary_complaint(stand->canary),
			 stand->bench.story.data);
	assert_int_equal(figures.asked, 8);
	if (stand->server.accepted != row->accepted)
		fail_msg("%s: %d connections", row->name, (int)stand->server.accepted);
	assert_int_equal(stand->bench.acts[PEER_ANSWER], row->served);
}

static void check_acts(const struct habit_row *row, const struct stand *stand)
{
	static const enum peer_act verdicts[] = {PEER_WRONG, PEER_CUT, PEER_UNANSWERED};

	for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
		assert_int_equal(stand->bench.acts[verdicts[i]], verdicts[i] == row->act ? 8 : 0);
	if (row->complaint && !strstr(canary_complaint(stand->canary), row->complaint))
		fail_msg("%s: complains: %s", row->name, canary_complaint(stand->canary));
	if (!row->complaint)
		assert_string_equal(canary_complaint(stand->canary), "");
	assert_int_equal(canary_failure(stand->canary), 0);
}

static void habits(void **state)
{
	struct stand *stand = malloc(sizeof *stand);

	(void)state;
	assert_non_null(stand);
	for (size_t i = 0; i < sizeof habit_rows / sizeof *habit_rows; i++) {
		const struct habit_row *row = &habit_rows[i];
		stand_open(stand, row->habit, row->offers, row->patience * NS_PER_MS);
		ask_times(stand, 8);
		check_counts(row, stand);
		check_acts(row, stand);
		stand_close(stand);
	}
	free(stand);
}

static int setup(void **state)
{
	*state = malloc(sizeof(struct stand));
	stand_open(*state, SERVES, ALL, 5 * NS_PER_S);
	return 0;
}

static int teardown(void **state)
{
	stand_close(*state);
	free(*state);
	return 0;
}

static void the_story_of_one_request(void **state)
{
	struct stand *stand = *state;

	ask_times(stand, 1);
	assert_string_equal(bench_story(&stand->bench), "CONNECT CONNECTED SEND REQUEST RECV ANSWER");
	assert_int_equal(stand->bench.last.arg[0], 1);
	assert_int_equal(stand->bench.last.arg[1], strlen("got w0000000000000\n") + 1);
	assert_true(stand->bench.last.arg[2] > 0);
	ask_times(stand, 2);
	bench_drain(&stand->bench);
	assert_int_equal(stand->bench.last.arg[0], 2); /* the ordinal, on the same connection */
	assert_int_equal(stand->server.most_on_one, 2);
}

/* The word comes after the answer was taken: seen with the next request on that connection, and wrong. */
static void talk_between_requests(void **state)
{
	struct stand *stand = *state;

	stand->server.habit = TALKS_IDLE;
	ask_times(stand, 6);
	assert_true(canary_figures(stand->canary).wrong >= 2);
	assert_int_equal(canary_figures(stand->canary).missed, 0);
	assert_non_null(strstr(canary_complaint(stand->canary), "expected nothing between requests"));
	assert_non_null(strstr(canary_complaint(stand->canary), "tired of you"));
}

static bool recovered(void *arg)
{
	struct stand *stand = arg;

	return canary_figures(stand->canary).served > 0;
}

static void goes_on_after_a_miss(void **state)
{
	struct stand *stand = *state;

	stand->server.habit = CLOSES_AT_ONCE;
	ask_times(stand, 2);
	assert_int_equal(canary_figures(stand->canary).missed, 2);
	stand->server.habit = SERVES;
	canary_run(stand->canary);
	bench_until(&stand->bench, recovered, stand);
}

static void refused_at_a_bounded_rate(void **state)
{
	struct stand *stand = *state;
	uint64_t start = clock_now();

	loop_unwatch(stand->bench.loop, stand->bench.listener);
	bench_stop_listening(&stand->bench);
	ask_times(stand, 4);
	assert_true(clock_now() - start >= 3 * 20 * NS_PER_MS);
	assert_int_equal(canary_figures(stand->canary).missed, 4);
	assert_int_equal(stand->bench.acts[PEER_REFUSED], 4);
	assert_int_equal(stand->bench.acts[PEER_UNANSWERED], 0);
	assert_non_null(strstr(canary_complaint(stand->canary), "refused"));
}

static bool fresh_over(void *arg)
{
	return canary_fresh_result(((struct stand *)arg)->canary) != -EAGAIN;
}

/* The next request would come in an hour. */
static void comes_sooner_in_a_hurry(void **state)
{
	struct stand stand;

	(void)state;
	stand_open_at(&stand, SERVES, ALL, 5 * NS_PER_S, 3600 * NS_PER_S);
	canary_hurry(stand.canary); /* it does not run yet */
	stand.wanted = 1;
	canary_run(stand.canary);
	bench_until(&stand.bench, asked_enough, &stand);
	for (stand.wanted = 2; stand.wanted <= 5; stand.wanted++) {
		canary_hurry(stand.canary);
		canary_hurry(stand.canary); /* and not twice */
		bench_until(&stand.bench, asked_enough, &stand);
	}
	canary_pause(stand.canary);
	canary_hurry(stand.canary);
	bench_settle(&stand.bench);
	assert_true(canary_resting(stand.canary));
	assert_int_equal(canary_figures(stand.canary).asked, 5);
	stand_close(&stand);
}

static void fresh_beside_the_running_one(void **state)
{
	static const struct {
		enum habit habit;
		int result;
	} rows[] = {
	    {SERVES, 0}, {ANSWERS_ANOTHER, -EBADMSG}, {CUTS, -ECONNRESET}, {CLOSES_AT_ONCE, -ECONNRESET}};
	struct stand *stand = *state;

	assert_int_equal(canary_fresh_result(stand->canary), -ENOENT);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		stand->server.habit = rows[i].habit;
		assert_int_equal(canary_fresh(stand->canary), 0); /* while it rests */
		assert_int_equal(canary_fresh(stand->canary), -EALREADY);
		assert_int_equal(canary_fresh_result(stand->canary), -EAGAIN);
		assert_true(canary_resting(stand->canary));
		bench_until(&stand->bench, fresh_over, stand);
		assert_int_equal(canary_fresh_result(stand->canary), rows[i].result);
	}
	stand->server.habit = SERVES;
	canary_reset_figures(stand->canary);
	canary_run(stand->canary);
	assert_int_equal(canary_fresh(stand->canary), 0); /* while it asks */
	ask_times(stand, 3);
	bench_until(&stand->bench, fresh_over, stand);
	assert_int_equal(canary_fresh_result(stand->canary), 0);
}

static void fresh_runs_out_of_patience(void **state)
{
	struct stand *stand = malloc(sizeof *stand);

	(void)state;
	stand_open(stand, IS_SILENT, ALL, 5 * NS_PER_MS);
	assert_int_equal(canary_fresh(stand->canary), 0);
	bench_until(&stand->bench, fresh_over, stand);
	assert_int_equal(canary_fresh_result(stand->canary), -ETIMEDOUT);
	bench_drain(&stand->bench);
	assert_int_equal(stand->bench.acts[PEER_UNANSWERED], 1);
	stand_close(stand);
	free(stand);
}

/* At the fd limit: no new connection is made, and one under way may wait in vain without being counted. */
static void keep_only(void **state)
{
	struct stand *stand = *state;

	ask_times(stand, 1);
	canary_keep_only(stand->canary, true);
	ask_times(stand, 10);
	assert_int_equal(stand->server.accepted, 1);
	assert_int_equal(stand->server.most_on_one, 10);
	stand->server.habit = CLOSES_AT_ONCE;
	assert_int_equal(canary_fresh(stand->canary), 0);
	bench_until(&stand->bench, fresh_over, stand);
	assert_int_equal(canary_fresh_result(stand->canary), -ECONNRESET);
	assert_int_equal(canary_figures(stand->canary).missed, 0);
	bench_drain(&stand->bench);
	assert_int_equal(stand->bench.acts[PEER_UNANSWERED], 0);
	canary_keep_only(stand->canary, false);
	stand->server.habit = SERVES;
	ask_times(stand, 14);
	assert_int_equal(canary_figures(stand->canary).served, 14);
	assert_true(stand->server.accepted > 2);
}

static bool nobody_left(void *arg)
{
	return ((struct stand *)arg)->server.alive == 0;
}

/* The kept connection is closed by the target at its limit, which is its right; the canary waits rather than
 * make a new one. */
static void keep_only_without_a_connection(void **state)
{
	struct stand *stand = *state;

	ask_times(stand, 1);
	canary_keep_only(stand->canary, true);
	stand->server.habit = DROPS_REUSED;
	canary_run(stand->canary);
	bench_until(&stand->bench, nobody_left, stand);
	for (uint64_t end = clock_now() + 60 * NS_PER_MS; clock_now() < end;)
		assert_int_equal(loop_step(stand->bench.loop, end), 0);
	assert_int_equal(stand->server.accepted, 1);
	assert_int_equal(canary_figures(stand->canary).asked, 1);
	canary_keep_only(stand->canary, false);
	ask_times(stand, 3);
	assert_int_equal(canary_figures(stand->canary).served, 3);
}

static bool accepted(void *arg, uint16_t port)
{
	struct stand *stand = arg;

	assert_true(port > 0);
	return !stand->deny && stand->server.accepted > canary_figures(stand->canary).served;
}

/* No requests at all: being accepted is being served. */
static void opaque(void **state)
{
	struct stand *stand = *state;
	struct canary_options options = {
	    .protocol = &stand->protocol,
	    .address = (struct sockaddr *)&stand->bench.address,
	    .address_size = sizeof stand->bench.address,
	    .interval = NS_PER_MS,
	    .patience = 30 * NS_PER_MS,
	    .arg = stand,
	    .next_id = next_id,
	};
	struct error error;

	for (int known = 0; known < 2; known++) {
		canary_free(stand->canary);
		options.accepted = known ? accepted : NULL;
		stand->protocol = (struct protocol){.name = "tcp"};
		stand->server.accepted = 0;
		assert_int_equal(
		    canary_new(stand->bench.loop, stand->bench.journal, &options, &stand->canary, &error), 0);
		ask_times(stand, 5);
		assert_int_equal(canary_figures(stand->canary).served, 5);
		bench_settle(&stand->bench);
		assert_int_equal(stand->server.accepted, 5);
	}
	stand->deny = true;
	ask_times(stand, 6);
	assert_int_equal(canary_figures(stand->canary).missed, 1);
	assert_int_equal(stand->bench.acts[PEER_UNANSWERED], 1);
	assert_int_equal(stand->bench.acts[PEER_ANSWER], 10);
	assert_int_equal(stand->bench.acts[PEER_REQUEST], 0);
}

static uint64_t delayed(void *arg)
{
	struct stand *stand = arg;

	if (++stand->looks == stand->relents)
		stand->deny = false;
	return stand->looks * stand->delay;
}

/* The server waits for a CPU, says delayed(): the patience grows by as much, within bounds. */
static const struct busy_row {
	const char *name;
	unsigned delay, indulgence; /* ms a look, ms at most */
	uint64_t relents;
	int result;
	unsigned added; /* ms, as journalled */
} busy_rows[] = {
    {"nothing delayed it", 0, 70, 2, -ETIMEDOUT, 0},   {"hardly anything did", 5, 70, 2, -ETIMEDOUT, 0},
    {"never served", 30, 70, 0, -ETIMEDOUT, 60},       {"served in the time added", 30, 70, 2, 0, 0},
    {"no time may be added", 30, 0, 2, -ETIMEDOUT, 0},
};

static void busy_machine(void **state)
{
	struct stand *stand = *state;
	struct error error;

	for (size_t i = 0; i < sizeof busy_rows / sizeof *busy_rows; i++) {
		const struct busy_row *row = &busy_rows[i];
		struct canary_options options = {
		    .protocol = &stand->protocol,
		    .address = (struct sockaddr *)&stand->bench.address,
		    .address_size = sizeof stand->bench.address,
		    .patience = 30 * NS_PER_MS,
		    .indulgence = row->indulgence * NS_PER_MS,
		    .accepted = accepted,
		    .delayed = delayed,
		    .arg = stand,
		    .next_id = next_id,
		};

		print_message("  %s\n", row->name);
		canary_free(stand->canary);
		stand->protocol = (struct protocol){.name = "tcp"};
		stand->deny = true;
		stand->delay = row->delay * NS_PER_MS;
		stand->looks = 0;
		stand->relents = row->relents;
		stand->bench.acts[PEER_UNANSWERED] = 0;
		assert_int_equal(
		    canary_new(stand->bench.loop, stand->bench.journal, &options, &stand->canary, &error), 0);
		assert_int_equal(canary_fresh(stand->canary), 0);
		bench_until(&stand->bench, fresh_over, stand);
		assert_int_equal(canary_fresh_result(stand->canary), row->result);
		bench_drain(&stand->bench);
		assert_int_equal(stand->bench.acts[PEER_UNANSWERED], row->result != 0);
		if (row->result)
			assert_int_equal(stand->bench.unanswered.arg[1], row->added * NS_PER_MS);
	}
}

static bool failed(void *arg)
{
	return canary_failure(((struct stand *)arg)->canary) < 0;
}

/* A protocol file that fails is our side's trouble: nothing is counted against the target. */
static void a_protocol_that_fails(void **state)
{
	struct stand *stand = *state;
	int code = -ENOEXEC;

	stand->protocol.state = &code;
	canary_run(stand->canary);
	bench_until(&stand->bench, failed, stand);
	assert_int_equal(canary_failure(stand->canary), -ENOEXEC);
	assert_int_equal(canary_figures(stand->canary).asked, 0);
	stand->protocol.state = NULL;
	ask_times(stand, 1);
	assert_int_equal(canary_figures(stand->canary).served, 1);
}

static bool two_requests(void *arg)
{
	return ((struct stand *)arg)->server.requests >= 2;
}

static void freed_under_way(void **state)
{
	struct stand *stand = *state;

	stand->server.habit = IS_SILENT;
	canary_run(stand->canary);
	assert_int_equal(canary_fresh(stand->canary), 0);
	bench_until(&stand->bench, two_requests, stand);
	canary_free(stand->canary);
	stand->canary = NULL;
	bench_settle(&stand->bench);
	assert_int_equal(stand->server.alive, 0);
	assert_int_equal(stand->bench.acts[PEER_UNANSWERED], 0);
}

static void nonsense_is_refused(void **state)
{
	struct stand *stand = *state;
	struct canary_options none = {.next_id = next_id};
	struct canary_options mute = {.protocol = &stand->protocol,
				      .address = (struct sockaddr *)&stand->bench.address,
				      .address_size = sizeof stand->bench.address,
				      .next_id = next_id};
	struct canary *canary = NULL;
	struct error error;

	assert_int_equal(canary_new(stand->bench.loop, stand->bench.journal, &none, &canary, &error),
			 -EINVAL);
	stand->protocol.answer = NULL;
	assert_int_equal(canary_new(stand->bench.loop, stand->bench.journal, &mute, &canary, &error),
			 -EINVAL);
	assert_non_null(strstr(error.text, "protocol test"));
	stand->protocol.answer = check;
	assert_null(canary);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(habits),
	    TEST(the_story_of_one_request),
	    TEST(talk_between_requests),
	    TEST(goes_on_after_a_miss),
	    TEST(refused_at_a_bounded_rate),
	    cmocka_unit_test(comes_sooner_in_a_hurry),
	    TEST(fresh_beside_the_running_one),
	    cmocka_unit_test(fresh_runs_out_of_patience),
	    TEST(keep_only),
	    TEST(keep_only_without_a_connection),
	    TEST(opaque),
	    TEST(busy_machine),
	    TEST(a_protocol_that_fails),
	    TEST(freed_under_way),
	    TEST(nonsense_is_refused),
	};

	return cmocka_run_group_tests_name("canary", tests, NULL, NULL);
}
