/* SPDX-License-Identifier: MIT */
/*
 * One that asks: connects when it must, sends a request, waits for its answer, says how it went. The canary
 * is made of three. Only asker.c and canary.c include this.
 */
#ifndef WRINGER_PEER_ASKER_H
#define WRINGER_PEER_ASKER_H

#include <stdbool.h>
#include <stdint.h>
#include "peer/canary.h"
#include "peer/peer.h"

enum ask_outcome {
	ASK_SERVED,
	ASK_WRONG,
	ASK_MISSED,   /* no answer: refused, ended, cut, or patience ended */
	ASK_FORGIVEN, /* the same on a new connection while only kept ones count, or a kept one was closed
			 then */
	ASK_BROKEN,   /* our own side failed; code says how */
};

/* What the askers of a canary have in common. */
struct ask_shared {
	struct loop *loop;
	struct journal *journal;
	struct canary_options options;
	struct sockaddr_storage address;
	uint32_t token_seed;
	uint64_t tokens;      /* given out so far */
	uint32_t connections; /* made so far */
	bool keep_only;
	char complaint[256];
};

#define ASK_TOKEN 16

struct asker {
	struct ask_shared *shared;
	bool keeps; /* the connection stays for the next request */
	/* code: 0 served, -EBADMSG wrong, -ETIMEDOUT, -ECONNREFUSED, -ECONNRESET missed. May begin the next
	 * request. */
	void (*done)(void *arg, enum ask_outcome outcome, int code);
	void *arg;

	struct peer *peer;
	struct loop_timer *patience, *poll;
	bool asking;
	bool greeted, requested, sent; /* sent: to the last byte */
	bool reused;		       /* the connection served before */
	bool retried;
	bool dismissed; /* the answer said that the target closes the connection */
	enum request_kind kind;
	char token[ASK_TOKEN];
	uint64_t began, ordinal;
	uint64_t delayed; /* what options.delayed said when it began */
	uint64_t granted; /* ns added to the patience since */
};

/* Asks once; done is called when it is over, perhaps before this returns. Not while asking. */
void asker_begin(struct asker *asker);
/* Has a connection that the target has not closed. */
bool asker_open(const struct asker *asker);
/* Stops whatever is under way without a word, closes the connection. */
void asker_drop(struct asker *asker);

#endif
