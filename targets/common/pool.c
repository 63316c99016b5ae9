/* SPDX-License-Identifier: MIT */
#include "common/pool.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/*
 * In ms; 0: for ever. An idle echo connection is never timed out: keep-alive ends it when its peer has
 * vanished. Resting has its own: pool->rest.
 */
static const struct patience {
	uint64_t limit;
	bool renewed; /* by every byte; else it counts from when the phase began, however much drips in */
} patiences[POOL_QUEUES] = {
    [PHASE_IDLE] = {60000, false},  [PHASE_HEAD] = {10000, false},  [PHASE_BODY] = {60000, true},
    [PHASE_ANSWER] = {60000, true}, [PHASE_LINGER] = {2000, false},
};

uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int clock_sooner(int timeout, uint64_t now, uint64_t when)
{
	int left = when > now ? (int)(when - now) : 0;

	return timeout < 0 || left < timeout ? left : timeout;
}

static uint64_t limit_of(const struct pool *pool, unsigned queue)
{
	if (queue == POOL_RESTING)
		return pool->rest;
	return queue == PHASE_IDLE && pool->speaks == SPEAKS_ECHO ? 0 : patiences[queue].limit;
}

void pool_init(struct pool *pool, enum speaks speaks)
{
	pool->speaks = speaks;
	pool->conn_size = sizeof(struct conn);
	pool->count = pool->queued = 0;
	pool->rest = 10;
	TAILQ_INIT(&pool->ready);
	TAILQ_INIT(&pool->doomed);
	for (unsigned i = 0; i < POOL_QUEUES; i++)
		TAILQ_INIT(&pool->timed[i]);
}

struct conn *pool_add(struct pool *pool, int fd, uint64_t now)
{
	struct conn *conn = malloc(pool->conn_size);

	if (!conn) {
		close(fd);
		return NULL;
	}
	conn->fd = fd;
	conn->readable = conn->resting = conn->shut = conn->doomed = conn->queued = conn->moved = conn->busy =
	    false;
	conn->writable = true;
	conn->armed = conn->serial = 0;
	conn->own = 0;
	conn->held = 0;
	conn->timer = PHASE_IDLE;
	conn->requests = 0;
	conn->since = now;
	session_start(&conn->session, pool->speaks);
	TAILQ_INSERT_TAIL(&pool->timed[PHASE_IDLE], conn, timed);
	pool->count++;
	return conn;
}

void pool_note(struct pool *pool, struct conn *conn, uint64_t now)
{
	unsigned timer = conn->resting ? (unsigned)POOL_RESTING : (unsigned)session_phase(&conn->session);
	bool renewed = patiences[timer].renewed && conn->moved;

	if (timer != conn->timer || conn->requests != conn->session.requests || renewed) {
		TAILQ_REMOVE(&pool->timed[conn->timer], conn, timed);
		TAILQ_INSERT_TAIL(&pool->timed[timer], conn, timed);
		conn->since = now;
	}
	conn->timer = timer;
	conn->requests = conn->session.requests;
	conn->moved = false;
}

void pool_queue(struct pool *pool, struct conn *conn)
{
	if (conn->queued)
		return;
	TAILQ_INSERT_TAIL(&pool->ready, conn, ready);
	conn->queued = true;
	pool->queued++;
}

static void unqueue(struct pool *pool, struct conn *conn)
{
	if (!conn->queued)
		return;
	TAILQ_REMOVE(&pool->ready, conn, ready);
	conn->queued = false;
	pool->queued--;
}

struct conn *pool_unqueue(struct pool *pool)
{
	struct conn *conn = TAILQ_FIRST(&pool->ready);

	if (conn)
		unqueue(pool, conn);
	return conn;
}

size_t pool_queued(const struct pool *pool)
{
	return pool->queued;
}

int pool_patience(const struct pool *pool, uint64_t now)
{
	uint64_t soonest = UINT64_MAX;

	for (unsigned i = 0; i < POOL_QUEUES; i++) {
		const struct conn *conn = TAILQ_FIRST(&pool->timed[i]);

		if (conn && limit_of(pool, i) > 0 && conn->since + limit_of(pool, i) < soonest)
			soonest = conn->since + limit_of(pool, i);
	}
	if (soonest == UINT64_MAX)
		return -1;
	return soonest > now ? (int)(soonest - now) : 0;
}

/* What running out of time means for it. False: the end. */
static bool expire(struct conn *conn)
{
	if (conn->timer == POOL_RESTING) {
		conn->resting = false;
		conn->readable = conn->writable = true;
		return true;
	}
	if (conn->timer != PHASE_HEAD)
		return false;
	session_timed_out(&conn->session);
	return true;
}

struct conn *pool_expired(struct pool *pool, uint64_t now)
{
	for (unsigned i = 0; i < POOL_QUEUES; i++) {
		uint64_t limit = limit_of(pool, i);
		struct conn *conn;

		while (limit > 0 && (conn = TAILQ_FIRST(&pool->timed[i])) && conn->since + limit <= now) {
			bool busy = conn->busy; /* its thread sees to it: from now on again */

			if (!busy && !expire(conn)) {
				pool_doom(pool, conn);
				continue;
			}
			conn->since =
			    now; /* back to the end, lest it come again at once when nothing changes for it */
			TAILQ_REMOVE(&pool->timed[i], conn, timed);
			TAILQ_INSERT_TAIL(&pool->timed[i], conn, timed);
			if (!busy)
				return conn;
		}
	}
	return NULL;
}

void pool_doom(struct pool *pool, struct conn *conn)
{
	if (conn->doomed)
		return;
	unqueue(pool, conn);
	TAILQ_REMOVE(&pool->timed[conn->timer], conn, timed);
	TAILQ_INSERT_TAIL(&pool->doomed, conn, timed);
	conn->doomed = true;
}

size_t pool_reap(struct pool *pool)
{
	size_t reaped = 0;

	for (struct conn *conn = TAILQ_FIRST(&pool->doomed), *next; conn; conn = next) {
		next = TAILQ_NEXT(conn, timed);
		if (conn->held > 0)
			continue;
		TAILQ_REMOVE(&pool->doomed, conn, timed);
		/* The only descriptor of its socket: closing takes it out of the epoll set as well. */
		if (conn->fd >= 0)
			close(conn->fd);
		free(conn);
		reaped++;
	}
	pool->count -= reaped;
	return reaped;
}

static void stop_queue(struct pool *pool, struct conn_list *list)
{
	for (struct conn *conn = TAILQ_FIRST(list), *next; conn; conn = next) {
		next = TAILQ_NEXT(conn, timed);
		if (conn->busy)
			continue;
		session_stop(&conn->session);
		if (!session_speaks(&conn->session))
			pool_doom(pool, conn);
	}
}

void pool_stop(struct pool *pool)
{
	for (unsigned i = 0; i < POOL_QUEUES; i++)
		stop_queue(pool, &pool->timed[i]);
}

void pool_clear(struct pool *pool)
{
	struct conn *conn;

	for (unsigned i = 0; i < POOL_QUEUES; i++)
		while (!TAILQ_EMPTY(&pool->timed[i]))
			pool_doom(pool, TAILQ_FIRST(&pool->timed[i]));
	for (conn = TAILQ_FIRST(&pool->doomed); conn; conn = TAILQ_NEXT(conn, timed))
		conn->held = 0;
	pool_reap(pool);
}
