/* SPDX-License-Identifier: MIT */
/* What several families need beside the world: the ground truth, our own hand, the peers' diary. */
#ifndef WRINGER_RULES_FACTS_H
#define WRINGER_RULES_FACTS_H

#include "rules/diary.h"
#include "rules/ground.h"
#include "rules/hand.h"
#include "rules/rule.h"

#define FACTS_WHO 64

struct facts {
	struct hand hand;
	struct ground ground;
	struct diary diary;
};

/* The judge's, which all families share. */
const struct facts *judge_facts(const struct judge *judge);
/* A family's begin: its state starts with a pointer to them. 0. */
int facts_begin(struct judge *judge, void *state);

/* All three follow the event. 0 or -ENOMEM. */
int facts_follow(struct facts *facts, const struct world *world, const struct event *event);
/* A file, a peer that is forgotten now. */
void facts_forget_file(struct facts *facts, const struct file *file);
void facts_forget_peer(struct facts *facts, const struct peer_view *peer);
void facts_release(struct facts *facts);

/* Whether the target has been running freely for that long: not frozen by us, not asked to end. */
bool facts_free(const struct facts *facts, uint64_t now, uint64_t window);
/* Whether a round of probes may be judged: made at rest, the target free. */
bool facts_at_rest(const struct facts *facts, const struct judge *judge);

/* "fd 9 (peer c3)". Returns out (FACTS_WHO is enough). */
char *facts_who(const struct finding *finding, char *out, size_t size);
/* Whether one of the deaths of death.c was found: it explains what nobody served any more. */
bool facts_died(const struct judge *judge);

#endif
