/* SPDX-License-Identifier: MIT */
/*
 * Rules: pure functions from the journal to findings.
 *
 * The plug-in is a family: one file, one const struct rule_family, one line in rules/list.c. A family has one
 * state and may decide several rules from it (five spins share one engine). Families see every event after
 * the world has followed it.
 */
#ifndef WRINGER_RULES_RULE_H
#define WRINGER_RULES_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "journal/event.h"
#include "model/world.h"
#include "rules/contents.h"

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

struct rule {
	const char *id;
	enum severity severity;
	const char *doc;  /* one line: what is wrong when it is broken */
	const char *why;  /* a paragraph: what it does to a server */
	const char *how;  /* a paragraph: how it is decided, and what does not trip it */
	const char *mend; /* a paragraph: what to change in the server */
	const char *seen; /* public bugs, one line */
	bool symptom;	  /* what clients feel: told behind the rules that say why */
	bool by_absence;  /* it says what nobody did: only a note where world_hides() */
	bool by_slot;	  /* that, but direct descriptors are followed: only where world_has_gaps() */
};

struct judge;

#define KIND(kind)   (1u << (kind))
#define CLASS(class) (1u << (class))
#define KINDS_ALL    (~0u)

struct rule_family {
	const char *name; /* the file's noun: "spin" */
	const struct rule *rules;
	size_t rule_count;
	size_t state_size;
	/* May be NULL. state is zeroed before. */
	int (*begin)(struct judge *judge, void *state);
	/* What `event` is called for: KIND() of events, and of calls (EV_CALL) CLASS(). 0: of all. */
	uint32_t kinds, classes;
	/* One event, already in the world and in the facts. May be NULL. 0 or a negative errno (out of
	 * memory). */
	int (*event)(struct judge *judge, void *state, const struct event *event);
	/* Whether a journal made of this holds nothing that any of the rules could find, whatever the order:
	 * then the family is left out where the contents are known (judge_options). May be NULL: it always
	 * hears. */
	bool (*silent)(const struct judge *judge, const struct contents *contents);
	/* A round of probes ends with the event just applied, which the facts do not hold yet. May be NULL.
	 */
	int (*round)(struct judge *judge, void *state);
	/* An event of these kinds, already in the world, and not yet in the facts. May be NULL. */
	uint32_t before_kinds;
	int (*before)(struct judge *judge, void *state, const struct event *event);
	/* A file that is over is forgotten after this, and every pointer to it with it (world_forgets). May
	 * be NULL. */
	void (*farewell)(struct judge *judge, void *state, const struct file *file);
	/* The same for a peer; right before its connection's, if it had one. May be NULL. */
	void (*parting)(struct judge *judge, void *state, const struct peer_view *peer);
	/* The journal is over. May be NULL. */
	int (*finish)(struct judge *judge, void *state);
	/* Frees what hangs off the state. May be NULL. */
	void (*release)(void *state);
};

/* All families, NULL-terminated: rules/list.c. */
extern const struct rule_family *const rule_families[];

/* Every rule of every family in the order of the list: start with *at = 0, NULL at the end. */
const struct rule *rule_next(size_t *at);
const struct rule *rule_find(const char *id);
const char *severity_name(enum severity severity);

/* The place of the evidence: events about this file, this peer, in this stretch of time, are what proves the
 * finding. */
struct finding {
	const struct rule *rule;
	enum severity severity;
	char name[PEER_NAME]; /* its peer's; "" when it is not about one */
	char message[320]; /* one sentence with numbers: "fd 9 (peer c3): HUP reported 4112 times in 1.00 s,
			      no call on it" */
	int32_t pid, tid, fd, peer; /* 0/-1 when it is not about one */
	uint64_t file;		    /* world's file id, 0 none */
	uint64_t at;		    /* when it became true */
	uint64_t from, to;	    /* the stretch that proves it */
	uint64_t count;		    /* how often */
};

/* A finding with everything "none", about the event just applied's pid, tid and time. */
struct finding finding_make(const struct judge *judge, const struct rule *rule);
/* Sets peer and name. NULL: none. */
void finding_of_peer(struct finding *finding, const struct peer_view *peer);
/* Sets fd, peer, name, pid and file from a file of the world (its birth number, or where it is reachable
 * now). */
void finding_about(struct finding *finding, const struct judge *judge, const struct file *file);

/* Beyond this many findings of one rule the next ones tell a reader nothing new. */
#define FINDINGS_PER_RULE 16

/*
 * Reports a copy. Findings of one rule about one file are merged (the larger count, the wider stretch). After
 * so many findings of one rule further ones only raise the count of the last. 0 or -ENOMEM. Rules that are
 * switched off are dropped here.
 */
int judge_report(struct judge *judge, const struct finding *finding);
/* Whether anyone wants this rule's findings. */
int judge_wants(const struct judge *judge, const struct rule *rule);
/* Whether that rule was reported by anyone so far, wanted or not: for a rule that is silent about what
 * another one explains. What is only a note because a ring hides (by_absence) explains nothing. */
int judge_broken(const struct judge *judge, const char *id);

/* For families. */
const struct world *judge_world(const struct judge *judge);
/* ns, already scaled by --time-scale. */
uint64_t judge_window(const struct judge *judge, uint64_t ns);

#endif
