/* SPDX-License-Identifier: MIT */
/*
 * What Linux promises to report of a descriptor in each state, as data: one row a state. And what each way of
 * asking (epoll, poll, select, io_uring) makes of it. `wringer truth` holds the running kernel against it.
 */
#ifndef WRINGER_MODEL_MASK_H
#define WRINGER_MODEL_MASK_H

#include <stdbool.h>
#include <stdint.h>

/* What every row was asked for: EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP. ERR and HUP come unasked. */
extern const uint32_t mask_interest;

#define MASK_WAITS     INT32_MIN       /* the receive does not complete */
#define MASK_NO_SOCKET (INT32_MIN + 1) /* there is no SO_ERROR to ask for */

struct mask_row {
	const char *name;  /* stable, for machines */
	const char *state; /* for people */
	uint32_t must;	   /* bits that are reported */
	uint32_t may;	   /* bits that buffer sizes or the kernel's version decide; all others must not be */
	int32_t so_error;  /* what SO_ERROR gives, a positive errno or 0, or MASK_NO_SOCKET */
	uint32_t after;	   /* must, once SO_ERROR was read */
	int32_t receive; /* what a receive of io_uring completes with: bytes, a negative errno, MASK_WAITS */
	const char *source;
};
extern const struct mask_row mask_rows[]; /* ends with a NULL name */

/* NULL: no such row. */
const struct mask_row *mask_row_find(const char *name);

/* The ways of asking, in the order in which they are asked. */
enum mask_way {
	WAY_LEVEL,	 /* epoll_wait, level-triggered */
	WAY_LEVEL_TWICE, /* the same again: a level is reported while it lasts */
	WAY_EDGE,	 /* EPOLLET, the first wait behind the registration */
	WAY_EDGE_TWICE,	 /* the next one, with nothing new: an edge is reported once */
	WAY_POLL,
	WAY_SELECT, /* readable as IN, writable as OUT, exceptional as PRI */
	WAY_URING_POLL,
	WAY_SO_ERROR,	/* a number. Reading it takes it away, so the others come first */
	WAY_AFTER,	/* level-triggered once more, behind SO_ERROR */
	WAY_URING_RECV, /* a number, on a second descriptor in the same state */
	WAY_COUNT,
};

struct mask_answer {
	bool asked;  /* whether this way applies to the row at all */
	bool number; /* value counts, else the masks */
	uint32_t must, may;
	int32_t value;
};

/* What the row predicts for that way. Source of what select makes of a mask: fs/select.c, POLLIN_SET and
 * kin. */
struct mask_answer mask_predict(const struct mask_row *row, enum mask_way way);
/* Whether what was observed is what was predicted. */
bool mask_agrees(const struct mask_answer *predicted, uint32_t mask, int32_t value);
/* "epoll, edge". */
const char *mask_way_name(enum mask_way way);

#endif
