/* SPDX-License-Identifier: MIT */
/* Omens: what happened shortly before a death, as far as it might have caused it. */
#ifndef WRINGER_RULES_OMEN_H
#define WRINGER_RULES_OMEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/map.h"
#include "journal/event.h"
#include "model/world.h"

enum omen_kind {
	OMEN_NONE,
	OMEN_EINTR,  /* a call of note gave EINTR, and the thread did nothing of note since */
	OMEN_ACCEPT, /* accept gave a passing error, and the thread did nothing of note since */
	OMEN_ERROR,  /* a call on a connection failed, or was made to fail */
	OMEN_REPORT, /* ERR or HUP was reported for a connection */
	OMEN_END,    /* a read gave 0 */
	OMEN_PEER,   /* a peer misbehaved, or sent something */
};

struct omen {
	enum omen_kind kind;
	uint64_t at;
	int32_t pid, tid, fd, peer;
	uint64_t file;
	enum call call;
	int64_t ret; /* EINTR, ACCEPT, ERROR: the negative errno */
	bool injected;
	bool over;	   /* its thread has gone on since, or ended for itself */
	uint32_t events;   /* REPORT */
	enum peer_act act; /* PEER */
	char name[16];	   /* the peer's, "" none */
};

/* Zero-initialised is none. */
struct omens {
	struct map threads; /* tid -> struct omen: EINTR and ACCEPT, while they are the thread's last word */
	struct map words;   /* tid -> struct omen: its last ERROR, REPORT or END */
	struct omen last;   /* the last of all others */
	struct omen act;    /* the last thing a misbehaving peer did */
	struct omen shut;   /* an accept's passing error, while no accept anywhere has succeeded since */
};

/* Follows an event that is in the world already. 0 or -ENOMEM. */
int omens_follow(struct omens *omens, const struct world *world, const struct event *event);
/* The latest omen of that kind that stands as the last word of a thread of the process, not older than since.
 */
bool omens_pending(const struct omens *omens, int32_t pid, enum omen_kind kind, uint64_t since,
		   const struct omen **ret_omen);
/* The latest of the others, not older than since; NULL for none. */
const struct omen *omens_recent(const struct omens *omens, uint64_t since);
/* The same of the process's own, by what its threads saw last; standing: only what is still a thread's last
 * word. */
const struct omen *omens_of(const struct omens *omens, int32_t pid, uint64_t since, bool standing);
/* The passing error of accept that another process met, and behind which nobody accepted any more; NULL for
 * none. */
const struct omen *omens_shut(const struct omens *omens, int32_t pid);
/* Walks the threads' omens: start with *at = 0, NULL at the end. */
const struct omen *omens_next(const struct omens *omens, size_t *at);
/* "accept4(4) gave EMFILE". Returns out. */
char *omen_text(const struct omen *omen, char *out, size_t size);
void omens_release(struct omens *omens);

#endif
