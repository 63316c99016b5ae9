/* SPDX-License-Identifier: MIT */
/*
 * An input as what it means: a head of SCRIPT_HEAD bytes (protocol, buffers) and steps of STEP_SIZE bytes.
 * Every heap of bytes is a script, so mutation never makes an invalid one.
 */
#ifndef FUZZ_SERVER_SCRIPT_H
#define FUZZ_SERVER_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPT_HEAD 2u
#define SCRIPT_WAYS 0x38u /* of the first byte: what makes a script loaded, or one of rounds */
#define STEP_SIZE   4u
#define STEPS_MOST  120u
#define SCRIPT_MOST (SCRIPT_HEAD + STEPS_MOST * STEP_SIZE)
#define PEERS_MOST  6u

enum step_what {
	STEP_CONNECT,	   /* peer connects, unless it is there */
	STEP_REQUEST,	   /* sends what is missing of its request, or a whole new one: kind b */
	STEP_PART,	   /* sends a few bytes of one: 1 << a % 8 */
	STEP_BURST,	   /* 2 << a % 8 requests at once */
	STEP_STALL,	   /* reads no more */
	STEP_RESUME,	   /* reads again */
	STEP_FIN,	   /* closes */
	STEP_HALF_CLOSE,   /* shuts down writing */
	STEP_RST,	   /* resets */
	STEP_CLOSE_UNREAD, /* closes with bytes unread, or with none */
	STEP_VANISH,	   /* is gone without a packet */
	STEP_FAULT,	   /* a fault of the table (who, a) under the target, b % 8 + 1 times */
	STEP_LIMIT,	   /* RLIMIT_NOFILE: a % 4 more than are open; a & 128: all of them again */
	STEP_TIME,	   /* 1 ms << a % 16 pass */
	STEP_CANARY,	   /* the healthy peer asks */
	STEPS
};
#define STEP_MERGE 0x80u /* of the first byte: the next step comes before the target has looked */

struct step {
	enum step_what what;
	bool merge;
	uint8_t peer, a, b;
};

struct script {
	uint8_t head; /* what the next three are read from */
	bool http;
	bool rounds;   /* the steps are played several times, and descriptors counted in between */
	bool loaded;   /* the stop comes while the peers are still there */
	size_t buffer; /* bytes between two sockets */
	const uint8_t *steps;
	size_t count;
};

struct script script_read(const uint8_t *data, size_t size);
struct step script_step(const struct script *script, size_t at);

/* The fault of a STEP_FAULT as inject/fault.h reads it. Returns out. */
char *step_fault(const struct step *step, char *out, size_t size);
/* What a request asks for: 0 a small answer, else that many bytes. */
uint32_t step_bytes(uint8_t kind);

size_t script_mutate(uint8_t *data, size_t size, size_t room, unsigned seed,
		     size_t (*plain)(uint8_t *data, size_t size, size_t room));
size_t script_cross(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
		    uint8_t *out, size_t room, unsigned seed);

#endif
