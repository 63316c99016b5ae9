/* SPDX-License-Identifier: MIT */
#include "fuzz/server/script.h"

#include <stdio.h>
#include <string.h>
#include "base/rng.h"

struct script script_read(const uint8_t *data, size_t size)
{
	static const size_t buffers[] = {16384, 4096, 65536, 262144};
	uint8_t head = size ? data[0] : 0;

	return (struct script){
	    .head = head,
	    .http = head & 1,
	    .loaded = head & 8,
	    .rounds = (head & 0x30) == 0x30,
	    .buffer = buffers[head >> 1 & 3],
	    .steps = data + SCRIPT_HEAD,
	    .count = size > SCRIPT_HEAD ? (size - SCRIPT_HEAD) / STEP_SIZE : 0,
	};
}

struct step script_step(const struct script *script, size_t at)
{
	const uint8_t *bytes = script->steps + at * STEP_SIZE;

	return (struct step){
	    .what = (enum step_what)((bytes[0] & 0x7f) % STEPS),
	    .merge = bytes[0] & STEP_MERGE,
	    .peer = (uint8_t)(bytes[1] % PEERS_MOST),
	    .a = bytes[2],
	    .b = bytes[3],
	};
}

char *step_fault(const struct step *step, char *out, size_t size)
{
	/* What the catalogue allows and a correct server survives; EAGAIN is no lie for accept only. */
	static const char *const faults[] = {
	    "@accept:EMFILE",  "@accept:ENFILE",   "@accept:ECONNABORTED", "@accept:EPROTO",
	    "@accept:ENOBUFS", "@accept:EINTR",	   "@read:EINTR",	   "@write:EINTR",
	    "@wait:EINTR",     "@write:ENOBUFS",   "@read:short=1",	   "@write:short=1",
	    "@write:short=99", "epoll_ctl:ENOSPC", "epoll_ctl:ENOMEM",	   "@accept:EPERM",
	};
	const char *fault = faults[step->a % (sizeof faults / sizeof *faults)];
	unsigned first = 1u + (step->b >> 3 & 3), times = 1u << (step->b & 7);

	(void)snprintf(out, size, "%s:%u..%u", fault, first, first + times - 1);
	return out;
}

uint32_t step_bytes(uint8_t kind)
{
	static const uint32_t bytes[] = {0, 0, 100, 2000, 20000, 40000};

	return bytes[kind % (sizeof bytes / sizeof *bytes)];
}

/* A step out of nothing, likely ones more often. */
static void invent(struct rng *rng, uint8_t *at)
{
	static const uint8_t likely[] = {STEP_CONNECT, STEP_REQUEST, STEP_REQUEST, STEP_PART, STEP_FAULT,
					 STEP_STALL,   STEP_FIN,     STEP_RST,	   STEP_TIME, STEP_CANARY};
	uint64_t chance = rng_next(rng);

	at[0] = (uint8_t)(chance & 1 ? likely[rng_below(rng, sizeof likely)] : rng_below(rng, STEPS));
	at[0] |= chance & 2 && chance & 4 ? STEP_MERGE : 0;
	at[1] = (uint8_t)(chance & 8 ? 0 : rng_below(rng, PEERS_MOST));
	at[2] = (uint8_t)(chance >> 16);
	at[3] = (uint8_t)(chance >> 24);
}

/* One change of whole steps. */
static size_t change(struct rng *rng, uint8_t *steps, size_t count, size_t most)
{
	size_t at = rng_below(rng, count + 1), from = rng_below(rng, count ? count : 1);
	uint8_t kept[STEP_SIZE];

	if (at < count)
		memcpy(kept, steps + at * STEP_SIZE, STEP_SIZE);
	switch (rng_below(rng, 7)) {
	case 0: /* a new one */
	case 1:
		if (count >= most)
			return count;
		memmove(steps + (at + 1) * STEP_SIZE, steps + at * STEP_SIZE, (count - at) * STEP_SIZE);
		invent(rng, steps + at * STEP_SIZE);
		return count + 1;
	case 2: /* one less */
		if (at >= count)
			return count;
		memmove(steps + at * STEP_SIZE, steps + (at + 1) * STEP_SIZE, (count - at - 1) * STEP_SIZE);
		return count - 1;
	case 3: /* the same again, perhaps for somebody else */
		if (at >= count || count >= most)
			return count;
		memmove(steps + (at + 1) * STEP_SIZE, steps + at * STEP_SIZE, (count - at) * STEP_SIZE);
		if (rng_below(rng, 2))
			steps[at * STEP_SIZE + 1] = (uint8_t)rng_below(rng, PEERS_MOST);
		return count + 1;
	case 4: /* two change places */
		if (at >= count)
			return count;
		memcpy(steps + at * STEP_SIZE, steps + from * STEP_SIZE, STEP_SIZE);
		memcpy(steps + from * STEP_SIZE, kept, STEP_SIZE);
		return count;
	case 5: /* another one in its place */
		if (at < count)
			invent(rng, steps + at * STEP_SIZE);
		return count;
	default: /* a byte of one */
		if (at < count)
			steps[at * STEP_SIZE + rng_below(rng, STEP_SIZE)] = (uint8_t)rng_next(rng);
		return count;
	}
}

size_t script_mutate(uint8_t *data, size_t size, size_t room, unsigned seed,
		     size_t (*plain)(uint8_t *data, size_t size, size_t room))
{
	struct rng rng;

	rng_init(&rng, seed, "script");
	if (room < SCRIPT_HEAD + STEP_SIZE || (size >= SCRIPT_HEAD && rng_below(&rng, 8) == 0))
		return plain(data, size, room);
	if (size < SCRIPT_HEAD)
		memset(data, 0, SCRIPT_HEAD);
	size_t count = size > SCRIPT_HEAD ? (size - SCRIPT_HEAD) / STEP_SIZE : 0;
	size_t most = (room - SCRIPT_HEAD) / STEP_SIZE;
	if (rng_below(&rng, 10) == 0)
		data[0] = (uint8_t)rng_next(&rng);
	for (uint64_t times = 1 + rng_below(&rng, 4); times; times--)
		count = change(&rng, data + SCRIPT_HEAD, count, most < STEPS_MOST ? most : STEPS_MOST);
	return SCRIPT_HEAD + count * STEP_SIZE;
}

/* The beginning of the one and the end of the other, cut between steps. */
size_t script_cross(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
		    uint8_t *out, size_t room, unsigned seed)
{
	struct rng rng;
	size_t steps_one = one_size > SCRIPT_HEAD ? (one_size - SCRIPT_HEAD) / STEP_SIZE : 0;
	size_t steps_other = other_size > SCRIPT_HEAD ? (other_size - SCRIPT_HEAD) / STEP_SIZE : 0;

	if (one_size < SCRIPT_HEAD || room < SCRIPT_HEAD)
		return 0;
	rng_init(&rng, seed, "cross");
	size_t head = SCRIPT_HEAD + rng_below(&rng, steps_one + 1) * STEP_SIZE;
	size_t tail = rng_below(&rng, steps_other + 1) * STEP_SIZE;
	head = head < room ? head : room - (room - SCRIPT_HEAD) % STEP_SIZE;
	tail = tail < room - head ? tail : 0;
	memcpy(out, one, head);
	if (tail)
		memcpy(out + head, other + SCRIPT_HEAD + steps_other * STEP_SIZE - tail, tail);
	return head + tail;
}
