/* SPDX-License-Identifier: MIT */
/*
 * Faults under the target: which call gets which result, and when. Deciding is here and pure; the watcher carries it out.
 *
 * A window is first..last+step over the matching calls, counted for each process from when the fault was armed: "accept4:EMFILE:
 * 1..40" fails the first forty, "3..+2" the third, fifth, seventh … for ever, "1" the first only.
 */
#ifndef WRINGER_INJECT_FAULT_H
#define WRINGER_INJECT_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/clock.h"
#include "base/error.h"
#include "journal/calls.h"

struct fault {
	uint32_t id;          /* given by fault_set_arm */
	enum call call;       /* CALL_unknown with class != CLASS_OTHER: every call of that class */
	enum call_class class;
	int code;             /* positive errno the call fails with; 0 when it is shortened or held back instead */
	uint64_t shorten;     /* bytes the length is cut to; 0: not */
	uint64_t delay;       /* ns the thread is held back before the kernel sees the call; 0: not */
	uint64_t first, last, step; /* 1-based, last 0: for ever, step 0 counts as 1 */
	int32_t fd;           /* only this number, -1 any */
	bool accepted_only;   /* only fds that were accepted (not log files, not the listener) */
	uint16_t peer;        /* only the connection accepted from this port, 0 any */
};

/* A call that is being entered, as far as faults ask. */
struct fault_call {
	int32_t pid;
	enum call call;
	uint64_t op;          /* what epoll_ctl is to do, else 0 */
	int32_t fd;
	bool accepted;        /* the fd was */
	uint16_t peer;        /* from this port; 0: not, or that is not known */
};

#define FAULT_DELAY_MOST (10 * NS_PER_S) /* longer than any healthy client waits */

/* What may be done to which call: data, with the man page that says so. Any of them may be held back. */
struct fault_row {
	enum call call;
	const char *errnos;   /* "EMFILE ENFILE ECONNABORTED" */
	bool shorten;
	const char *source;   /* "accept(2)" */
};
extern const struct fault_row fault_rows[];
extern const size_t fault_row_count;
const struct fault_row *fault_row_find(enum call call);

/*
 * Parses "CALL:WHAT[:WINDOW][@WHERE]": CALL is a name, or @accept, @read, @write, @wait for a class; WHAT an errno, "short=N"
 * or "delay=TIME"; WHERE "fd=N", "accepted", "peer=PORT" or "any", which is the default but for @read and @write: those mean
 * "accepted", not log files and wake-up pipes. Nonsense (an errno that the call cannot give, a window backwards) is refused.
 * 0 or -EINVAL with error.
 */
int fault_parse(const char *text, struct fault *ret_fault, struct error *error);
/* The fault as text, the form fault_parse reads. */
char *fault_text(const struct fault *fault, char *out, size_t size);

/* Whether the fault is about that call, and the call can fail (or be shortened, or held back) so: @write:ENOBUFS leaves sendfile alone. */
bool fault_fits(const struct fault *fault, enum call call);
/* Whether the kernel gives that errno to that operation: of epoll_ctl only ADD can run out of memory or watches. */
bool fault_fits_op(const struct fault *fault, enum call call, uint64_t op);
/* Whether any call at all fits. */
bool fault_possible(const struct fault *fault);
/* Whether the count-th matching call (1 …) lies in the fault's window; first 0 counts as 1. */
static inline bool fault_window_hit(const struct fault *fault, uint64_t count)
{
	uint64_t first = fault->first ? fault->first : 1;
	uint64_t step = fault->step ? fault->step : 1;

	if (count < first || (fault->last && count > fault->last))
		return false;
	return (count - first) % step == 0;
}

/* The faults armed now; shared between the thread that scripts and the thread that watches. */
struct fault_set;
struct fault_table;
struct fault_set *fault_set_new(void);
void fault_set_free(struct fault_set *set);
/* As new, while nobody decides by it: costs what was armed, not what could be. */
void fault_set_clear(struct fault_set *set);
/*
 * From now on the faults that are armed, with their counts, lie there, where others decide by them too; what is armed
 * already moves there. NULL: back into the set's own memory, while nobody decides. Any thread.
 */
void fault_set_share(struct fault_set *set, struct fault_table *table);
/* 0 with *ret_id, -ENOMEM, -EINVAL, -ENOSPC (FAULT_CELLS are armed). Any thread. */
int fault_set_arm(struct fault_set *set, const struct fault *fault, uint32_t *ret_id);
/* Stops it; *ret_delivered says how often it struck. 0 or -ENOENT. Any thread. */
int fault_set_lift(struct fault_set *set, uint32_t id, uint64_t *ret_delivered);
uint64_t fault_set_delivered(const struct fault_set *set, uint32_t id);
/* What was armed under that id, lifted or not; false: nothing was. */
bool fault_set_find(const struct fault_set *set, uint32_t id, struct fault *ret_fault);
/* Whether anything is armed: a relaxed atomic read, cheap enough for each call. */
bool fault_set_armed(const struct fault_set *set);
/*
 * The decision, by the watcher, for a call that is being entered: counts it for its process and fills ret_fault when a
 * fault strikes. Marks it delivered. False: leave the call alone.
 */
bool fault_set_decide(struct fault_set *set, const struct fault_call *call, struct fault *ret_fault);
/* The watcher could not carry out what was decided (the call was short enough already): it does not count as delivered. */
void fault_set_retract(struct fault_set *set, uint32_t id);

#endif
