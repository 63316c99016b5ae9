/* SPDX-License-Identifier: MIT */
/*
 * connect ─ (greeting) ─ request ─ answer ─ again on the same connection, or close
 *
 * advance() walks as far as it can and is called whenever the peer changed; each stage either is over (true)
 * or has ended the whole request or waits (false). Whoever gets false must not touch the request any more.
 */
#include "peer/asker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"

#define ACCEPTED_POLL	(2 * NS_PER_MS)
#define INDULGENCE_STEP (20 * NS_PER_MS) /* less is no reason to wait again */

static void advance(struct asker *asker);

static const struct protocol *protocol_of(const struct asker *asker)
{
	return asker->shared->options.protocol;
}

static void complain(struct asker *asker, const char *text)
{
	char *out = asker->shared->complaint;

	snprintf(out, sizeof asker->shared->complaint, "%s, request %llu: %s",
		 asker->peer ? peer_name(asker->peer) : "canary", (unsigned long long)asker->ordinal + 1,
		 text);
	for (; *out; out++)
		if ((unsigned char)*out < ' ')
			*out = ' ';
}

static void stop_timers(struct asker *asker)
{
	loop_cancel(asker->shared->loop, asker->patience);
	loop_cancel(asker->shared->loop, asker->poll);
	asker->patience = asker->poll = NULL;
}

static void close_connection(struct asker *asker)
{
	peer_free(asker->peer);
	asker->peer = NULL;
}

static void finish(struct asker *asker, enum ask_outcome outcome, int code)
{
	bool keep = asker->keeps && outcome == ASK_SERVED && !asker->dismissed &&
		    peer_state(asker->peer) == PEER_OPEN;

	stop_timers(asker);
	asker->asking = false;
	if (!keep)
		close_connection(asker);
	asker->done(asker->arg, outcome, code);
}

static void broken(struct asker *asker, int code, const char *text)
{
	complain(asker, text);
	finish(asker, ASK_BROKEN, code);
}

/* No answer. act and its fields go to the journal; PEER_ACTS: the peer has said it already. */
static void missed(struct asker *asker, int code, enum peer_act act, uint64_t a0, uint64_t a1,
		   const char *text)
{
	if (asker->shared->keep_only && !asker->reused) {
		finish(asker, ASK_FORGIVEN, code);
		return;
	}
	complain(asker, text);
	if (act != PEER_ACTS)
		peer_note(asker->peer, act, a0, a1, 0, text);
	finish(asker, ASK_MISSED, code);
}

static void wrong(struct asker *asker, const char *why)
{
	complain(asker, why);
	peer_note_wrong(asker->peer, why);
	finish(asker, ASK_WRONG, -EBADMSG);
}

/* Bytes that belong to no answer of ours: another connection's, or an answer that is too long. */
static void unasked(struct asker *asker, size_t at, const char *where)
{
	const struct buf *inbox = peer_inbox(asker->peer);
	char why[192];
	size_t more = inbox->size - at;

	snprintf(why, sizeof why, "expected nothing %s, received %zu bytes: %.*s", where, more,
		 (int)(more < 80 ? more : 80), inbox->data + at);
	wrong(asker, why);
}

static void served(struct asker *asker, uint64_t bytes)
{
	const struct protocol *protocol = protocol_of(asker);
	uint64_t latency = clock_now() - asker->began;

	peer_note(asker->peer, PEER_ANSWER, ++asker->ordinal, bytes, latency, NULL);
	asker->dismissed = bytes && protocol->closes &&
			   protocol->closes(protocol, peer_inbox(asker->peer)->data, (size_t)bytes);
	buf_consume(peer_inbox(asker->peer), bytes);
	finish(asker, ASK_SERVED, 0);
}

static void on_change(void *arg)
{
	struct asker *asker = arg;

	if (asker->asking)
		advance(asker);
	else if (peer_ended(asker->peer))
		close_connection(
		    asker); /* between requests the target may close, and say why first (408, 421) */
}

static bool open_connection(struct asker *asker)
{
	struct ask_shared *shared = asker->shared;
	struct error error = {0};
	char name[16];

	snprintf(name, sizeof name, "canary%u", ++shared->connections % 100000000u);
	struct peer_options options = {
	    .name = name,
	    .id = shared->options.next_id(shared->options.arg),
	    .canary = true,
	    .reading = true,
	    .changed = on_change,
	    .arg = asker,
	};
	asker->greeted = !(protocol_of(asker)->offers & PROTOCOL_GREETS);
	asker->reused = false;
	asker->ordinal = 0;
	int r = peer_new(shared->loop, shared->journal, (const struct sockaddr *)&shared->address,
			 shared->options.address_size, &options, &asker->peer, &error);
	if (r < 0)
		broken(asker, r, error.text);
	return r == 0;
}

/* A kept connection may be closed by the target just as the next request leaves: nobody is wrong, once. */
static void retry(struct asker *asker)
{
	if (asker->shared->keep_only) {
		finish(asker, ASK_FORGIVEN, -ECONNRESET);
		return;
	}
	close_connection(asker);
	asker->retried = true;
	asker->requested = asker->sent = false;
	if (open_connection(asker))
		advance(asker);
}

static void connection_ended(struct asker *asker, uint64_t announced)
{
	size_t size = peer_inbox(asker->peer)->size;
	bool reset = peer_state(asker->peer) == PEER_RESET_BY_TARGET;
	char text[96];

	if (!size && asker->reused && !asker->retried) {
		retry(asker);
		return;
	}
	snprintf(text, sizeof text, "the target %s the connection after %zu bytes of the answer",
		 reset ? "reset" : "closed", size);
	missed(asker, -ECONNRESET, size ? PEER_CUT : PEER_UNANSWERED, size, announced, text);
}

static void on_poll(void *arg)
{
	struct asker *asker = arg;

	asker->poll = NULL;
	advance(asker);
}

/* A protocol without requests: the target's accept is all that can be had. Its FIN or reset may be seen here
 * before that. */
static void await_accept(struct asker *asker)
{
	const struct canary_options *options = &asker->shared->options;

	if (!options->accepted || options->accepted(options->arg, peer_port(asker->peer))) {
		served(asker, 0);
		return;
	}
	if (!asker->poll)
		asker->poll = loop_at(asker->shared->loop, clock_now() + ACCEPTED_POLL, on_poll, asker);
	if (!asker->poll)
		broken(asker, -ENOMEM, "out of memory for a timer");
}

static const char *bytes_of(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

static bool pass_greeting(struct asker *asker)
{
	struct buf *inbox = peer_inbox(asker->peer);

	if (asker->greeted)
		return true;
	struct buf why = {0};
	int64_t n = 0;
	if (inbox->size)
		n = protocol_of(asker)->greeting(protocol_of(asker), bytes_of(inbox), inbox->size, &why);
	if (n > 0) {
		asker->greeted = true;
		buf_consume(inbox, (size_t)n);
	} else if (n == -EBADMSG) {
		wrong(asker, why.size ? why.data : "a wrong greeting");
	} else if (n < 0) {
		broken(asker, (int)n, why.size ? why.data : "the greeting could not be checked");
	} else if (peer_ended(asker->peer)) {
		connection_ended(asker, 0);
	}
	buf_free(&why);
	return n > 0;
}

static int send_request(struct asker *asker)
{
	struct ask_shared *shared = asker->shared;
	struct buf out = {0};

	/* Of fixed length, so that no token is the beginning of another. */
	snprintf(asker->token, sizeof asker->token, "w%06x%08x", shared->token_seed,
		 (unsigned)++shared->tokens);
	asker->kind = asker->keeps ? REQUEST_WHOLE : REQUEST_LAST;
	asker->requested = true;
	int r = protocol_of(asker)->request(protocol_of(asker), asker->kind, asker->token, 0, &out);
	if (r >= 0)
		r = peer_send(asker->peer, out.data, out.size);
	buf_free(&out);
	return r < 0 ? r : 0;
}

static bool pass_request(struct asker *asker)
{
	int r = asker->requested ? 0 : send_request(asker);

	if (r < 0 && r != -EPIPE) {
		broken(asker, r, "the request could not be made");
		return false;
	}
	if (r == 0 && !asker->sent && !peer_unsent(asker->peer) && !peer_ended(asker->peer)) {
		asker->sent = true;
		peer_note(asker->peer, PEER_REQUEST, asker->ordinal + 1, 0, 0, asker->token);
	}
	return true;
}

static void await_answer(struct asker *asker)
{
	const struct protocol *protocol = protocol_of(asker);
	const struct buf *inbox = peer_inbox(asker->peer);
	bool ended = peer_ended(asker->peer), closed = peer_state(asker->peer) == PEER_TARGET_CLOSED && ended;
	uint64_t announced = 0;
	struct buf why = {0};
	int64_t n = 0;

	if (inbox->size)
		n = protocol->answer(protocol, asker->kind, asker->token, 0, bytes_of(inbox), inbox->size,
				     closed, &announced, &why);
	if (n > 0 && (size_t)n < inbox->size)
		unasked(asker, (size_t)n, "behind the answer");
	else if (n > 0)
		served(asker, (uint64_t)n);
	else if (n == -EBADMSG)
		wrong(asker, why.size ? why.data : "a wrong answer");
	else if (n < 0)
		broken(asker, (int)n, why.size ? why.data : "the answer could not be checked");
	else if (ended)
		connection_ended(asker, announced);
	buf_free(&why);
}

static void advance(struct asker *asker)
{
	enum peer_state state = peer_state(asker->peer);

	if (state == PEER_CONNECTING)
		return;
	if (state == PEER_FAILED) {
		missed(asker, -peer_error(asker->peer), PEER_ACTS, 0, 0, strerror(peer_error(asker->peer)));
		return;
	}
	if (!(protocol_of(asker)->offers & PROTOCOL_REQUEST)) {
		await_accept(asker);
		return;
	}
	if (pass_greeting(asker) && pass_request(asker))
		await_answer(asker);
}

static uint64_t delay_so_far(const struct asker *asker)
{
	const struct canary_options *options = &asker->shared->options;

	return options->delayed ? options->delayed(options->arg) : 0;
}

static void on_patience(void *arg);

/* Whether the machine kept us and the target waiting meanwhile, so that there is more time to wait. */
static bool indulged(struct asker *asker)
{
	const struct canary_options *options = &asker->shared->options;
	uint64_t delay = delay_so_far(asker) - asker->delayed;

	delay = delay < options->indulgence ? delay : options->indulgence;
	if (delay < asker->granted + INDULGENCE_STEP)
		return false;
	asker->granted = delay;
	asker->patience = loop_at(asker->shared->loop, asker->began + options->patience + asker->granted,
				  on_patience, asker);
	return asker->patience != NULL;
}

static void on_patience(void *arg)
{
	struct asker *asker = arg;
	size_t size = peer_inbox(asker->peer)->size;
	char text[96];

	asker->patience = NULL;
	if (indulged(asker))
		return;
	snprintf(text, sizeof text, "%s within %.3f s, %zu bytes received",
		 peer_state(asker->peer) == PEER_CONNECTING ? "no connection" : "no answer",
		 clock_seconds(asker->shared->options.patience + asker->granted), size);
	missed(asker, -ETIMEDOUT, PEER_UNANSWERED, 1, asker->granted, text);
}

void asker_begin(struct asker *asker)
{
	struct loop *loop = asker->shared->loop;

	asker->asking = true;
	asker->requested = asker->sent = asker->retried = false;
	asker->began = clock_now();
	asker->delayed = delay_so_far(asker);
	asker->granted = 0;
	asker->patience = loop_at(loop, asker->began + asker->shared->options.patience, on_patience, asker);
	if (!asker->patience) {
		broken(asker, -ENOMEM, "out of memory for a timer");
		return;
	}
	if (asker->peer)
		peer_look(asker->peer); /* it may be closed since the loop's last turn */
	if (asker->peer && !asker_open(asker))
		close_connection(asker);
	if (!asker->peer) {
		if (open_connection(asker))
			advance(asker);
		return;
	}
	asker->reused = true;
	if (peer_inbox(asker->peer)->size)
		unasked(asker, 0, "between requests");
	else
		advance(asker);
}

bool asker_open(const struct asker *asker)
{
	return asker->peer && peer_state(asker->peer) == PEER_OPEN;
}

void asker_drop(struct asker *asker)
{
	stop_timers(asker);
	asker->asking = false;
	close_connection(asker);
}
