/* SPDX-License-Identifier: MIT */
/*
 * One accepted connection: a socket and its session. Whatever tells that a socket is ready (level, edge,
 * poll, select) sets `readable` and `writable`; conn_turn does the rest and says how to go on:
 *
 *     TURN_WAIT    wait for what conn_wants_read and conn_wants_write say
 *     TURN_AGAIN   its share is used up, it is still ready
 *     TURN_OVER    it is to be closed: pool_doom
 */
#ifndef TARGETS_CONN_H
#define TARGETS_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include "common/session.h"

/* Bytes one connection may move in one turn: the others wait meanwhile. */
#define CONN_SHARE ((size_t)65536)

enum turn { TURN_WAIT, TURN_AGAIN, TURN_OVER };

struct conn {
	int fd;
	bool readable, writable; /* not known to be exhausted */
	bool resting;	 /* the kernel was out of memory for it: left alone until the pool's clock wakes it */
	bool shut;	 /* our side is shut down */
	bool doomed;	 /* closed at the end of this batch; its later events are stale */
	bool queued;	 /* on the pool's list of connections still ready */
	bool moved;	 /* bytes moved since the last pool_note */
	bool busy;	 /* a thread is serving it: nobody else may touch it (servers with threads) */
	uint32_t serial; /* tells it from those that had its number before (servers that need that) */
	uint32_t armed;	 /* the loop's: the interest registered now */
	uint64_t own;	 /* a server's own note, 0 at first */
	unsigned held;	 /* the loop's: requests in flight that hold the socket; not closed before 0 */
	unsigned timer;	 /* the pool's: the queue it stands in, as of the last pool_note */
	uint64_t requests; /* the pool's: requests as of then */
	uint64_t since;	   /* the pool's, ms: when it was put there */
	TAILQ_ENTRY(conn) timed, ready;
	struct session session;
};
TAILQ_HEAD(conn_list, conn);

/* One recv into the session. Bytes; 0 at the peer's end (the session knows); -EAGAIN; else the end. */
ssize_t conn_receive(struct conn *conn);
/* One send of what the session has to say. Bytes, or a negative errno as above. */
ssize_t conn_send(struct conn *conn);
/* What such a result means; *ready is its direction's flag. False: the connection is lost. */
bool conn_heed(struct conn *conn, ssize_t result, bool *ready);
/* The pending error of the socket (asking clears it): 0 or a positive errno. For after ERR or HUP. */
int conn_error(const struct conn *conn);

/*
 * All is said (session_finished). Closing now would reset the connection if input is unread, or arrives
 * later, and the reset would overtake our answer: so it shuts our side down, and is to be read on until the
 * peer is done too (or session_wants and the clock lose patience). False: nothing keeps us any longer.
 */
bool conn_linger(struct conn *conn);

/* Moves what can be moved, at most CONN_SHARE bytes. */
enum turn conn_turn(struct conn *conn);
/* What to wait for after TURN_WAIT or TURN_AGAIN. Neither while resting. */
bool conn_wants_read(const struct conn *conn);
bool conn_wants_write(const struct conn *conn);

#endif
