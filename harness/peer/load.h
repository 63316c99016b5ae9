/* SPDX-License-Identifier: MIT */
/*
 * Load: many healthy connections that ask for all they are worth, or at a fixed rate, and how long each
 * answer took. One process's share; it owns its thread until the time is over. No Lua runs for a request: the
 * protocol makes the request once, and an answer that equals one the protocol has found right is right.
 */
#ifndef WRINGER_PEER_LOAD_H
#define WRINGER_PEER_LOAD_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "base/error.h"
#include "base/histogram.h"
#include "peer/protocol.h"

#define LOAD_PIPELINE_MOST 1024

struct load_options {
	const struct protocol *protocol;
	const struct sockaddr *address;
	socklen_t address_size;
	uint32_t connections;
	uint32_t pipeline;		   /* requests under way on a connection at once; 1: no pipelining */
	double rate;			   /* requests a second; 0: as fast as the answers come */
	double phase;			   /* 0 to 1: where in the interval of the rate this process begins */
	bool once;			   /* a new connection for each request */
	uint64_t begin, end;		   /* clock_now() times */
	const volatile sig_atomic_t *stop; /* ends it early; NULL: nothing does */
};

/* What came of it. One flat struct: it may lie in shared memory. */
struct load_figures {
	_Atomic uint64_t answers; /* right ones; readable while it runs */
	uint64_t sent, received;  /* bytes */
	uint64_t connects;	  /* connections that were made */
	uint64_t closed;	  /* by the server, between requests: another was made */
	uint64_t repeated; /* requests asked again because the server closed a kept connection meanwhile */
	uint64_t judged;   /* answers that were new, so that the protocol itself looked at them */
	uint64_t refused;  /* connects that failed */
	uint64_t cut;	   /* requests whose connection ended instead of an answer */
	uint64_t wrong;	   /* answers that were not right */
	uint64_t waiting;  /* requests due and not answered at the end; with a rate they are in latency with
			      the  time they had waited by then */
	uint64_t cpu;	   /* ns this process used */
	uint64_t lasted;   /* ns from begin to the end */
	struct histogram latency; /* from when a request was due to its whole answer; without a rate it is due
				     when it is sent (once: when its connect begins) */
	char complaint[256];	  /* about the first thing that went wrong */
	int broken;		  /* negative errno when our own side failed; complaint says how */
};

/* Adds one process's figures to another's: lasted is the longest, the first complaint stays. */
void load_merge(struct load_figures *into, const struct load_figures *from);

/* Why this protocol cannot be asked so; 0 or -ENOTSUP with error. */
int load_check(const struct load_options *options, struct error *error);

/* Runs until options->end. figures must be zeroed. 0, or the negative errno that is in figures->broken. */
int load_run(const struct load_options *options, struct load_figures *figures);

#endif
