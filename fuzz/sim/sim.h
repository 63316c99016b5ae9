/* SPDX-License-Identifier: MIT */
/*
 * A server in a kernel of its own, in memory: its system calls are answered by harness/model/kernel.h, time
 * is virtual and passes only when everybody waits. The server's objects are linked unchanged but for their
 * references to the C library, which become those of sim/ (link.sh), and for main, which is sim_server_main.
 *
 *     server ── read, send, epoll_ctl … ──> the model of Linux <── peers (kernel_connect, kernel_send …)
 *        └───── epoll_wait ──> hooks->wait: peers act, or time passes ──┘
 *
 * One thread, one process: fork and pthread_create fail. One run at a time in a process.
 */
#ifndef FUZZ_SIM_SIM_H
#define FUZZ_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "journal/event.h"
#include "model/kernel.h"

#define SIM_SERVER  0	 /* the server's process in the kernel */
#define SIM_PEERS   1	 /* that of whoever plays the other side */
#define SIM_PID	    1000 /* the server's pid in events */
#define SIM_CALL_NS 2000 /* what a call takes */

struct sim;

/* What a wait comes to. */
enum sim_turn {
	SIM_LOOK, /* something may have changed: the server looks whether it is to go on */
	SIM_IDLE, /* nothing more will happen: until the time-out, or the kernel's next timer */
	SIM_OVER, /* the run ends here */
};

/* What happens around the server. arg is handed to each. */
struct sim_hooks {
	/* The server is in a wait for at most timeout ns, or until a timer of its expires then (UINT64_MAX:
	 * for ever); ready: it would return at once. Peers may act now, sim_pass lets time pass. */
	enum sim_turn (*wait)(void *arg, uint64_t timeout, bool ready);
	/* What the server did and was told, as a watcher would have seen it. */
	void (*event)(void *arg, const struct event *event);
	/* A call is made on fd (op: of epoll_ctl): 0, or the negative errno it fails with; *size may be made
	 * smaller. */
	int (*fault)(void *arg, enum call call, uint64_t op, int fd, bool accepted, size_t *size);
	/* What the server wrote to standard output (1) or error (2). May be NULL. */
	void (*said)(void *arg, int fd, const char *bytes, size_t size);
	/* What an epoll_wait returns may be told otherwise, as if it had come about otherwise. How many at
	 * most, of those that fit; and the order. Both may be NULL. */
	int (*most)(void *arg, int most);
	void (*order)(void *arg, struct kernel_event *events, int count);
	void *arg;
};

/* 0 or -ENOMEM. hooks must outlive it. */
int sim_new(const struct sim_hooks *hooks, struct sim **ret_sim);
void sim_free(struct sim *sim);

enum sim_end {
	SIM_ENDED,   /* main returned, or exit: status */
	SIM_KILLED,  /* by a signal: status is its number */
	SIM_STOPPED, /* hooks->wait said so, or a wait that nothing can end */
};
struct sim_outcome {
	enum sim_end end;
	int status;
};

/* A fresh kernel, the server's variables as they were at first, and main from its beginning. Everything it
 * allocated is freed afterwards. */
struct sim_outcome sim_run(struct sim *sim, int (*server)(int argc, char **argv), int argc, char **argv);

/* For the hooks, during a run. */
struct kernel *sim_kernel(struct sim *sim);
uint64_t sim_now(const struct sim *sim); /* ns since the run began, at least 1 */
void sim_pass(struct sim *sim, uint64_t ns);
void sim_signal(struct sim *sim, int signo); /* to the server */
/* The port the server listens on; 0: none yet. */
int sim_port(const struct sim *sim);
/* RLIMIT_NOFILE of the server. */
void sim_limit(struct sim *sim, int files);
/* Whether an epoll watches the server's descriptor for edges: what it is not told of now it is not told
 * again. */
bool sim_edge(struct sim *sim, int fd);
/* Descriptors the server has open. */
unsigned sim_open(const struct sim *sim);
/* Whether it sleeps in a call that is no wait: a blocking read, write or accept. */
bool sim_blocked(const struct sim *sim);
/* Bytes that were allocated, not freed, and that nothing leads to any more: in so many blocks, one of which
 * began there. For a hook while the server waits: its stack is looked through. */
struct sim_lost {
	size_t bytes, blocks;
	void *block;
};
struct sim_lost sim_find_lost(struct sim *sim);
/* Where a sanitizer knows it: who allocated it, on standard error. */
void sim_describe(const struct sim_lost *lost);
/* Events that say how everything stands, as the harness's probes do. asleep: the server is in its wait. */
void sim_probe(struct sim *sim, bool asleep);

/* The server that was linked in; see link.sh. */
int sim_server_main(int argc, char **argv);

#endif
