/* SPDX-License-Identifier: MIT */
/* The listening socket, and what the errors of accept mean. */
#ifndef TARGETS_LISTENER_H
#define TARGETS_LISTENER_H

#include <stdint.h>

/* Listens on 127.0.0.1, non-blocking, close-on-exec. The fd, or a negative errno. */
int listener_open(uint16_t port, int backlog);
/* The same with SO_REUSEPORT: several sockets share the port, each with a queue of its own. */
int listener_open_shared(uint16_t port, int backlog);
/* The port it got (in host order), or a negative errno. */
int listener_port(int listener);
/* Prints the port it got as the first line. 0 or a negative errno. */
int listener_announce(int listener);

enum accept_result {
	ACCEPT_GOT,   /* a connection: *ret_fd */
	ACCEPT_NEXT,  /* that one failed, the next may not: try again at once */
	ACCEPT_NONE,  /* nobody waits */
	ACCEPT_LATER, /* out of fds or memory, or the listener itself is ill: trying again at once would spin
		       */
};

/* What accept's errno (positive) means. */
enum accept_result accept_failed(int error);

/*
 * No delay, and keep-alive so that a vanished peer ends. On Linux connections inherit this from their
 * listener; those of listener_accept have it anyway.
 */
void listener_tune(int fd);

/* Accepts one connection, non-blocking, close-on-exec, with keep-alive so that a vanished peer ends. */
enum accept_result listener_accept(int listener, int *ret_fd);

/*
 * Accepts several, each given to admit(server, fd), which takes the fd over. ACCEPT_GOT: enough for one go,
 * more may wait; ACCEPT_NONE: nobody waits any more; ACCEPT_LATER: leave the listener alone for
 * LISTENER_PAUSE.
 */
enum accept_result listener_accept_some(int listener, void (*admit)(void *server, int fd), void *server);

/* Milliseconds without accepting after the kernel had no fd or no memory for us. */
#define LISTENER_PAUSE 100

#endif
