/* SPDX-License-Identifier: MIT */
/* What the files of the load engine share. Only load*.c include this. */
#ifndef WRINGER_PEER_LOAD_IMPL_H
#define WRINGER_PEER_LOAD_IMPL_H

#include "base/buf.h"
#include "peer/load.h"

#define LOAD_TOKEN "load"

enum line_state {
	LINE_DOWN,
	LINE_CONNECTING,
	LINE_GREETED, /* connected, waiting for what the server says first */
	LINE_OPEN,
};

/* One connection of the load, made anew whenever it ends. */
struct line {
	int fd;
	enum line_state state;
	bool queued;	   /* among those a request may be given to */
	uint32_t pending;  /* asked and not answered */
	uint32_t first;	   /* where in dues the oldest of them stands */
	uint64_t *dues;	   /* when each was due: a ring of options->pipeline */
	uint64_t answered; /* on this connection */
	uint64_t unsent;   /* bytes of requests the kernel has not taken */
	size_t at;	   /* where in the text of requests the next byte to send stands */
	uint64_t wake;	   /* when to try again after a connect that failed; 0 not resting */
	struct buf inbox;  /* the beginning of an answer */
};

struct load {
	const struct load_options *options;
	struct load_figures *figures;
	int epoll;
	uint64_t now;
	struct line *lines;
	uint64_t *dues;	     /* of all lines */
	struct line **queue; /* with a rate: lines that may be asked, a ring */
	uint32_t queue_first, queue_count;
	uint64_t given;	    /* with a rate: requests handed to lines so far */
	uint32_t resting;   /* lines with wake */
	uint32_t source;    /* which loopback address connects come from: the next when ports run out */
	struct buf request; /* one, several times over */
	size_t request_size;
	struct buf known, greeting; /* what the protocol found right last */
	struct buf why;
	char *scratch;
};

/* Remembers the first thing that went wrong. */
void load_complain(struct load *load, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Our own side failed: the run ends. Returns code. */
int load_broke(struct load *load, int code, const char *what);

/* The answer (or greeting) at the start of data: its length, 0 more is needed, -EBADMSG (told). */
int64_t load_answer(struct load *load, const char *data, size_t size, bool closed);
int64_t load_greeting(struct load *load, const char *data, size_t size);

/* Whether a request may be given to it. */
bool line_free(const struct load *load, const struct line *line);
/* Begins to connect. */
void line_connect(struct load *load, struct line *line);
/* Gives it count requests that are due at that time. It must have room for them. */
void line_ask(struct load *load, struct line *line, uint32_t count, uint64_t due);
/* What epoll said of it. */
void line_ready(struct load *load, struct line *line, uint32_t events);
void line_close(struct line *line);
/* load.c: the line may have become free. */
void load_offer(struct load *load, struct line *line);

#endif
