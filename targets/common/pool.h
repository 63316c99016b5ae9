/* SPDX-License-Identifier: MIT */
/*
 * All connections of a server: their timeouts, those still ready, and those to be closed.
 *
 * A connection is closed at the end of a batch of events, not in its middle: a later event of the same batch
 * may still point to it, and its number may come back with the next accept.
 */
#ifndef TARGETS_POOL_H
#define TARGETS_POOL_H

#include "common/conn.h"

/* One queue for each phase, oldest first. A phase has one patience, so the head of each queue is the next to
 * run out. */
enum { POOL_RESTING = PHASES, POOL_QUEUES };

struct pool {
	enum speaks speaks;
	size_t conn_size; /* of what pool_add makes; a larger one begins with a struct conn */
	size_t count;	  /* open connections, doomed ones included */
	size_t queued;	  /* on the ready list */
	uint64_t rest;	  /* ms that a resting connection is left alone */
	struct conn_list timed[POOL_QUEUES], ready, doomed;
};

/* Milliseconds of a clock that only goes forward. */
uint64_t clock_ms(void);
/* The sooner of a timeout (ms from now, -1 never) and a moment of that clock, as a timeout. */
int clock_sooner(int timeout, uint64_t now, uint64_t when);

void pool_init(struct pool *pool, enum speaks speaks);
/* Takes the fd over. NULL: out of memory, and the fd is closed. What is behind the struct conn is the
 * caller's to fill. */
struct conn *pool_add(struct pool *pool, int fd, uint64_t now);
/* After a turn: sees what the connection waits for now, and how long it may. */
void pool_note(struct pool *pool, struct conn *conn, uint64_t now);

/* Remembers a connection that is still ready though no event will say so; and takes the oldest one back, or
 * NULL. */
void pool_queue(struct pool *pool, struct conn *conn);
struct conn *pool_unqueue(struct pool *pool);
size_t pool_queued(const struct pool *pool);

/* Milliseconds until pool_expired has something; -1 never. */
int pool_patience(const struct pool *pool, uint64_t now);
/*
 * The next connection whose time is up, or NULL. It has been told: serve it again (a turn, then pool_note),
 * for it may have something to say about that. Those that have not are doomed here.
 */
struct conn *pool_expired(struct pool *pool, uint64_t now);

/* To be closed by pool_reap. Twice is fine. */
void pool_doom(struct pool *pool, struct conn *conn);
/* Closes the doomed ones that nothing holds; how many. */
size_t pool_reap(struct pool *pool);

/* No new requests: dooms every connection that owes nothing. Busy ones are their threads' business. */
void pool_stop(struct pool *pool);
/* Closes all, held or not. */
void pool_clear(struct pool *pool);

#endif
