/* SPDX-License-Identifier: MIT */
/* Any bytes are a schedule; changing, joining and shrinking schedules makes schedules; their scenarios say
 * what they do. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/rng.h"
#include "inject/fault.h"
#include "inject/schedule_lua.h"
#include "inject/schedule_shrink.h"

static void test_bytes_are_moves(void **state)
{
	static const uint8_t bytes[] = {0, 0, 0x81, 2, 0, 4, MOVE_RST, 8, 9, 9, 0xff};
	struct schedule schedule = schedule_read(bytes, sizeof bytes);
	struct move ask = schedule_move(&schedule, 0), rst = schedule_move(&schedule, 1);

	(void)state;
	assert_int_equal(schedule.count, 2);
	assert_int_equal(ask.what, MOVE_REQUEST);
	assert_true(ask.merge);
	assert_int_equal(ask.peer, 2);
	assert_int_equal(rst.what, MOVE_RST);
	assert_false(rst.merge);
	assert_int_equal(rst.peer, 2);
	assert_int_equal(schedule_read(bytes, 0).count, 0);
	assert_int_equal(schedule_read(bytes, SCHEDULE_HEAD + 3).count, 0);
}

/* Every fault that a move can mean is one that inject/ understands. */
static void test_faults(void **state)
{
	struct fault fault;
	struct error error;
	char text[64];

	(void)state;
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b += 7) {
			struct move move = {.what = MOVE_FAULT, .a = (uint8_t)a, .b = (uint8_t)b};
			assert_int_equal(fault_parse(move_fault(&move, text, sizeof text), &fault, &error),
					 0);
		}
	}
}

static size_t plain(uint8_t *data, size_t size, size_t room)
{
	(void)room;
	for (size_t i = 0; i < size; i++)
		data[i] ^= 0x5a;
	return size;
}

static void test_mutation_stays_inside(void **state)
{
	uint8_t bytes[SCHEDULE_MOST] = {0}, other[SCHEDULE_MOST] = {0}, joined[64];
	size_t size = 0, other_size = SCHEDULE_HEAD;

	(void)state;
	for (unsigned seed = 1; seed < 3000; seed++) {
		size_t room = seed % 3 ? sizeof bytes : size < 40 ? 40 : size;
		size = schedule_mutate(bytes, size, room, seed, plain);
		other_size = schedule_mutate(other, other_size, sizeof other, seed + 9999, plain);
		assert_true(size <= room && other_size <= sizeof other);
		assert_true(schedule_read(bytes, size).count <= MOVES_MOST);
		size_t both = schedule_cross(bytes, size, other, other_size, joined, sizeof joined, seed);
		assert_true(both <= sizeof joined);
	}
}

/* Breaks as long as a reset follows a request of the same peer. */
static bool reset_after_request(void *arg, const struct schedule *schedule)
{
	bool asked[PEERS_MOST] = {false}, broken = false;

	(*(size_t *)arg)++;
	for (size_t i = 0; i < schedule->count; i++) {
		struct move move = schedule_move(schedule, i);
		asked[move.peer] |= move.what == MOVE_REQUEST;
		broken |= move.what == MOVE_RST && asked[move.peer];
	}
	return broken;
}

static void test_shrinks_to_what_it_takes(void **state)
{
	uint8_t moves[SCHEDULE_MOST];
	size_t asked = 0;

	(void)state;
	for (size_t i = 0; i < 20; i++)
		memcpy(moves + i * MOVE_SIZE, (uint8_t[]){MOVE_TIME, (uint8_t)(i % 6), 1, 1}, MOVE_SIZE);
	moves[3 * MOVE_SIZE] = moves[7 * MOVE_SIZE] = MOVE_REQUEST;
	moves[15 * MOVE_SIZE] = MOVE_RST; /* of the peer that asked in move 3 */
	struct schedule schedule = {.moves = moves, .count = 20, .buffer = 1};
	size_t told = schedule_shrink(&schedule, moves, reset_after_request, &asked, 0);
	assert_int_equal(told, asked);
	assert_int_equal(schedule.count, 2);
	assert_int_equal(schedule_move(&schedule, 0).what, MOVE_REQUEST);
	assert_int_equal(schedule_move(&schedule, 1).what, MOVE_RST);
	assert_int_equal(schedule_move(&schedule, 1).peer, 3);
}

static void test_shrinking_ends(void **state)
{
	uint8_t moves[SCHEDULE_MOST] = {0};
	size_t asked = 0;

	(void)state;
	struct schedule schedule = {.moves = moves, .count = MOVES_MOST, .buffer = 1};
	size_t told = schedule_shrink(&schedule, moves, reset_after_request, &asked, 5);
	assert_int_equal(told, 5);
	assert_int_equal(asked, 5);
	assert_int_equal(schedule.count, MOVES_MOST);
}

static const struct schedule_story story = {.rule = "reset-leak", .message = "fd 9", .protocol = "http"};

/* Of every move something stands in the scenario, and what is stopped goes on. */
static void test_scenario_says_it(void **state)
{
	static const uint8_t bytes[] = {0, 0, MOVE_CONNECT, 1, 0, 0, MOVE_STOP, 0, 0, 0, MOVE_RST, 1,
					0, 0, MOVE_OOB,	    0, 0, 0};
	struct schedule schedule = schedule_read(bytes, sizeof bytes);
	struct buf text = {0};

	(void)state;
	assert_int_equal(schedule_lua(&schedule, &story, "fuzz-x", &text), 0);
	assert_non_null(strstr(text.data, "    peer(1)\n    t:until_settled()\n"));
	assert_non_null(strstr(text.data, "    t:signal(\"STOP\")\n    there(1, \"reset\")\n"));
	assert_non_null(
	    strstr(text.data, "    there(0, \"oob\")\n    strained = true\n    t:signal(\"CONT\")\n"));
	assert_non_null(strstr(text.data, "-- Found by wringer fuzz: fd 9\n"));
	buf_free(&text);
}

static void test_files_are_not_overwritten(void **state)
{
	char folder[] = "/tmp/wringer-test-XXXXXX", path[256];
	uint8_t moves[MOVE_SIZE] = {MOVE_RST, 0, 0, 0};
	struct schedule schedule = {.moves = moves, .count = 1, .buffer = 1};
	struct stat before, after;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(schedule_write(&schedule, &story, folder, path, sizeof path), 0);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(schedule_write(&schedule, &story, folder, path, sizeof path), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_true(schedule_write(&schedule, &story, folder, path, sizeof path) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bytes_are_moves),
	    cmocka_unit_test(test_faults),
	    cmocka_unit_test(test_mutation_stays_inside),
	    cmocka_unit_test(test_shrinks_to_what_it_takes),
	    cmocka_unit_test(test_shrinking_ends),
	    cmocka_unit_test(test_scenario_says_it),
	    cmocka_unit_test(test_files_are_not_overwritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
