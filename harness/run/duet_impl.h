/* SPDX-License-Identifier: MIT */
/* What the parts of a duet share. */
#ifndef WRINGER_RUN_DUET_IMPL_H
#define WRINGER_RUN_DUET_IMPL_H

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include "model/kernel.h"
#include "model/step.h"
#include "run/duet.h"

enum {
	DUET_EVENTS = STEP_EVENTS,
	DUET_BYTES = 8192,
	DUET_READS = 300, /* of a drain: a semaphore may be read for ever */
	DUET_BACKLOG = 64,
	DUET_OPEN = 64,	 /* descriptors at a time, and the numbers they have */
	DUET_HIGH = 900, /* the first number of our own descriptors: those of the script stay below */
};

/* What one side answered. */
struct outcome {
	int64_t result; /* or a negative errno */
	int64_t total;	/* of fill, where it is no matter of buffers */
	int numbers[2]; /* new descriptors; the model's count from 0 */
	int count;	/* of events; masks of poll are events[0] */
	struct kernel_event events[DUET_EVENTS];
};

/* A thread in epoll_wait, or in poll and then epoll_wait. */
struct sleeper_thread {
	pthread_t thread;
	bool is_there, polls;
	int epoll, most;
	int state; /* its stat file; -1: not opened yet */
	_Atomic int tid, is_back;
	struct outcome found;
};

struct name {
	int number;		       /* as the model counts; -1: none yet */
	int proc;		       /* of fork; 0: none */
	struct sleeper_thread *asleep; /* NULL: none. Two names may change theirs: step either */
	int sleeper;		       /* the model's number of it */
	pid_t child;
	char stack[4096] __attribute__((aligned(16))); /* the child's: it shares our memory */
	uint64_t seen; /* what the model said of it when it was last seen settled */
	int port;      /* where it listened, for the model; 0: nowhere */
	socklen_t size;
	union {
		struct sockaddr any;
		struct sockaddr_in inet;
		struct sockaddr_un unix_;
		struct sockaddr_storage storage;
	} address;
};

struct duet {
	struct kernel *model;
	int base;     /* the kernel's number of the model's 0 */
	int listener; /* for pairs */
	int fillers[DUET_HIGH], filler_count;
	struct sockaddr_in address;
	uint32_t addresses; /* of loopback that were used */
	void (*old_pipe)(int);
	struct name names[STEP_NAMES];
	struct sleeper_thread threads[STEP_NAMES];
	unsigned char sent[DUET_BYTES], got[2][DUET_BYTES];
	struct outcome real[STEP_MOST], model_said[STEP_MOST];
	bool left_out[STEP_MOST];
	const struct step *step;
};

/* How a step is performed on each side. NULL applies: always. */
struct duet_op {
	bool (*applies)(const struct duet *duet, const struct step *step);
	void (*real)(struct duet *duet, const struct step *step, struct outcome *ret_outcome);
	void (*model)(struct duet *duet, const struct step *step, struct outcome *ret_outcome);
	bool moves; /* packets: wait until they arrived */
};
extern const struct duet_op duet_ops[STEP_OPS];

/* The kernel's number of a name; -1: none. */
int duet_fd(const struct duet *duet, const struct step *step, int which);
int duet_number(const struct duet *duet, const struct step *step, int which);
/* "0", "EAGAIN", "a IN, b OUT", …: 0 or -ENOMEM. */
int outcome_print(const struct script *script, const struct step *step, const struct outcome *outcome,
		  struct buf *out);
bool outcome_same(const struct outcome *real, const struct outcome *model);
/* Until every sleeper is asleep or back, and as many are back as the model says. 0, or -ETIMEDOUT. */
int duet_settle_sleepers(struct duet *duet);
void duet_end_sleepers(struct duet *duet);
/* Until every TCP socket is in the state that the model says, and acknowledged. 0, or -ETIMEDOUT. */
int duet_settle(struct duet *duet);

#endif
