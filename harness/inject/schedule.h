/* SPDX-License-Identifier: MIT */
/*
 * A fuzzer's input as what it means: what some peers do, and what befalls the server's system calls
 * meanwhile. A head of SCHEDULE_HEAD bytes (for the simulation: protocol, buffers) and moves of MOVE_SIZE
 * bytes. Every heap of bytes is a schedule, so mutation never makes an invalid one. Pure.
 */
#ifndef WRINGER_INJECT_SCHEDULE_H
#define WRINGER_INJECT_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEDULE_HEAD	2u
#define SCHEDULE_WAYS	0x38u /* of the first byte: what makes a schedule loaded, or one of rounds */
#define SCHEDULE_ROUNDS 0x30u /* both of these: rounds */
#define MOVE_SIZE	4u
#define MOVES_MOST	120u
#define SCHEDULE_MOST	(SCHEDULE_HEAD + MOVES_MOST * MOVE_SIZE)
#define PEERS_MOST	6u

enum move_what {
	MOVE_CONNECT,	   /* peer connects, unless it is there */
	MOVE_REQUEST,	   /* sends what is missing of its request, or a whole new one: kind b */
	MOVE_PART,	   /* sends a few bytes of one: 1 << a % 8 */
	MOVE_BURST,	   /* 2 << a % 8 requests at once, on a machine a % 5 */
	MOVE_STALL,	   /* reads no more */
	MOVE_RESUME,	   /* reads again */
	MOVE_FIN,	   /* closes */
	MOVE_HALF_CLOSE,   /* shuts down writing */
	MOVE_RST,	   /* resets */
	MOVE_CLOSE_UNREAD, /* closes with bytes unread, or with none */
	MOVE_VANISH,	   /* is gone without a packet */
	MOVE_FAULT,	   /* a fault of the table (who, a) under the target, b % 8 + 1 times */
	MOVE_LIMIT,	   /* RLIMIT_NOFILE: a % 4 more than are open; a & 128: all of them again */
	MOVE_TIME,	   /* 1 ms << a % 16 pass */
	MOVE_CANARY,	   /* the healthy peer asks */
	MOVE_ANSWER,	   /* the answers that are owed to the peer are waited for */
	MOVE_OOB,	   /* one urgent byte */
	MOVE_STOP, /* the server is stopped (SIGSTOP), or goes on: what happens meanwhile comes at once */
	/* Of the waits from here on, where their results are made (the simulation); on a machine nothing: */
	MOVE_ORDER, /* ready descriptors come in another order: enum move_order, a % 4 */
	MOVE_BATCH, /* at most a % 4 of them at a time; 0: as many as were asked for */
	MOVES
};
/* Each is what the kernel says when the same things happen in another order. */
enum move_order { ORDER_AS_IT_IS, ORDER_REVERSED, ORDER_LAST_FIRST, ORDER_FIRST_LAST };
#define MOVE_MERGE 0x80u /* of the first byte: the next move comes before the server has looked */

struct move {
	enum move_what what;
	bool merge;
	uint8_t peer, a, b;
};

struct schedule {
	uint8_t head; /* what the next three are read from */
	bool http;
	bool rounds;   /* the moves are played several times, and descriptors counted in between */
	bool loaded;   /* the stop comes while the peers are still there */
	size_t buffer; /* bytes between two sockets */
	const uint8_t *moves;
	size_t count;
};

/* Points into data. */
struct schedule schedule_read(const uint8_t *data, size_t size);
struct move schedule_move(const struct schedule *schedule, size_t at);

/* The fault of a MOVE_FAULT as inject/fault.h reads it. Returns out. */
char *move_fault(const struct move *move, char *out, size_t size);
/* What a request asks for: 0 a small answer, else that many bytes. */
uint32_t move_bytes(uint8_t kind);

/* How many requests a MOVE_BURST is. */
uint32_t move_times(const struct move *move, bool simulated);
/* Milliseconds of a MOVE_TIME: in the simulation up to half a minute, which passes at once; on a machine 16
 * at most. */
uint32_t move_ms(const struct move *move, bool simulated);

/* Changes whole moves, sometimes by the engine's own plain way. data has room bytes. Returns the new size. */
size_t schedule_mutate(uint8_t *data, size_t size, size_t room, unsigned seed,
		       size_t (*plain)(uint8_t *data, size_t size, size_t room));
/* The beginning of one and the end of the other. Returns its size. */
size_t schedule_cross(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
		      uint8_t *out, size_t room, unsigned seed);

#endif
