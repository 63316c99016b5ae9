/* SPDX-License-Identifier: MIT */
/* What the parts of the simulation share. Only fuzz/sim/ includes it. */
#ifndef FUZZ_SIM_SIM_IMPL_H
#define FUZZ_SIM_SIM_IMPL_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include "base/map.h"
#include "fuzz/sim/sim.h"

enum sim_kind { SIM_OTHER, SIM_STREAM, SIM_LISTENER, SIM_SIGNALS, SIM_TIMER, SIM_SET, SIM_STDIO };

/* What the kernel model does not keep about a description. */
struct sim_file {
	enum sim_kind kind;
	bool nonblock, accepted, keepalive, linger;
	uint64_t signals; /* SIM_SIGNALS: those it takes, a bit each */
	int type;	  /* of a socket */
};

struct sim {
	const struct sim_hooks *hooks;
	struct kernel *kernel;
	uint64_t drift;	 /* ns that calls took and the kernel was not told of yet */
	uint64_t asleep; /* ns passed in waits, of which no CPU was used */
	jmp_buf out;
	struct sim_outcome outcome;
	int port, limit;
	struct sim_file files[KERNEL_FILES + 1]; /* by kernel_file */
	struct map blocks;			 /* what the server allocated: address -> size + 1 */
	size_t allocated;
	void (*handlers[65])(int);
	uint64_t masked, pending; /* signals, a bit each */
	char *data, *bss;	  /* copies of the server's variables as they were at first */
	enum call blocked;	  /* the call, not a wait, that it sleeps in; CALL_unknown: none */
	int blocked_fd;
	unsigned vain; /* waits in a row in which neither time passed nor anything came */
};

/* The run that is going on; NULL: none. The C library's functions have no other way to know. */
extern struct sim *sim_current;

struct sim *sim_of_call(void); /* the current one, a call's time passed */
void sim_leave(struct sim *sim, enum sim_end end, int status) __attribute__((noreturn));
void sim_flush_time(struct sim *sim);

/* The description behind a number, NULL: EBADF. A fresh one is to be filled by sim_made. */
struct sim_file *sim_file(struct sim *sim, int fd);
void sim_made(struct sim *sim, int fd, enum sim_kind kind, int flags);

/* An EV_CALL in the making, and its end: errno and result as the C library gives them. */
struct event sim_event(enum call call, int fd);
int64_t sim_end_call(struct sim *sim, struct event *event, int64_t ret);
void sim_emit(struct sim *sim, struct event *event);
/* Whether a fault strikes: then *ret is the result (with errno), journalled. */
bool sim_struck(struct sim *sim, struct event *event, uint64_t op, size_t *size, int64_t *ret);

/* Waits for at most timeout ns, once; the caller looks again. False: time is up. until: when it is (sim_now),
 * UINT64_MAX never. */
bool sim_wait_once(struct sim *sim, uint64_t until, bool ready);
/* The same for a call that is no wait, and has no time-out. */
void sim_block(struct sim *sim, const struct event *event);
/* Delivers what is pending and has a handler. Whether one was called: the call gives EINTR. */
bool sim_interrupted(struct sim *sim);

#endif
