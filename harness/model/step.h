/* SPDX-License-Identifier: MIT */
/*
 * Scripts of socket and epoll operations: a line a step, each with names for the descriptors it makes or uses
 * and, behind "->", what must come of it. The same steps are made from a fuzzer's bytes. Pure.
 */
#ifndef WRINGER_MODEL_STEP_H
#define WRINGER_MODEL_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/error.h"

enum step_op {
	STEP_NAMED,
	STEP_TCP,
	STEP_UNIX,
	STEP_PACKETS,
	STEP_DATAGRAMS,
	STEP_TCP_SOCKET,
	STEP_UNIX_SOCKET,
	STEP_LISTEN,
	STEP_LISTEN_FEW,
	STEP_CONNECT,
	STEP_ACCEPT,
	STEP_PIPE,
	STEP_PACKET_PIPE,
	STEP_EVENTFD,
	STEP_SEMAPHORE,
	STEP_TIMERFD,
	STEP_FILE,
	STEP_EPOLL,
	STEP_DUP,
	STEP_DUP_TO,
	STEP_CLOSE,
	STEP_RESET,
	STEP_FORK,
	STEP_EXIT,
	STEP_PASS,
	STEP_TAKE,
	STEP_WRITE,
	STEP_COUNT_UP,
	STEP_READ,
	STEP_PEEK,
	STEP_FILL,
	STEP_DRAIN,
	STEP_URGENT,
	STEP_READ_URGENT,
	STEP_INLINE,
	STEP_AT_MARK,
	STEP_LOW_WATER,
	STEP_SHUTDOWN,
	STEP_SO_ERROR,
	STEP_TIMER,
	STEP_ADD,
	STEP_MOD,
	STEP_DEL,
	STEP_WAIT,
	STEP_POLL,
	STEP_SLEEP,
	STEP_SLEEP_POLL,
	STEP_EITHER,
	STEP_WOKEN,
	STEP_OPS,
};

enum {
	STEP_NAMES = 32,
	STEP_NAME = 16,
	STEP_EVENTS = 16,			      /* that a step may ask for */
	STEP_EXPECT = STEP_EVENTS * (STEP_NAME + 64), /* all of them, each with all the bits poll(2) knows */
	STEP_MOST = 1024,
};

struct step {
	enum step_op op;
	int names[2];		  /* indices of names; -1: none */
	uint32_t number;	  /* a size, a count, one of the words of the op; or a mask of events */
	unsigned line;		  /* in its file; 0: in none */
	char expect[STEP_EXPECT]; /* empty: whatever both say */
};

struct script {
	struct step *steps;
	size_t count, capacity;
	char names[STEP_NAMES][STEP_NAME];
	int name_count;
};

/* How a step is written: "add" takes two names and a mask. */
struct step_form {
	const char *word;
	const char *args; /* n: a new name, f: one that was made, u: a number, m: events, w: one of words */
	const char *const *words;
	const char *doc;
};
extern const struct step_form step_forms[STEP_OPS];

/* Reads a whole script. 0; -EINVAL with "NAME:LINE: what is wrong"; -ENOMEM. Free it in each case. */
int script_parse(struct script *ret_script, const char *name, const char *text, size_t size,
		 struct error *error);
/* 0 or -ENOMEM. */
int script_add(struct script *script, const struct step *step);
/* Any bytes are a script, of at most STEP_MOST steps. 0 or -ENOMEM. */
int script_from_bytes(struct script *ret_script, const unsigned char *bytes, size_t size);
/* One step as it is written, without its newline; -> and what is expected included. 0 or -ENOMEM. */
int step_print(const struct script *script, const struct step *step, struct buf *out);
void script_free(struct script *script);

#endif
