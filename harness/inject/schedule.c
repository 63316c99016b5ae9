/* SPDX-License-Identifier: MIT */
#include "inject/schedule.h"

#include <stdio.h>
#include <string.h>
#include "base/rng.h"

struct schedule schedule_read(const uint8_t *data, size_t size)
{
	static const size_t buffers[] = {16384, 4096, 65536, 262144};
	uint8_t head = size ? data[0] : 0;

	return (struct schedule){
	    .head = head,
	    .http = head & 1,
	    .loaded = head & 8,
	    .rounds = (head & SCHEDULE_ROUNDS) == SCHEDULE_ROUNDS,
	    .buffer = buffers[head >> 1 & 3],
	    .moves = data + SCHEDULE_HEAD,
	    .count = size > SCHEDULE_HEAD ? (size - SCHEDULE_HEAD) / MOVE_SIZE : 0,
	};
}

struct move schedule_move(const struct schedule *schedule, size_t at)
{
	const uint8_t *bytes = schedule->moves + at * MOVE_SIZE;

	return (struct move){
	    .what = (enum move_what)((bytes[0] & 0x7f) % MOVES),
	    .merge = bytes[0] & MOVE_MERGE,
	    .peer = (uint8_t)(bytes[1] % PEERS_MOST),
	    .a = bytes[2],
	    .b = bytes[3],
	};
}

char *move_fault(const struct move *move, char *out, size_t size)
{
	/* What the catalogue allows and a correct server survives. EAGAIN with something there is what a
	 * wake-up for nothing looks like, to whoever is told again. */
	static const char *const faults[] = {
	    "@accept:EMFILE",  "@accept:ENFILE",   "@accept:ECONNABORTED", "@accept:EPROTO",
	    "@accept:ENOBUFS", "@accept:EINTR",	   "@read:EINTR",	   "@write:EINTR",
	    "@wait:EINTR",     "@write:ENOBUFS",   "@read:short=1",	   "@write:short=1",
	    "@write:short=99", "epoll_ctl:ENOSPC", "epoll_ctl:ENOMEM",	   "@accept:EPERM",
	    "@accept:EAGAIN",  "@read:EAGAIN",	   "@write:EAGAIN",	   "@wait:EINTR",
	};
	const char *fault = faults[move->a % (sizeof faults / sizeof *faults)];
	unsigned first = 1u + (move->b >> 3 & 3), times = 1u << (move->b & 7);

	(void)snprintf(out, size, "%s:%u..%u", fault, first, first + times - 1);
	return out;
}

uint32_t move_bytes(uint8_t kind)
{
	static const uint32_t bytes[] = {0, 0, 100, 2000, 20000, 40000};

	return bytes[kind % (sizeof bytes / sizeof *bytes)];
}

uint32_t move_times(const struct move *move, bool simulated)
{
	if (!simulated && move_bytes(move->b) > 2000)
		return 2; /* megabytes take longer than they tell */
	return 2u << move->a % (simulated ? 8 : 5);
}

uint32_t move_ms(const struct move *move, bool simulated)
{
	return 1u << move->a % (simulated ? 16 : 3);
}

/* 0 to 7, each half as often as the one before: of what is doubled by it, all sizes then take the same time.
 */
static uint8_t doublings(struct rng *rng)
{
	return (uint8_t)__builtin_ctzll(rng_next(rng) | 1ull << 7);
}

/* A move out of nothing, likely ones more often. */
static void invent(struct rng *rng, uint8_t *at)
{
	static const uint8_t likely[] = {MOVE_CONNECT, MOVE_REQUEST, MOVE_REQUEST, MOVE_PART, MOVE_FAULT,
					 MOVE_STALL,   MOVE_FIN,     MOVE_RST,	   MOVE_TIME, MOVE_CANARY};
	uint64_t chance = rng_next(rng);

	at[0] = (uint8_t)(chance & 1 ? likely[rng_below(rng, sizeof likely)] : rng_below(rng, MOVES));
	at[0] |= chance & 2 && chance & 4 ? MOVE_MERGE : 0;
	at[1] = (uint8_t)(chance & 8 ? 0 : rng_below(rng, PEERS_MOST));
	at[2] = (uint8_t)(chance >> 16);
	at[3] = (uint8_t)(chance >> 24);
	if ((at[0] & ~MOVE_MERGE) == MOVE_BURST)
		at[2] = (uint8_t)((at[2] & ~7u) | doublings(rng));
	if ((at[0] & ~MOVE_MERGE) == MOVE_FAULT)
		at[3] = (uint8_t)((at[3] & ~7u) | doublings(rng));
}

/* Rounds take five times as long, and one rule alone needs them. */
static uint8_t invent_head(struct rng *rng)
{
	uint8_t head = (uint8_t)rng_next(rng);

	return rng_below(rng, 4) ? head & (uint8_t)~SCHEDULE_ROUNDS : head;
}

/* One change of whole moves. */
static size_t change(struct rng *rng, uint8_t *moves, size_t count, size_t most)
{
	size_t at = rng_below(rng, count + 1), from = rng_below(rng, count ? count : 1);
	uint8_t kept[MOVE_SIZE];

	if (at < count)
		memcpy(kept, moves + at * MOVE_SIZE, MOVE_SIZE);
	switch (rng_below(rng, 7)) {
	case 0: /* a new one */
	case 1:
		if (count >= most)
			return count;
		memmove(moves + (at + 1) * MOVE_SIZE, moves + at * MOVE_SIZE, (count - at) * MOVE_SIZE);
		invent(rng, moves + at * MOVE_SIZE);
		return count + 1;
	case 2: /* one less */
		if (at >= count)
			return count;
		memmove(moves + at * MOVE_SIZE, moves + (at + 1) * MOVE_SIZE, (count - at - 1) * MOVE_SIZE);
		return count - 1;
	case 3: /* the same again, perhaps for somebody else */
		if (at >= count || count >= most)
			return count;
		memmove(moves + (at + 1) * MOVE_SIZE, moves + at * MOVE_SIZE, (count - at) * MOVE_SIZE);
		if (rng_below(rng, 2))
			moves[at * MOVE_SIZE + 1] = (uint8_t)rng_below(rng, PEERS_MOST);
		return count + 1;
	case 4: /* two change places */
		if (at >= count)
			return count;
		memcpy(moves + at * MOVE_SIZE, moves + from * MOVE_SIZE, MOVE_SIZE);
		memcpy(moves + from * MOVE_SIZE, kept, MOVE_SIZE);
		return count;
	case 5: /* another one in its place */
		if (at < count)
			invent(rng, moves + at * MOVE_SIZE);
		return count;
	default: /* a byte of one */
		if (at < count)
			moves[at * MOVE_SIZE + rng_below(rng, MOVE_SIZE)] = (uint8_t)rng_next(rng);
		return count;
	}
}

size_t schedule_mutate(uint8_t *data, size_t size, size_t room, unsigned seed,
		       size_t (*plain)(uint8_t *data, size_t size, size_t room))
{
	struct rng rng;

	rng_init(&rng, seed, "schedule");
	if (room < SCHEDULE_HEAD + MOVE_SIZE || (size >= SCHEDULE_HEAD && rng_below(&rng, 8) == 0))
		return plain(data, size, room);
	if (size < SCHEDULE_HEAD)
		memset(data, 0, SCHEDULE_HEAD);
	size_t count = size > SCHEDULE_HEAD ? (size - SCHEDULE_HEAD) / MOVE_SIZE : 0;
	size_t most = (room - SCHEDULE_HEAD) / MOVE_SIZE;
	if (rng_below(&rng, 10) == 0)
		data[0] = invent_head(&rng);
	for (uint64_t times = 1 + rng_below(&rng, 4); times; times--)
		count = change(&rng, data + SCHEDULE_HEAD, count, most < MOVES_MOST ? most : MOVES_MOST);
	return SCHEDULE_HEAD + count * MOVE_SIZE;
}

/* The beginning of the one and the end of the other, cut between moves. */
size_t schedule_cross(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
		      uint8_t *out, size_t room, unsigned seed)
{
	struct rng rng;
	size_t moves_one = one_size > SCHEDULE_HEAD ? (one_size - SCHEDULE_HEAD) / MOVE_SIZE : 0;
	size_t moves_other = other_size > SCHEDULE_HEAD ? (other_size - SCHEDULE_HEAD) / MOVE_SIZE : 0;

	if (one_size < SCHEDULE_HEAD || room < SCHEDULE_HEAD)
		return 0;
	rng_init(&rng, seed, "cross");
	size_t head = SCHEDULE_HEAD + rng_below(&rng, moves_one + 1) * MOVE_SIZE;
	size_t tail = rng_below(&rng, moves_other + 1) * MOVE_SIZE;
	head = head < room ? head : room - (room - SCHEDULE_HEAD) % MOVE_SIZE;
	tail = tail < room - head ? tail : 0;
	memcpy(out, one, head);
	if (tail)
		memcpy(out + head, other + SCHEDULE_HEAD + moves_other * MOVE_SIZE - tail, tail);
	return head + tail;
}
