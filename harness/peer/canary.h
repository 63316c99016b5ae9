/* SPDX-License-Identifier: MIT */
/*
 * The canary: a healthy peer that keeps asking while a scenario runs, each request with a token of its own,
 * every answer checked byte for byte. It keeps one connection while the target lets it, and asks every fourth
 * time on a fresh one. For protocols without requests it connects, and counts as served once the target
 * accepted (asked through `accepted`).
 *
 * A kept connection may be closed between requests, and once even under a request of which no byte of answer
 * came: the next connection is asked instead. Everything else that is not the right answer is a miss, or
 * wrong; it goes on asking after either.
 */
#ifndef WRINGER_PEER_CANARY_H
#define WRINGER_PEER_CANARY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "base/error.h"
#include "base/rng.h"
#include "journal/journal.h"
#include "peer/loop.h"
#include "peer/protocol.h"

struct canary;

struct canary_options {
	const struct protocol *protocol;
	const struct sockaddr *address;
	socklen_t address_size;
	uint64_t interval; /* ns between an answer and the next request */
	uint64_t patience; /* ns after which a request counts as unanswered */
	uint64_t seed;
	/* The target accepted the connection from this local port (for protocols without requests); may be
	 * NULL. */
	bool (*accepted)(void *arg, uint16_t port);
	/*
	 * How long (ns, in all, since whenever; never less than before) whoever takes part has waited for a
	 * CPU. What is added to it while a request waits is added to the patience, `indulgence` at most: on a
	 * busy machine nobody else is to blame. NULL: the patience is what it is.
	 */
	uint64_t (*delayed)(void *arg);
	uint64_t indulgence;
	void *arg;
	int32_t (*next_id)(void *arg); /* peer ids of the case */
};

int canary_new(struct loop *loop, struct journal *journal, const struct canary_options *options,
	       struct canary **ret_canary, struct error *error);
/* Begins, or goes on after a pause. */
void canary_run(struct canary *canary);
/* The next request comes now, not an interval after the last one. Without effect while one is under way, or
 * it rests. */
void canary_hurry(struct canary *canary);
/* Finishes the request under way, then rests. canary_resting tells when. */
void canary_pause(struct canary *canary);
bool canary_resting(const struct canary *canary);
/*
 * While true only the kept connection asks: at the fd limit only new connections may wait. Without one that
 * is still open it does not ask, and a request that is under way on a new one may go without its answer
 * uncounted.
 */
void canary_keep_only(struct canary *canary, bool keep_only);
/*
 * Asks once on a fresh connection now (paused or not); -EALREADY while one such is under way.
 * canary_fresh_result: 0 served, -EAGAIN under way, -ETIMEDOUT, -EBADMSG wrong, -ECONNRESET ended or cut,
 * -ECONNREFUSED …; -ENOENT before the first.
 */
int canary_fresh(struct canary *canary);
int canary_fresh_result(const struct canary *canary);

/* Since when (clock_now() time) the oldest request under way has waited for its answer; 0: none is. */
uint64_t canary_waits_since(const struct canary *canary);

struct canary_figures {
	uint64_t asked, served, wrong, missed; /* missed: patience ended, or the connection did */
};
/* Since the last canary_reset_figures. */
struct canary_figures canary_figures(const struct canary *canary);
void canary_reset_figures(struct canary *canary);
/* The last wrong answer or failure in words, "" when none. */
const char *canary_complaint(const struct canary *canary);
/* The last failure of our own side (no fd for a connection, no memory, a protocol file that fails); such a
 * request is not counted. 0 none. */
int canary_failure(const struct canary *canary);

void canary_free(struct canary *canary);

#endif
