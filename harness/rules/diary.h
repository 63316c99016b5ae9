/* SPDX-License-Identifier: MIT */
/* The diary: when each peer last did what. The world keeps how far a peer got, the rules need also since
 * when. */
#ifndef WRINGER_RULES_DIARY_H
#define WRINGER_RULES_DIARY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/map.h"
#include "journal/event.h"
#include "model/world.h"

/* Times are 0 for never. */
struct diary_page {
	uint64_t begun_at; /* PEER_CONNECT */
	uint64_t sent_at, received_at;
	uint64_t request_at; /* the last whole request, and what had been received by then */
	uint64_t received_before;
	uint64_t answer_at;
	uint64_t right;	     /* bytes of all its whole and right answers */
	uint64_t resumed_at; /* it read again after a stall */
	uint64_t faulted_at; /* its last misbehaviour of any kind */
};

/* Zero-initialised is empty. */
struct diary {
	struct map pages; /* peer -> struct diary_page */
	uint64_t canary_answers;
	uint64_t canary_answer_at, canary_request_at;
};

/* Follows an event that is in the world already. 0 or -ENOMEM. */
int diary_follow(struct diary *diary, const struct world *world, const struct event *event);
/* The peer's page; an empty one for an unknown peer, never NULL. */
const struct diary_page *diary_page(const struct diary *diary, int32_t peer);
/* Nothing more comes from that peer. */
void diary_forget(struct diary *diary, int32_t peer);
void diary_release(struct diary *diary);

#endif
