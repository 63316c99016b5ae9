/* SPDX-License-Identifier: MIT */
/* What experiments on the running kernel are made of: descriptors that go away together, pairs, bounded waits
 * for a cause (a TCP state, a queue), never for time to pass. */
#ifndef WRINGER_RUN_TRUTH_KIT_H
#define WRINGER_RUN_TRUTH_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define STAND_HELD 24

/* One experiment's things. */
struct stand {
	int fd; /* the one that is looked at; one of the held */
	int held[STAND_HELD];
	size_t count;
	pid_t child; /* 0: none */
	int pending; /* a signal that is held back; 0: none */
};

void stand_init(struct stand *stand);
/* Closes what it holds, ends and awaits the child. */
void stand_free(struct stand *stand);
/* Holds fd from now on and returns it; a negative fd stands for errno. Negative errno on failure. */
int stand_hold(struct stand *stand, int fd);
/* Closes a held fd now. */
void stand_close(struct stand *stand, int fd);

/* Pairs: [0] is our side, [1] the peer's, both non-blocking and held. 0 or a negative errno. */
int stand_tcp_pair(struct stand *stand, int ret_pair[2]);
int stand_unix_pair(struct stand *stand, int ret_pair[2]);
int stand_pipe(struct stand *stand, int ret_ends[2]);
int stand_udp_pair(struct stand *stand, int ret_pair[2]);
/* A non-blocking TCP socket, bound to a port of loopback. The fd or a negative errno. */
int stand_tcp_bound(struct stand *stand);
/* One that connects to where fd is bound, without waiting. The fd or a negative errno. */
int stand_tcp_connect(struct stand *stand, int fd);
int stand_epoll(struct stand *stand);
/* A child that holds only keep (-1: nothing) of our descriptors, and waits to be ended. 0 or a negative
 * errno. */
int stand_child(struct stand *stand, int keep);
/* Ends it; awaited by stand_free, or here. */
int stand_child_end(struct stand *stand, bool reap);

/* A signal that stays pending, for this thread, until stand_free takes it away. 0 or a negative errno. */
int stand_raise(struct stand *stand, int signal);

/* All 0, -ETIMEDOUT when the cause does not come, or a negative errno. */
int until_tcp(int fd, int state);			 /* TCP_CLOSE_WAIT and so on */
int until_queued(int fd, int bytes);			 /* at least so many to read */
int until_accepting(int listener, unsigned connections); /* finished handshakes in the queue */
int until_probed(int fd);				 /* a keep-alive probe went out */
int until_polled(int fd, short events);

int send_bytes(int fd, size_t size); /* 0, or -EIO when they were not all taken */
/* Writes until the kernel takes no more. 0 or a negative errno. */
int fill(int fd);
/* From now on whatever arrives at a socket is dropped unseen: a peer whose plug was pulled. */
int deafen(int fd);
/* close() will send RST. */
int arm_reset(int fd);
int set_blocking(int fd);

#endif
