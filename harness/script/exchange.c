/* SPDX-License-Identifier: MIT */
#include "script/exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/names.h"

#define UNSENT		UINT64_MAX /* as the end of a request: never reached */
#define ANSWER_PATIENCE 3.0
#define DRIP_INTERVAL	0.005

static void owe(lua_State *L, struct script_peer *peer, struct owed owed)
{
	struct owed *grown = array_grow(peer->owed, peer->count, &peer->capacity, sizeof(*grown));

	if (!grown)
		luaL_error(L, "out of memory");
	peer->owed = grown;
	owed.ordinal = ++peer->requests;
	grown[peer->count++] = owed;
}

static void follow(struct script_peer *peer)
{
	for (size_t i = peer->first; i < peer->count; i++) {
		struct owed *owed = &peer->owed[i];
		if (owed->at)
			continue;
		if (peer_sent(peer->peer) < owed->end)
			return;
		owed->at = clock_now();
		peer_note(peer->peer, PEER_REQUEST, owed->ordinal, 0, 0, owed->token);
	}
}

void peers_follow(struct play *play)
{
	for (struct script_peer *peer = play->peers; peer; peer = peer->next)
		follow(peer);
}

/* Bytes the kernel has and will be given. */
static uint64_t queued(const struct script_peer *peer)
{
	return peer_sent(peer->peer) + peer_unsent(peer->peer);
}

static bool ended_by_us(enum peer_state state)
{
	return state == PEER_CLOSED || state == PEER_HALF_CLOSED;
}

/*
 * Sends. False when the target has ended the connection already: that is no fault of ours that was not
 * delivered, what is asked then just stays unsent, and the rules judge why.
 */
static bool give(lua_State *L, struct script_peer *peer, struct buf *bytes, size_t size)
{
	int code = peer_send(peer->peer, bytes->data, size);
	const char *name = errno_name(code);

	if (code == 0)
		return true;
	if (code == -EPIPE && !ended_by_us(peer_state(peer->peer)))
		return false;
	buf_free(bytes);
	play_undelivered(L, "%s: the request could not be sent: %s", peer_name(peer->peer),
			 name ? name : "unknown error");
	return false;
}

static struct owed owed_of(const struct request_spec *spec)
{
	struct owed owed = {.kind = spec->kind, .bytes = spec->bytes};

	memcpy(owed.token, spec->token, sizeof(owed.token));
	return owed;
}

/* Half of it goes out, the rest waits for peer:complete(). */
static void send_half(lua_State *L, struct script_peer *peer, struct owed owed, struct buf *bytes)
{
	size_t half = request_half(bytes->size);

	(void)give(L, peer, bytes, half);
	buf_consume(bytes, half);
	buf_free(&peer->rest);
	peer->rest = *bytes;
	peer->rest_owed = owed;
}

static int exchange_request(lua_State *L)
{
	struct script_peer *peer = peer_api_check(L, 1);
	struct request_spec spec;
	struct buf bytes = {0};

	request_spec_read(L, 2, &spec);
	lua_pushstring(L, spec.token);
	request_build(L, &spec, &bytes);
	if (spec.partial) {
		send_half(L, peer, owed_of(&spec), &bytes);
		return 1;
	}
	bool sent = give(L, peer, &bytes, bytes.size);
	buf_free(&bytes);
	struct owed owed = owed_of(&spec);
	owed.end = sent ? queued(peer) : UNSENT;
	owe(L, peer, owed);
	follow(peer);
	return 1;
}

static int exchange_complete(lua_State *L)
{
	struct script_peer *peer = peer_api_check(L, 1);

	if (!peer->rest.size)
		return luaL_error(L, "there is no partial request to complete");
	bool sent = give(L, peer, &peer->rest, peer->rest.size);
	buf_free(&peer->rest);
	peer->rest_owed.end = sent ? queued(peer) : UNSENT;
	owe(L, peer, peer->rest_owed);
	follow(peer);
	return 0;
}

static int exchange_owe(lua_State *L)
{
	struct script_peer *peer = peer_api_check(L, 1);
	struct request_spec spec;

	luaL_checktype(L, 2, LUA_TTABLE);
	request_spec_read(L, 2, &spec);
	struct owed owed = owed_of(&spec);
	owed.end = queued(peer);
	owe(L, peer, owed);
	follow(peer);
	return 0;
}

/* drip: stack 1 peer, 2 bytes, 3 interval; the context counts bytes. */
static int ended_check(struct play *play, struct wait *wait)
{
	(void)play;
	return peer_ended(wait->peer->peer);
}

static int drip_on(lua_State *L, int status, lua_KContext context)
{
	struct play *play = play_of(L);
	struct script_peer *peer = peer_api_check(L, 1);
	size_t size, at = (size_t)context;
	const char *bytes = lua_tolstring(L, 2, &size);

	(void)status;
	if (at < size && !peer_ended(peer->peer) && peer_send(peer->peer, bytes + at, 1) == 0) {
		follow(peer);
		struct wait wait = play_waiting(play, lua_tonumber(L, 3));
		wait.check = ended_check;
		wait.pause = true;
		wait.peer = peer;
		return play_wait(L, &wait, context + 1, drip_on);
	}
	if (at < size) {
		lua_pushnil(L);
		lua_pushliteral(L, "closed");
		return 2;
	}
	lua_pushboolean(L, 1);
	return 1;
}

/* Replaces the table at 2 by the bytes of the request it describes, and owes the answer. */
static void drip_request(lua_State *L, struct script_peer *peer)
{
	struct request_spec spec;
	struct buf bytes = {0};

	request_spec_read(L, 2, &spec);
	request_build(L, &spec, &bytes);
	size_t size = spec.partial ? request_half(bytes.size) : bytes.size;
	lua_pushlstring(L, bytes.data, size);
	buf_free(&bytes);
	lua_replace(L, 2);
	if (spec.partial)
		return;
	struct owed owed = owed_of(&spec);
	owed.end = queued(peer) + size;
	owe(L, peer, owed);
}

static int exchange_drip(lua_State *L)
{
	struct script_peer *peer = peer_api_check(L, 1);

	lua_settop(L, 3);
	if (lua_isnil(L, 3)) {
		lua_pushnumber(L, DRIP_INTERVAL);
		lua_replace(L, 3);
	}
	luaL_checknumber(L, 3);
	if (lua_istable(L, 2))
		drip_request(L, peer);
	luaL_checkstring(L, 2);
	return drip_on(L, LUA_OK, 0);
}

int greeting_take(struct script_peer *peer)
{
	const struct protocol *protocol = stage_protocol(peer->play->stage);
	struct buf *inbox = peer_inbox(peer->peer);

	if (peer->greeted || !(protocol->offers & PROTOCOL_GREETS))
		return 1;
	peer->why.size = 0;
	int64_t size = protocol->greeting(protocol, inbox->data ? inbox->data : "", inbox->size, &peer->why);
	if (size < 0)
		return (int)size;
	if (size == 0)
		return peer_ended(peer->peer) ? -ENOTCONN : 0;
	buf_consume(inbox, (size_t)size);
	peer->greeted = true;
	return 1;
}

/* An answer that comes on, however slowly, is not late: patience is for the next of its bytes. */
static void answer_moves(struct wait *wait)
{
	uint64_t now = clock_now();

	wait->deadline = now + (wait->deadline - wait->began);
	wait->began = now;
}

/* 1 with the answer's size in wait->number; -ENOTCONN when the connection ended before it was whole. */
static int answer_check(struct play *play, struct wait *wait)
{
	const struct protocol *protocol = stage_protocol(play->stage);
	struct script_peer *peer = wait->peer;
	const struct owed *owed = &peer->owed[peer->first];
	const struct buf *inbox = peer_inbox(peer->peer);
	bool ended = peer_ended(peer->peer);
	uint64_t seen = inbox->size << 1 | ended;

	int greeted = greeting_take(peer);
	if (greeted <= 0)
		return greeted;
	if (wait->seen == seen + 1)
		return 0;
	if (wait->seen)
		answer_moves(wait);
	wait->seen = seen + 1;
	peer->announced = 0;
	peer->why.size = 0;
	bool by_fin = ended && peer_state(peer->peer) != PEER_RESET_BY_TARGET;
	int64_t size =
	    protocol->answer(protocol, owed->kind, owed->token, owed->bytes, inbox->data ? inbox->data : "",
			     inbox->size, by_fin, &peer->announced, &peer->why);
	if (size > 0)
		wait->number = (uint64_t)size;
	if (size != 0)
		return size > 0 ? 1 : (int)size;
	return ended ? -ENOTCONN : 0;
}

int exchange_no(lua_State *L, const char *reason)
{
	lua_pushnil(L);
	lua_pushstring(L, reason);
	return 2;
}

static int answer_right(lua_State *L, struct script_peer *peer, const struct owed *owed, uint64_t size)
{
	uint64_t latency = owed->at ? clock_now() - owed->at : 0;

	peer_note(peer->peer, PEER_ANSWER, owed->ordinal, size, latency, NULL);
	buf_consume(peer_inbox(peer->peer), (size_t)size);
	lua_pushboolean(L, 1);
	lua_pushinteger(L, (lua_Integer)size);
	return 2;
}

int answer_wrong(lua_State *L, struct script_peer *peer, int code)
{
	const char *why = peer->why.size ? peer->why.data : "it is not what the protocol says";

	if (code != -EBADMSG)
		return play_undelivered(L, "protocol %s: %s", stage_protocol(peer->play->stage)->name, why);
	peer_note_wrong(peer->peer, why);
	return play_over(
	    L, stage_fail(peer->play->stage, "wrong answer for %s: %s", peer_name(peer->peer), why));
}

static int answer_ended(lua_State *L, struct script_peer *peer, const struct owed *owed)
{
	size_t got = peer_inbox(peer->peer)->size;

	if (!owed->at)
		return exchange_no(L, "unsent");
	if (got)
		peer_note(peer->peer, PEER_CUT, got, peer->announced, 0, NULL);
	else
		peer_note(peer->peer, PEER_UNANSWERED, 0, 0, 0, NULL);
	buf_clear(peer_inbox(peer->peer));
	return exchange_no(L, got ? "cut" : "unanswered");
}

static int answer_late(lua_State *L, struct script_peer *peer, const struct owed *owed)
{
	size_t got = peer_inbox(peer->peer)->size;

	if (!got && owed->at)
		peer_note(peer->peer, PEER_UNANSWERED, 1, 0, 0, NULL);
	if (got)
		(void)journal_mark(stage_journal(peer->play->stage), MARK_NOTE,
				   "%s: the answer stands still at %zu bytes of %" PRIu64,
				   peer_name(peer->peer), got, peer->announced);
	return exchange_no(L, got ? "stopped" : "timeout");
}

static int answer_done(lua_State *L, int status, lua_KContext context)
{
	struct wait *wait = play_result(L);
	struct script_peer *peer = wait->peer;
	struct owed owed = peer->owed[peer->first];

	(void)status;
	(void)context;
	if (wait->result == 0 && wait->hurried)
		return exchange_no(L, "hurried");
	if (wait->result == 0)
		return answer_late(L, peer, &owed); /* and goes on being owed */
	peer->first++;
	if (wait->result == 1)
		return answer_right(L, peer, &owed, wait->number);
	if (wait->result == -ENOTCONN)
		return answer_ended(L, peer, &owed);
	return answer_wrong(L, peer, wait->result);
}

static int exchange_answer(lua_State *L)
{
	struct script_peer *peer = peer_api_check(L, 1);
	struct wait wait = play_waiting(peer->play, timeout_read(L, 2, ANSWER_PATIENCE));

	if (peer->first == peer->count)
		return luaL_error(L, "no answer is owed to %s: peer:request comes first",
				  peer_name(peer->peer));
	if (peer_dropped(peer->peer))
		return play_undelivered(L, "%s received more than it can keep", peer_name(peer->peer));
	wait.check = answer_check;
	wait.peer = peer;
	return play_wait(L, &wait, 0, answer_done);
}

static int exchange_owed(lua_State *L)
{
	struct script_peer *peer = peer_api_check(L, 1);

	lua_pushinteger(L, (lua_Integer)(peer->count - peer->first));
	return 1;
}

const luaL_Reg exchange_methods[] = {
    {"request", exchange_request}, {"complete", exchange_complete},   {"owe", exchange_owe},
    {"drip", exchange_drip},	   {"answer", exchange_answer},	      {"owed", exchange_owed},
    {"recv", exchange_recv},	   {"recv_some", exchange_recv_some}, {NULL, NULL},
};
