/* SPDX-License-Identifier: MIT */
/*
 * A small server by completions whose steps can be replaced one by one. It exists for targets/faulty: each of
 * them replaces the step in which its mistake is made, and shares what is right. Those who look for a server
 * to copy from: uring.c. Here a receive is a single request into a buffer of the connection's own, made when
 * the session takes more, so that back-pressure needs no care.
 *
 * With hooks->direct, connections are direct descriptors: the ring keeps them in slots and the process has no
 * number for them. What has no request of its own for them (setsockopt, close) is done with one of the
 * ring's, or by the listener, whose options they inherit.
 */
#ifndef TARGETS_RING_LOOP_H
#define TARGETS_RING_LOOP_H

#include "common/pool.h"
#include "common/ring.h"

/* User data of a request whose completions are of no interest. */
#define RING_LOOP_NOBODY 7

struct client {
	struct conn conn; /* conn.held counts its requests in flight, and its slot */
	int slot;	  /* -1: it has a number, conn.fd */
	bool receiving, sending;
	bool told;	/* doomed, and what is in flight has been cancelled */
	size_t offered; /* bytes of the send in flight */
	char in[4096], out[FIFO_SIZE];
};

struct ring_loop {
	struct io_uring ring;
	int signals, listener;
	bool accepting; /* the multishot accept is armed */
	bool stopping;
	uint64_t now;	    /* ms, taken once a batch */
	uint64_t accept_at; /* ms: not before */
	struct pool pool;
	const struct ring_hooks *hooks;
};

/* A server's own steps; what is NULL is done right, by the function of that name below. */
struct ring_hooks {
	bool direct;
	void (*opened)(struct ring_loop *loop); /* it listens, and accepts nothing yet */
	void (*accepted)(struct ring_loop *loop, int result, bool more);
	void (*admit)(struct ring_loop *loop, struct client *client);
	void (*received)(struct ring_loop *loop, struct client *client, int result);
	void (*sent)(struct ring_loop *loop, struct client *client, int result);
};

/* The whole server; what main returns. */
int ring_loop_main(int argc, char **argv, const struct ring_hooks *hooks);

/* The accept has completed: `more` when it goes on. */
void ring_loop_accepted(struct ring_loop *loop, int result, bool more);
/* Takes a connection in, and counts it: what ring_loop_accepted does with a result that is an fd, or a slot.
 */
void ring_loop_take(struct ring_loop *loop, int result);
/* Arms the multishot accept. */
void ring_loop_accept(struct ring_loop *loop);
/* A connection is new. */
void ring_loop_admit(struct ring_loop *loop, struct client *client);
void ring_loop_received(struct ring_loop *loop, struct client *client, int result);
void ring_loop_sent(struct ring_loop *loop, struct client *client, int result);
/* Submits a receive, whatever the session says. */
void ring_loop_receive(struct ring_loop *loop, struct client *client);
/* Sees what the session can do now. */
void ring_loop_serve(struct ring_loop *loop, struct client *client);

#endif
