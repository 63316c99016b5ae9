/* SPDX-License-Identifier: MIT */
/*
 * The tracer: state of the one watcher thread under ptrace, touched by no other.
 *
 *   process ── pidfd, signal dispositions          one for each thread group
 *   tracee  ── thread; process, fds, the call it is in
 *
 * A tracee is either running, or stopped and about to be resumed by the handler of its stop; none stays
 * stopped over a turn of the loop except those held (their parent's fork event has not come yet), those
 * whose call is held back, and those that job control stopped.
 */
#ifndef WRINGER_WATCH_TRACER_H
#define WRINGER_WATCH_TRACER_H

#include <pthread.h>
#include "base/map.h"
#include "watch/agent.h"
#include "watch/decode.h"
#include "watch/fds.h"
#include "watch/rings.h"
#include "watch/row.h"
#include "watch/watcher.h"

struct process {
	pid_t pid;
	int pidfd; /* the watcher's */
	uint32_t threads;
	uint64_t handled,
	    restarts;	/* signals with a handler, and those of them with SA_RESTART; bit signo - 1 */
	bool foreign;	/* has been noted to make calls of another architecture */
	uint32_t stops; /* at calls, with an agent */
	bool claimed;	/* a thread of it has, so the agent is there */
	bool mutes;	/* runs on its parent's memory (vfork): nobody takes the agent's way meanwhile */
};

struct tracee {
	pid_t tid;
	struct process *process; /* NULL: held */
	struct fds *fds;
	int held;	     /* the status it stopped with while held, 0 before */
	bool dead;	     /* it ended while held, with that status */
	bool in_call;	     /* the next stop is the call's exit */
	bool cut;	     /* its registers were changed and are put back at the exit */
	uint64_t held_until; /* its call is held back until then (see hold.h); 0 not */
	bool closing;	     /* on its way through a call that gives up numbers (closers.h) */
	bool poked;	     /* asked to stop: its next stop of that kind is our doing */
	bool resumes;	     /* a restart_syscall goes on with the call in state */
	int interrupted;     /* -ERESTART…: what the target sees of it depends on the signal that follows */
	struct call_state state;
	uint32_t rings[RING_INDICES]; /* ids of the rings it has registered, 0 none */
	uint32_t slot;		      /* its place with the agent, from 1; 0 none */
};

struct tracer {
	struct watcher *watcher;
	const struct watch_target *target;
	struct agent *agent;  /* NULL: plain ptrace, or bpf */
	pthread_mutex_t lock; /* with an agent, or by bpf: stops, and what is told, are handled one at a time
			       */
	const struct seen
	    *seen; /* by bpf: what is being told of, and the journal's time of it; else NULL, 0 */
	uint64_t at;
	struct shed {
		uint32_t futile;     /* calls that achieved nothing, less some for each that did */
		uint64_t taken_till; /* when the next of a spin's calls may be taken */
		uint64_t count;	     /* left out, and not yet told of */
		uint64_t told;	     /* when that was done last */
	} shed;			     /* by bpf: see sighting.c */
	uint64_t since;		     /* by bpf, attached: calls before this moment left what was learnt */
	struct row_index rows;
	struct map tracees;
	struct tracee *last; /* found last */
	struct holds *holds; /* NULL: nothing was ever held back */
	size_t held;	     /* tracees stopped until their parent's fork event comes */
	pid_t first;
	bool attached; /* to a server of somebody else's: never killed, and without a filter every call stops
			*/
	bool running;  /* the first process has passed exec: from here on everything is journalled */
	bool no_kcmp;
	struct scratch scratch;
};

/* Appends to the journal; a journal that fails ends the watching. */
void tracer_append(struct tracer *tracer, const struct event *event);
/* The loop of watching: until no tracee is left, or those attached to are to be let go. */
void tracer_loop(struct tracer *tracer);
/* One turn of it: what wait said of a thread. */
void tracer_handle(struct tracer *tracer, pid_t tid, int status);
/* Lets a stopped tracee go on, with a signal or 0, unless its call is held back; kills it instead when the
 * watcher is stopping; one that was attached to stops at no more calls then. */
void tracer_resume(struct tracer *tracer, struct tracee *tracee, int signo);
/* An event of that tracee. */
struct event tracer_event(const struct tracee *tracee, enum event_kind kind, uint32_t what);

struct tracee *tracee_find(struct tracer *tracer, pid_t tid);
struct tracee *tracee_add(struct tracer *tracer, pid_t tid); /* NULL: out of memory */
void tracee_remove(struct tracer *tracer, struct tracee *tracee);
/* A thread of a process that is known (NULL: of a new one), with the fd table of its parent or a copy. 0 or
 * -ENOMEM. */
int tracee_settle(struct tracer *tracer, struct tracee *tracee, const struct tracee *parent, bool thread,
		  bool share_fds);
/* One thread of its process less; true when it was the last (the process is gone then). */
bool tracee_unsettle(struct tracer *tracer, struct tracee *tracee, int status);
/* A stopped thread that cannot be followed: it is killed, or, of a server attached to, let go. */
void tracer_refuse(struct tracer *tracer, pid_t tid);
void tracer_clear(struct tracer *tracer);
/* A process has its own memory again, or is gone. */
void tracee_unmute(struct tracer *tracer, struct process *process);

/*
 * The thread's whole life: starts target, follows it to its end. agent: NULL, or whose way around the stops
 * is open. beside, with an agent: run by another thread from the start to the end, with the tracer.
 */
void tracer_run(struct watcher *watcher, const struct watch_target *target, struct agent *agent,
		void *(*beside)(void *));

#endif
