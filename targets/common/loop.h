/* SPDX-License-Identifier: MIT */
/*
 * A small level-triggered server whose steps can be replaced one by one. It exists for targets/faulty: each
 * of them replaces the step in which its mistake is made, and shares what is right. Those who look for a
 * server to copy from: epoll-level.c.
 *
 *     wait ──> accept ──> admit            and SIGTERM ends it, at once or after hooks->drain
 *          └─> event  ──> loop_done: interest, or the end
 */
#ifndef TARGETS_LOOP_H
#define TARGETS_LOOP_H

#include <sys/epoll.h>
#include "common/pool.h"

#define LOOP_NUMBERS 4096

struct loop {
	int epoll, signals, listener;
	bool listening; /* the listener is in the set */
	bool stopping;
	uint64_t now;	    /* ms, taken once a batch */
	uint64_t accept_at; /* ms: when to put the listener back, 0: it is there */
	uint64_t stop_at;   /* ms: stopping; when patience with answers under way ends */
	uint64_t own;	    /* a server's own note, 0 at first */
	struct pool pool;
	struct conn *numbers[LOOP_NUMBERS]; /* by_number: who has that descriptor */
	const struct loop_hooks *hooks;
};

/* A server's own steps; what is NULL or 0 is done right, by the function of that name below. */
struct loop_hooks {
	uint32_t listener; /* what the listener is registered for, 0: EPOLLIN */
	uint64_t drain;	   /* ms that answers under way may take when told to stop, 0: none */
	bool by_number;	   /* events name their connection by its descriptor's number */
	void (*start)(struct loop *loop);
	int (*wait)(struct loop *loop, struct epoll_event *events, int most);
	void (*accept)(struct loop *loop);
	void (*admit)(struct loop *loop, int fd);
	void (*event)(struct loop *loop, struct conn *conn, uint32_t events);
	uint32_t (*interest)(const struct conn *conn);
};

/* The whole server; what main returns. */
int loop_main(int argc, char **argv, const struct loop_hooks *hooks);

/* The parts of that, for servers of several processes. Takes the listener over; 0 or a negative errno. */
int loop_open(struct loop *loop, int listener, enum speaks speaks);
int loop_run(struct loop *loop);
/* What a main without its own ideas returns for such a result, having said what went wrong. */
int loop_status(const char *program, int error);

/* Waits for events; how many (0 after EINTR), or a negative errno, which ends the server. */
int loop_wait(struct loop *loop, struct epoll_event *events, int most);
/* Until the next timer, in ms, as epoll_wait takes it. */
int loop_timeout(const struct loop *loop);
/* Accepts all who wait; stops listening for a while when there are no fds. */
void loop_accept(struct loop *loop);
/* Stops listening for a while: for want of fds the listener would be reported at once and for ever. */
void loop_pause(struct loop *loop);
/* Takes a new connection in. */
void loop_admit(struct loop *loop, int fd);
/* Something was reported for a connection, or (events 0) its time is up: finds out what it means and serves
 * it. */
void loop_event(struct loop *loop, struct conn *conn, uint32_t events);
/* Moves what can be moved. */
void loop_serve(struct loop *loop, struct conn *conn);
/* After serving it: closes it (TURN_OVER), or sees what to wait for. */
void loop_done(struct loop *loop, struct conn *conn, enum turn turn);
uint32_t loop_interest(const struct conn *conn);

/* What a leaking server does: takes the connection out of the set and frees it, but not its descriptor. */
void loop_forget(struct loop *loop, struct conn *conn);

#endif
