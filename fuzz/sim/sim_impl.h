/* SPDX-License-Identifier: MIT */
/* What the parts of the simulation share. Only fuzz/sim/ includes it. */
#ifndef FUZZ_SIM_SIM_IMPL_H
#define FUZZ_SIM_SIM_IMPL_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/types.h>
#include "base/map.h"
#include "fuzz/sim/sim.h"

enum sim_kind { SIM_OTHER, SIM_STREAM, SIM_LISTENER, SIM_SIGNALS, SIM_TIMER, SIM_SET, SIM_STDIO, SIM_LOT };

/* What the kernel model does not keep about a description. */
struct sim_file {
	enum sim_kind kind;
	bool nonblock, accepted, keepalive, linger, edge;
	int domain;	  /* of a socket */
	uint64_t signals; /* SIM_SIGNALS: those it takes, a bit each */
	int clock; /* SIM_TIMER: which, when it expires (sim_now; 0: disarmed), and how often from then on */
	uint64_t at, every;
	const struct sim_content *content; /* SIM_STDIO: what is read from it, from at on; NULL: nothing */
};

/* What a number is registered with in epoll sets, and in how many. */
struct sim_registered {
	uint64_t data;
	unsigned sets;
};

struct sim {
	const struct sim_hooks *hooks;
	struct kernel *kernel;
	uint64_t drift;	 /* ns that calls took and the kernel was not told of yet */
	uint64_t asleep; /* ns passed in waits, of which no CPU was used */
	jmp_buf out;
	struct sim_outcome outcome;
	int port, limit;
	struct sim_file files[KERNEL_FILES + 1];      /* by kernel_file */
	struct sim_registered registered[KERNEL_FDS]; /* by number */
	struct map blocks;			      /* what the server allocated: address -> size + 1 */
	size_t allocated;
	struct sigaction actions[65];
	uint64_t masked, pending; /* signals, a bit each */
	uint64_t mask_kept;	  /* the mask that holds again after a wait with one of its own */
	bool mask_swapped;
	uint64_t alarm_at, alarm_every; /* SIGALRM: when (sim_now, 0: never), and how often from then on */
	struct map streams, names, mappings;   /* stdio's, getaddrinfo's, mmap's: by their addresses */
	struct sim_content *contents;	       /* files that were read, for all runs */
	struct sim_farewell *farewells;	       /* atexit */
	uint64_t lot;			       /* where the random numbers are */
	char **environment, **own_environment; /* as it was before the run; the server's */
	int folder;			       /* the working folder before the first run */
	uintptr_t stack;		       /* where the server's begins */
	char *data, *bss, *tls;		       /* copies of the server's variables as they were at first */
	char *thread;			       /* its __thread variables, tls_size bytes; NULL: none */
	size_t tls_size;
	enum call blocked; /* the call, not a wait, that it sleeps in; CALL_unknown: none */
	int blocked_fd;
	unsigned vain;	/* waits in a row in which neither time passed nor anything came */
	unsigned calls; /* since the last wait */
};

/* Put around the server's variables by sim.lds. Without any there is no such section. */
extern char __start_sim_data[] __attribute__((weak)), __stop_sim_data[] __attribute__((weak));
extern char __start_sim_bss[] __attribute__((weak)), __stop_sim_bss[] __attribute__((weak));

/* The server's __thread variables, of this thread; NULL and 0: it has none. */
char *sim_thread_data(size_t *ret_size);

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

/* Tells once that a call is not simulated; errno is the code then. */
void sim_refuse(const char *call, int code);
/* Bytes of an opened file from at on; how many. */
size_t sim_content_read(const struct sim_file *file, uint64_t at, void *ret_bytes, size_t size);
/* The write behind a sendfile. */
ssize_t sim_send_file(int to, const void *bytes, size_t size);
/* What a run leaves behind. */
void sim_close_streams(struct sim *sim);
void sim_drop_names(struct sim *sim);
void sim_drop_mappings(struct sim *sim);
void sim_drop_farewells(struct sim *sim);
void sim_free_contents(struct sim *sim);

/* Waits once, until then at most (sim_now; UINT64_MAX: for ever); the caller looks again. False: time is up.
 */
bool sim_wait_once(struct sim *sim, uint64_t until, bool ready);
/* The same for a call that is no wait, and has no time-out. False: a signal ends it, with -EINTR. */
bool sim_block(struct sim *sim, const struct event *event);

uint64_t sim_signals(const sigset_t *set); /* a bit each */
/* Whether a signal waits whose handler is called as soon as the call ends: it gives EINTR. restarts: not
 * where that was installed with SA_RESTART. */
bool sim_interrupted(const struct sim *sim, bool restarts);
/* Calls the handlers of what is pending: at the end of each call. */
void sim_deliver(struct sim *sim);
/* The mask of a wait; NULL: the one that is there. Until the wait ends. */
void sim_swap_mask(const sigset_t *mask);
void sim_restore_mask(struct sim *sim);

/* What the waits share: when a time-out is over (sim_now), that of a timespec, in ns, and UINT64_MAX for
 * none. */
uint64_t sim_until(struct sim *sim, uint64_t timeout);
uint64_t sim_timeout(const struct timespec *time);
/* Journals that a wait begins; most and timeout are the event's as well. */
void sim_enter_wait(struct sim *sim, struct event *event, uint64_t most, uint64_t timeout);
/* As Linux does: where the wait was interrupted the handlers run before the mask is what it was. */
int sim_end_wait(struct sim *sim, struct event *event, int64_t ret);

#endif
