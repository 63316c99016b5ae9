/* SPDX-License-Identifier: MIT */
/*
 * One case in the simulation, with the phases of a real one (harness/run): ready, base, the script's steps,
 * settle, quiet, recovery, stop. Its journal goes to whoever asked for it, event by event.
 */
#ifndef FUZZ_SERVER_STAGE_H
#define FUZZ_SERVER_STAGE_H

#include "base/map.h"
#include "fuzz/server/peer.h"
#include "inject/schedule.h"
#include "fuzz/sim/sim.h"
#include "inject/fault.h"

#define FAULTS_MOST 16u

enum stage_phase { STAGE_BOOT, STAGE_BASE, STAGE_STEPS, STAGE_SETTLE, STAGE_RECOVERY, STAGE_STOP };

/* What a move asks for. */
struct made_fault {
	struct fault fault;
	char asked[64], text[64]; /* in the words of the move; as fault_text has it */
};

struct armed_fault {
	uint32_t id;
	const struct made_fault *made;
};

struct stage {
	struct sim *sim;
	void (*sink)(void *arg, const struct event *event);
	void (*said)(void *arg, int fd, const char *bytes, size_t size); /* by the server; NULL: to nobody */
	void *arg;
	struct schedule script;
	char *const *argv; /* of the server, NULL at its end; NULL: --protocol and what the script says */
	size_t at;	   /* the next step */
	size_t performed;  /* so many, those of earlier rounds too */
	enum stage_phase phase;
	uint64_t since; /* when the phase began, sim_now */
	uint64_t idle;	/* ns a MOVE_TIME still has to pass */
	unsigned hot;	/* waits in a row that would not sleep */
	unsigned looks; /* SETTLE: rounds of probes made */
	bool asked;	/* the canary's request of this phase was made */
	uint64_t asked_at;
	uint64_t waits;
	int32_t next_id;
	struct peer canary, peers[PEERS_MOST];
	struct http_manners manners;
	struct fault_set *faults;
	struct map made; /* a and b of a move -> struct made_fault, kept from run to run */
	struct armed_fault armed[FAULTS_MOST];
	size_t fault_count;
	bool limited;
	enum move_order order; /* of the events in a batch */
	int most;	       /* of them; 0: as many as the server asks for */
	bool served;	       /* the canary's first request was answered, and rightly */
	struct sim_lost lost;  /* before the stop */
	bool describe;	       /* what was lost, on standard error */
	int round;	       /* of a script in rounds */
	bool left;	       /* its peers have gone */
};

/* How many words a server's command line may have. */
#define STAGE_WORDS 32

/* 0 or -ENOMEM. sink gets every event; the stage must stay where it is. */
int stage_open(struct stage *stage, void (*sink)(void *arg, const struct event *event), void *arg);
void stage_close(struct stage *stage);
/* Plays the script against the server from its start to its end. */
struct sim_outcome stage_play(struct stage *stage, const struct schedule *script);

#endif
