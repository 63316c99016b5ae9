/* SPDX-License-Identifier: MIT */
/* What the files of the suite share. */
#ifndef WRINGER_RUN_SUITE_IMPL_H
#define WRINGER_RUN_SUITE_IMPL_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include "base/buf.h"
#include "run/brood.h"
#include "run/suite.h"

/* A case that runs. */
struct slot {
	const struct suite_case *item;
	pid_t pid;
	int pidfd, pipe; /* -1 none */
	struct buf json; /* what it sent so far */
	uint64_t began, deadline;
	bool ended;		   /* its process is over */
	bool killed;		   /* by us, past its limit */
	struct hoard_crowd *crowd; /* shared with it */
	char directory[PATH_MAX];
};

/* The case's own process: never returns. */
__attribute__((noreturn)) void suite_child(const struct slot *slot, int pipe);

/* The longest its process may live, ns. */
uint64_t suite_limit(const struct suite_case *item);

/* Starts a process for the slot's item. 0 or a negative errno with error; then nothing is left of it. */
int slot_start(struct slot *slot, struct error *error);
/* Takes what its pipe has now. */
void slot_read(struct slot *slot);
/* Reaps the process that has ended and makes the result of what it sent, or of how it died. */
int slot_result(struct slot *slot, struct result *ret_result);
/* Past its deadline: whether its process was kept waiting for a CPU, and is given that time. */
bool slot_indulge(struct slot *slot, uint64_t now);
void slot_kill(struct slot *slot, int signo);
void slot_close(struct slot *slot);

/* Folders of cases. */
struct folders {
	char root[PATH_MAX]; /* of all, "" none yet */
	bool ours;	     /* made by us: goes when it is empty */
};
int folders_open(struct folders *folders, const struct suite_options *options, struct error *error);
/* A fresh one for a case. 0 or a negative errno with error. */
int folders_make(const struct folders *folders, const struct suite_case *item, char *out, size_t size,
		 struct error *error);
/* Removes a case's folder with what is in it, or everything that is left of ours. */
void folders_remove(const char *directory);
void folders_close(struct folders *folders);

#endif
