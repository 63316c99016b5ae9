/* SPDX-License-Identifier: MIT */
/*
 * What a connection of the targets says, from bytes: input in any portions, output taken in any portions,
 * the end, a time-out, a stop, in any order. Echo gives back exactly what it took; nothing runs over.
 */
#include <stdlib.h>
#include <string.h>
#include "common/session.h"
#include "fuzz/common/feed.h"
#include "fuzz/common/target.h"

#define ROUNDS_MOST 4096

enum step { STEP_FEED, STEP_TAKE, STEP_EOF, STEP_TIMED_OUT, STEP_STOP, STEPS };

struct story {
	struct session session;
	char *fed; /* echo: what went in and has not come out */
	size_t fed_size, fed_room;
	bool over; /* eof, time-out or stop came: no more is compared */
};

static void feed_session(struct story *story, struct feed *feed, size_t most)
{
	size_t room, size;

	if (!session_wants(&story->session))
		return;
	char *space = session_space(&story->session, &room);
	fuzz_claim(room > 0);
	const uint8_t *bytes = feed_bytes(feed, most < room ? most : room, &size);
	if (size == 0)
		return;
	memcpy(space, bytes, size);
	if (story->session.speaks == SPEAKS_ECHO && !story->over) {
		fuzz_claim(story->fed_size + size <= story->fed_room);
		memcpy(story->fed + story->fed_size, bytes, size);
		story->fed_size += size;
	}
	session_fed(&story->session, size);
}

static void take_output(struct story *story, size_t most)
{
	size_t size;
	const char *bytes = session_output(&story->session, &size);

	size = size < most ? size : most;
	if (size == 0)
		return;
	if (story->session.speaks == SPEAKS_ECHO && !story->over) {
		fuzz_claim(size <= story->fed_size && memcmp(bytes, story->fed, size) == 0);
		memmove(story->fed, story->fed + size, story->fed_size - size);
		story->fed_size -= size;
	}
	session_sent(&story->session, size);
}

static void step(struct story *story, struct feed *feed)
{
	uint8_t what = feed_byte(feed);
	size_t most = (size_t)1 << (what >> 4); /* 1 … 32768 */

	switch ((enum step)(what % 8 < STEPS ? what % 8 : STEP_FEED)) {
	case STEP_FEED:
		feed_session(story, feed, most);
		break;
	case STEP_TAKE:
		take_output(story, most);
		break;
	case STEP_EOF:
		story->over = true;
		session_eof(&story->session);
		break;
	case STEP_TIMED_OUT:
		story->over = true;
		session_timed_out(&story->session);
		break;
	case STEP_STOP:
		story->over = true;
		session_stop(&story->session);
		break;
	case STEPS:
		break;
	}
	fuzz_claim(session_phase(&story->session) < PHASES);
	fuzz_claim(!session_finished(&story->session) || !session_speaks(&story->session));
}

static void run(const uint8_t *data, size_t size)
{
	struct feed feed = {data, size};
	struct story *story = malloc(sizeof *story);

	fuzz_claim(story);
	story->fed_size = 0;
	story->fed_room = size;
	story->fed = malloc(size + 1);
	story->over = false;
	session_start(&story->session, feed_byte(&feed) & 1 ? SPEAKS_HTTP : SPEAKS_ECHO);
	while (!feed_empty(&feed))
		step(story, &feed);
	story->over = true;
	session_eof(&story->session);
	for (int round = 0; round < ROUNDS_MOST && session_speaks(&story->session); round++)
		take_output(story, FIFO_SIZE);
	/* Only a huge answer may have something left to say. */
	fuzz_claim(session_finished(&story->session) || story->session.answer_size > FIFO_SIZE);
	free(story->fed);
	free(story);
}

const struct fuzz_target fuzz_session = {
    .name = "session",
    .doc = "the targets' echo and http sessions",
    .limit = 8192,
    .run = run,
};
