/* SPDX-License-Identifier: MIT */
#include "hunt/suspects.h"

#include <stdlib.h>
#include <string.h>

uint64_t suspect_number(const char *peer)
{
	char *end;
	uint64_t number = strtoull(peer, &end, 10);

	return end != peer && *end == '.' ? number : 0;
}

static void add(uint32_t at, size_t *count, uint32_t *tries)
{
	for (size_t i = 0; i < *count; i++) {
		if (tries[i] == at)
			return;
	}
	if (*count < SUSPECTS_MOST)
		tries[(*count)++] = at;
}

size_t suspects_find(const struct line_turn *turn, const char *peer, uint64_t at,
		     uint32_t ret_tries[SUSPECTS_MOST])
{
	uint64_t number = suspect_number(peer);
	size_t count = 0;

	for (uint32_t i = 0; number && i < turn->count; i++) {
		if (turn->tries[i].number % 10000000 == number)
			add(i, &count, ret_tries);
	}
	for (uint32_t i = turn->count; i > 0; i--) {
		if (turn->tries[i - 1].at > at)
			continue;
		add(i - 1, &count, ret_tries);
		if (i > 1)
			add(i - 2, &count, ret_tries);
		break;
	}
	for (uint32_t i = turn->count; i > 0 && count < SUSPECTS_MOST; i--)
		add(i - 1, &count, ret_tries);
	return count;
}

size_t suspects_join(const struct line_turn *turn, uint32_t last, uint8_t *out, size_t room)
{
	uint32_t first = last + 1;
	size_t size = SCHEDULE_HEAD;

	memset(out, 0, SCHEDULE_HEAD);
	for (size_t total = size; first > 0; first--) {
		size_t more = turn->tries[first - 1].size;

		more = more > SCHEDULE_HEAD ? (more - SCHEDULE_HEAD) / MOVE_SIZE * MOVE_SIZE : 0;
		if (total + more > room)
			break;
		total += more;
	}
	for (uint32_t i = first; i <= last; i++) {
		const struct line_try *one = &turn->tries[i];
		size_t more =
		    one->size > SCHEDULE_HEAD ? (one->size - SCHEDULE_HEAD) / MOVE_SIZE * MOVE_SIZE : 0;

		memcpy(out + size, one->bytes + SCHEDULE_HEAD, more);
		size += more;
	}
	return size;
}

size_t suspects_close(const struct line_try *one, uint8_t *out, size_t room)
{
	const struct schedule schedule = schedule_read(one->bytes, one->size);
	size_t size = SCHEDULE_HEAD + schedule.count * MOVE_SIZE;
	bool closed[PEERS_MOST] = {false};

	memset(out, 0, SCHEDULE_HEAD);
	if (schedule.count)
		memcpy(out + SCHEDULE_HEAD, schedule.moves, schedule.count * MOVE_SIZE);
	for (size_t at = 0; at < schedule.count && size + MOVE_SIZE <= room; at++) {
		const uint8_t end[MOVE_SIZE] = {MOVE_CLOSE_UNREAD, schedule_move(&schedule, at).peer};

		if (closed[end[1]])
			continue;
		closed[end[1]] = true;
		memcpy(out + size, end, MOVE_SIZE);
		size += MOVE_SIZE;
	}
	return size;
}
