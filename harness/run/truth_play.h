/* SPDX-License-Identifier: MIT */
/* The sequences of model/story.c, performed: one small function and one line in a list. */
#ifndef WRINGER_RUN_TRUTH_PLAY_H
#define WRINGER_RUN_TRUTH_PLAY_H

#include "base/buf.h"
#include "run/truth_kit.h"

struct play_state {
	struct stand stand;
	struct buf *told;
	int rc; /* the first failure of what is only preparation */
};

struct truth_story {
	const char *name; /* of the story_row */
	void (*play)(struct play_state *play);
};
/* End with a NULL name. */
extern const struct truth_story truth_stories[], truth_calls[], truth_beliefs[];

/* Plays it and writes down what was observed, in the form of story_row.expect. 0, -ENOENT when nobody
 * performs it, or a negative errno. */
int truth_play(const char *name, struct buf *ret_observed);

/*
 * Steps. Those that observe append "label: what" (or only what, for an empty label). Once a preparation
 * failed all later steps do nothing.
 */
void told(struct play_state *play, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "0", a count, or the errno's name. result < 0 stands for errno. */
void told_call(struct play_state *play, const char *label, long result);
/* What one epoll_wait without patience reports: a mask, or "-". */
void told_wait(struct play_state *play, const char *label, int epoll);
/* What read(2) of at most so many bytes (16 are the most) comes to. */
void told_read(struct play_state *play, const char *label, int fd, size_t size);
/* Preparation: result < 0 (a negative errno) ends the story. Returns whether the story goes on. */
bool must(struct play_state *play, long result);

/* Preparations that a story cannot do without; -1 once one failed. */
int play_epoll(struct play_state *play);
int play_counter(struct play_state *play, unsigned count); /* an eventfd */
/* epoll_ctl with the number as its data: what it returned, to be told. */
long play_ctl(int epoll, int operation, int fd, uint32_t events);
void play_add(struct play_state *play, int epoll, int fd, uint32_t events);
void play_pair(struct play_state *play, int ret_pair[2]); /* TCP */
void play_unix_pair(struct play_state *play, int ret_pair[2]);
void play_send(struct play_state *play, int fd, int receiver,
	       int queued); /* 3 bytes, until so many are there */
void play_fin(struct play_state *play, int pair[2]);
void play_reset(struct play_state *play, int pair[2]);

#endif
