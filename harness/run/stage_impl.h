/* SPDX-License-Identifier: MIT */
/* The stage from behind: what the files of a case share. */
#ifndef WRINGER_RUN_STAGE_IMPL_H
#define WRINGER_RUN_STAGE_IMPL_H

#include "run/case.h"
#include "run/stage.h"

/* A fault of the scenario, armed and perhaps lifted again. */
struct stage_fault {
	uint32_t id;
	bool lifted;
	uint64_t delivered;
	enum call_class class; /* of the calls it is about */
	char text[96];
};

struct stage {
	const struct case_options *options;
	const struct scenario *scenario;
	struct journal *journal;
	struct world *world;
	struct fault_set *faults;
	struct loop *loop;
	struct target *target;
	struct canary *canary;
	struct rng rng;
	struct sockaddr_storage address;
	socklen_t address_size;
	bool sandboxed;

	uint64_t deadline;     /* clock_now() time at which the scenario must be over; 0: the phases bound
				  themselves now */
	bool ending;	       /* we are stopping the target: a request to end soon is being obeyed already */
	bool interrupted;      /* it was: nothing is said about the target */
	bool blind;	       /* the journal or the watch failed: nothing can be said about the target */
	bool gone;	       /* no process of the target is left */
	bool asked;	       /* it was asked to end: by the scenario, or by us at the end */
	bool unready;	       /* it did not: it does not start, or is not what we were told it is */
	bool ready;	       /* it came to listen and to answer: from here on its death is its own fault */
	bool paused;	       /* processes were stopped (SIGSTOP) */
	int problem;	       /* following the journal failed */
	uint64_t looked_into;  /* since when the canary waited (canary_waits_since) when we last looked why */
	uint64_t target_event; /* clock_now() time of the last event of the target, 0 none */
	uint64_t target_events, steps; /* how many of these there were, and calls of stage_step */
	struct {
		bool found;
		uint64_t count, steps; /* journal_count and steps then */
	} still;		       /* the target lay still when it was last asked (stage_still) */
	uint64_t peer_act; /* clock_now() time of the last thing a peer did to the target, the canary aside */
	void (*hear)(void *arg, const struct event *event); /* NULL: nobody listens */
	void *hear_arg;
	int64_t fds_before;
	struct {
		uint64_t at;	/* clock_now() time of the last look, 0 none */
		uint64_t total; /* target_delay then */
	} delay;

	struct peer **peers;
	size_t peer_count, peer_capacity;
	int32_t next_id;
	uint32_t names;

	struct stage_fault *armed;
	size_t armed_count, armed_capacity;

	bool said; /* the verdict was given before the rules were asked */
	enum verdict verdict;
	char reason[512];
};

/* Life. stage_start makes the journal and starts the target; whatever was made is freed by stage_end. */
int stage_open(struct stage *stage, const struct case_options *options, const struct scenario *scenario,
	       const char *journal, struct error *error);
int stage_start(struct stage *stage, struct error *error);
void stage_close(struct stage *stage);

/* What was appended to the journal is written down and followed. */
void stage_drain(struct stage *stage);
/* Steps until over(stage) is true (1) or `until` is past (0), or a negative errno of stage_step. */
int stage_until(struct stage *stage, bool (*over)(struct stage *stage), uint64_t until);
/* Just follows what happens until then. 0 or a negative errno. */
int stage_pass(struct stage *stage, uint64_t until);

/* Undoes what the scenario left: faults, limits, stopped processes. Says broken when a fault was never
 * delivered. */
void stage_mend(struct stage *stage);
/* Frees all peers; those still open close in an orderly way. */
void stage_drop_all(struct stage *stage);
/* Marks where the case is, with a number. 0 or a negative errno. */
int stage_mark(struct stage *stage, enum mark mark, uint64_t number, const char *text);

/* The phases, each in its file. 0, or a negative errno: the case is over. */
int case_ready(struct stage *stage);  /* wait until it listens, base requests */
int case_settle(struct stage *stage); /* the target cleans up, is probed, serves again */
int case_stop(struct stage *stage);   /* SIGTERM and patience */

/* For stage_until: the canary's fresh request is answered or given up; the canary rests. */
bool stage_fresh_over(struct stage *stage);
bool stage_canary_rests(struct stage *stage);
/* How a process ended, from its wait status: "exit status 1", "killed by SIGSEGV". Returns out. */
char *status_text(int status, char *out, size_t size);

#endif
