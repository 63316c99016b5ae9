/* SPDX-License-Identifier: MIT */
/*
 * The other end: one TCP connection that behaves, or misbehaves on purpose. Never blocks; everything it does
 * is journalled (EV_PEER). Times out by itself nowhere: whoever waits sets the limit.
 *
 * An end or a fault is journalled right before the system call that the target may notice, everything else
 * with the time from before the call. Once its socket is closed, by us or because the target reset or refused
 * it, PEER_GONE ends its story; the struct, its figures and its inbox stay until peer_free.
 */
#ifndef WRINGER_PEER_PEER_H
#define WRINGER_PEER_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "base/buf.h"
#include "base/error.h"
#include "journal/journal.h"
#include "peer/loop.h"

struct peer;

enum peer_state {
	PEER_CONNECTING,
	PEER_OPEN,
	PEER_HALF_CLOSED,   /* we shut down writing */
	PEER_TARGET_CLOSED, /* it sent FIN, ours is still open */
	PEER_RESET_BY_TARGET,
	PEER_FAILED, /* connect failed */
	PEER_CLOSED, /* we are gone */
};

struct peer_options {
	const char *name; /* "c3"; copied */
	int32_t id;	  /* unique in the case */
	bool canary;
	bool reading;	    /* drain what arrives (normal); false: stalled from the start */
	int receive_buffer; /* SO_RCVBUF before connect, 0: the kernel's */
	bool corked;	    /* TCP_CORK: what is sent leaves with the FIN, in one segment if it fits */
	size_t keep;	    /* at most this many received bytes are kept for recv; 0: 64 MiB. Further ones are
			       counted and dropped */
	/*
	 * Called at the end of each turn of the loop in which the target's side did something to this peer
	 * (connected, bytes, room to send, FIN, reset); not from within calls on the peer. May free the peer.
	 * May be NULL.
	 */
	void (*changed)(void *arg);
	void *arg;
};

/* Begins to connect. 0 or negative errno (EMFILE: our own limit) with error. */
int peer_new(struct loop *loop, struct journal *journal, const struct sockaddr *address, socklen_t size,
	     const struct peer_options *options, struct peer **ret_peer, struct error *error);

/* A reset or our own end outranks the target's FIN, which outranks our half-close. */
enum peer_state peer_state(const struct peer *peer);
bool peer_ended(
    const struct peer *peer); /* the target's FIN was read (all bytes before it too), or the socket is gone */
int peer_error(const struct peer *peer); /* positive errno of a failure or reset, 0 none */
int32_t peer_id(const struct peer *peer);
const char *peer_name(const struct peer *peer);
uint16_t peer_port(const struct peer *peer);	 /* local port, 0 before connect */
uint64_t peer_sent(const struct peer *peer);	 /* bytes the kernel took */
uint64_t peer_unsent(const struct peer *peer);	 /* bytes it has not taken yet */
uint64_t peer_unacked(const struct peer *peer);	 /* SIOCOUTQ: bytes the target's kernel has not taken */
uint64_t peer_received(const struct peer *peer); /* total */
uint64_t
peer_dropped(const struct peer *peer); /* of these, not in the inbox: beyond `keep`, or there was no memory */
struct buf *peer_inbox(struct peer *peer); /* received, not yet taken: buf_consume what you used */

/* Follows what has arrived by now, without waiting for the loop's turn. Does not call `changed`. */
void peer_look(struct peer *peer);
/* Queues bytes and sends what fits now; the rest as the kernel takes it. 0, -ENOMEM, -EPIPE when it cannot be
 * sent any more. */
int peer_send(struct peer *peer, const void *data, size_t size);
void peer_note(struct peer *peer, enum peer_act act, uint64_t a0, uint64_t a1, uint64_t a2, const char *text);
/* PEER_WRONG: why, and the beginning of what has been received and not been consumed. */
void peer_note_wrong(struct peer *peer, const char *why); /* journal it */

/*
 * The ends and the faults. Each 0 or negative errno: -ENOTCONN when there is nothing to do it to (not
 * connected yet, gone, or reset by the target in this very moment). Unsent bytes are dropped.
 */
int peer_fin(struct peer *peer); /* reads what is there, then close(): FIN */
int peer_half_close(
    struct peer *peer); /* shutdown(SHUT_WR) once everything queued is sent; also while connecting */
int peer_reset(struct peer *peer); /* SO_LINGER 0, close(): RST */
int peer_close_unread(
    struct peer *peer); /* close() with received bytes unread; -EAGAIN while nothing has arrived */
/* TCP_REPAIR, close(): no packet. -EPERM without the capability. (Whatever the target sends later, this
 * host's kernel answers.) */
int peer_vanish(struct peer *peer);
int peer_stall(struct peer *peer, bool stop); /* stops reading (the window falls to zero), or reads again */
int peer_oob(struct peer *peer,
	     char byte); /* one urgent byte; -EAGAIN while queued bytes are unsent. Not in peer_sent */

/* Closes if still open (FIN), frees. NULL is fine. */
void peer_free(struct peer *peer);

#endif
