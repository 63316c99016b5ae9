/* SPDX-License-Identifier: MIT */
#include "hunt/actor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

/* A request whose answer is owed. */
struct owed {
	enum request_kind kind;
	uint64_t bytes;
	uint64_t end;	      /* it is whole once the peer has sent so many bytes */
	uint64_t ordinal, at; /* at: when it was whole, 0 not yet */
	char token[32];
};

int actor_connect(struct actor *actor, struct stage *stage, const char *name)
{
	const struct peer_options options = {.name = name, .reading = true};
	struct error error = {0};
	int rc;

	actor_forget(actor);
	actor->stage = stage;
	rc = stage_connect(stage, &options, &actor->peer, &error);
	return rc < 0 ? stage_broken(stage, "%s", error.text) : 0;
}

bool actor_alive(const struct actor *actor)
{
	enum peer_state state = actor->peer ? peer_state(actor->peer) : PEER_CLOSED;

	return state == PEER_OPEN || state == PEER_HALF_CLOSED;
}

static int owe(struct actor *actor)
{
	struct owed *grown = array_grow(actor->owed, actor->count, &actor->capacity, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	actor->owed = grown;
	grown += actor->count++;
	*grown = (struct owed){
	    .kind = actor->bytes ? REQUEST_BIG : REQUEST_WHOLE,
	    .bytes = actor->bytes,
	    .end = peer_sent(actor->peer) + peer_unsent(actor->peer),
	    .ordinal = ++actor->requests,
	};
	memcpy(grown->token, actor->token, sizeof(grown->token));
	return 0;
}

/* Requests that have gone out whole since the last look. */
static void follow(struct actor *actor)
{
	for (size_t i = actor->first; i < actor->count; i++) {
		struct owed *owed = &actor->owed[i];

		if (owed->at)
			continue;
		if (peer_sent(actor->peer) < owed->end)
			return;
		owed->at = clock_now();
		peer_note(actor->peer, PEER_REQUEST, owed->ordinal, 0, 0, owed->token);
	}
}

static int begin(struct actor *actor, uint64_t bytes, const char *token)
{
	const struct protocol *protocol = stage_protocol(actor->stage);
	int rc;

	/* Where no answer has a wanted size every request is a small one. */
	actor->bytes = protocol->offers & PROTOCOL_BIG ? bytes : 0;
	(void)snprintf(actor->token, sizeof(actor->token), "%s", token);
	rc = protocol->request(protocol, actor->bytes ? REQUEST_BIG : REQUEST_WHOLE, actor->token,
			       actor->bytes, &actor->rest);
	return rc < 0 ? stage_broken(actor->stage, "protocol %s: %s", protocol->name, strerror(-rc)) : 0;
}

int actor_ask(struct actor *actor, uint64_t bytes, size_t most, const char *token)
{
	int rc;
	size_t part;

	if (actor->dismissed && actor->rest.size == 0)
		return 0;
	rc = actor->rest.size ? 0 : begin(actor, bytes, token);
	if (rc < 0)
		return rc;
	part = most < actor->rest.size ? most : actor->rest.size;
	rc = peer_send(actor->peer, actor->rest.data, part);
	buf_consume(&actor->rest, part);
	if (rc == 0 && actor->rest.size == 0)
		rc = owe(actor);
	if (rc == 0)
		follow(actor);
	return rc == -ENOMEM ? rc : 0;
}

/* Whether nothing more is due of the greeting. */
static bool greeted(struct actor *actor)
{
	const struct protocol *protocol = stage_protocol(actor->stage);
	struct buf *inbox = peer_inbox(actor->peer), why = {0};

	if (!actor->greeted && (protocol->offers & PROTOCOL_GREETS)) {
		int64_t size =
		    protocol->greeting(protocol, inbox->data ? inbox->data : "", inbox->size, &why);
		buf_free(&why);
		if (size <= 0)
			return false;
		buf_consume(inbox, (size_t)size);
	}
	actor->greeted = true;
	return true;
}

/* The connection ended before the answer was whole. */
static void ended(struct actor *actor, const struct owed *owed, uint64_t announced)
{
	size_t got = peer_inbox(actor->peer)->size;

	if (owed->at && got)
		peer_note(actor->peer, PEER_CUT, got, announced, 0, NULL);
	else if (owed->at)
		peer_note(actor->peer, PEER_UNANSWERED, 0, 0, 0, NULL);
	buf_clear(peer_inbox(actor->peer));
}

static int wrong(struct actor *actor, const struct buf *said, char *why, size_t size)
{
	const char *text = said->size ? said->data : "it is not what the protocol says";

	(void)snprintf(why, size, "%s", text);
	peer_note_wrong(actor->peer, text);
	actor->confused = true;
	return -EBADMSG;
}

/* The oldest answer that is owed. 1: over, one way or the other; 0: not yet. */
static int look_once(struct actor *actor, char *why, size_t size)
{
	const struct protocol *protocol = stage_protocol(actor->stage);
	const struct owed *owed = &actor->owed[actor->first];
	struct buf *inbox = peer_inbox(actor->peer), said = {0};
	bool over = peer_ended(actor->peer), by_fin = over && peer_state(actor->peer) != PEER_RESET_BY_TARGET;
	uint64_t announced = 0;
	int64_t got =
	    protocol->answer(protocol, owed->kind, owed->token, owed->bytes, inbox->data ? inbox->data : "",
			     inbox->size, by_fin, &announced, &said);
	int rc = got > 0 || over ? 1 : 0;

	if (got > 0) {
		peer_note(actor->peer, PEER_ANSWER, owed->ordinal, (uint64_t)got,
			  owed->at ? clock_now() - owed->at : 0, NULL);
		actor->dismissed = protocol->closes && protocol->closes(protocol, inbox->data, (size_t)got);
		buf_consume(inbox, (size_t)got);
	} else if (got < 0) {
		rc = wrong(actor, &said, why, size);
	} else if (over) {
		ended(actor, owed, announced);
	}
	actor->first += rc != 0;
	buf_free(&said);
	return rc;
}

int actor_look(struct actor *actor, char *why, size_t size)
{
	int rc = 1;

	if (!actor->peer || actor->stalled || actor->confused)
		return 0;
	follow(actor);
	while (rc == 1 && actor->first < actor->count && (greeted(actor) || peer_ended(actor->peer)))
		rc = look_once(actor, why, size);
	return rc < 0 ? rc : 0;
}

bool actor_waits(const struct actor *actor)
{
	return actor->peer && !actor->stalled && !actor->confused && actor->first < actor->count &&
	       !peer_ended(actor->peer) && peer_state(actor->peer) != PEER_FAILED;
}

void actor_give_up(struct actor *actor)
{
	if (actor_waits(actor) && actor->owed[actor->first].at && peer_inbox(actor->peer)->size == 0)
		peer_note(actor->peer, PEER_UNANSWERED, 1, 0, 0, NULL);
}

void actor_forget(struct actor *actor)
{
	buf_free(&actor->rest);
	free(actor->owed);
	*actor = (struct actor){0};
}
