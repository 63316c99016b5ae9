/* SPDX-License-Identifier: MIT */
/* The other end of a connection in the simulation: asks, reads, checks every byte, misbehaves, and journals
 * it as the harness's own peers do. */
#ifndef FUZZ_SERVER_PEER_H
#define FUZZ_SERVER_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fuzz/server/http.h"
#include "fuzz/sim/sim.h"

#define OWED_MOST    320u
#define REQUEST_MOST 192u

struct owed {
	uint32_t bytes;	 /* asked for; 0: a small answer. Echo: the request's own size */
	uint32_t serial; /* of its token */
	uint64_t ordinal, asked_at;
};

struct peer {
	struct sim *sim;
	void (*event)(void *arg, const struct event *event);
	void *arg;
	bool http, canary;
	int32_t id;
	int fd;						      /* in SIM_PEERS, -1: not connected, or gone */
	bool connecting, stalled, half_closed, got_fin, over; /* over: the target ended it */
	bool urgent;   /* its urgent byte was sent: a second one would make it part of the request */
	bool confused; /* got a wrong answer: what follows is read and not looked at */
	uint64_t sent, received, ordinal, answered;
	/* the request being sent */
	char request[REQUEST_MOST];
	size_t request_size, request_at;
	bool whole; /* what does not fit now is sent as soon as it does */
	/* answers owed, the oldest first */
	struct owed owed[OWED_MOST];
	size_t owed_first, owed_count;
	/* of the oldest answer */
	struct http_answer answer;
	uint64_t echoed; /* of an echo: how much has come */
	struct http_manners *manners;
};

/* manners, of HTTP, is what the server's answers are held against, the same for all its peers. */
void peer_begin(struct peer *peer, struct sim *sim, bool http, struct http_manners *manners, bool canary,
		int32_t id);
bool peer_there(const struct peer *peer);
/* Whether it may ask once more: the last answer may have said that it was the last. */
bool peer_may_ask(const struct peer *peer);
/* Connects to the server's port. */
void peer_connect(struct peer *peer, int port);
/* Sends at most most bytes of the request under way, or of a new one that asks for bytes. */
void peer_ask(struct peer *peer, uint32_t bytes, size_t most);
/* Reads what has come, unless it is stalled; sends what is left of a request that was begun whole. Whether
 * anything moved. */
bool peer_look(struct peer *peer);
/* Sends one urgent byte, the only one of the connection. */
void peer_urgent(struct peer *peer);
void peer_stall(struct peer *peer, bool stalled);
/* PEER_FIN, PEER_HALF_CLOSE, PEER_RST, PEER_CLOSE_UNREAD or PEER_VANISH. */
void peer_end(struct peer *peer, enum peer_act act);
/* Whether an answer is owed that can still come. */
bool peer_waits(const struct peer *peer);
/* The patience is over: journals it. */
void peer_give_up(struct peer *peer);
/* The same, where the peer goes on: if it reads, asked that long ago (ns), and got not a byte of the answer.
 */
void peer_complain(struct peer *peer, uint64_t patience);

#endif
