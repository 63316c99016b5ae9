/* SPDX-License-Identifier: MIT */
#include "fuzz/server/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz/server/pattern.h"

#define READ_SIZE  PATTERN_SIZE
#define ECHO_MOST  40000u
#define TOKEN_TEXT 16u

static void note(struct peer *peer, enum peer_act act, int64_t ret, uint64_t a0, uint64_t a1,
		 const char *text)
{
	struct event event = event_make(EV_PEER, act);

	event.at = sim_now(peer->sim);
	event.peer = peer->id;
	event.flags = peer->canary ? EVF_CANARY : 0;
	event.ret = ret;
	event.arg[0] = a0;
	event.arg[1] = a1;
	event.data = text;
	event.size = text ? (uint32_t)strlen(text) + 1 : 0;
	peer->event(peer->arg, &event);
}

void peer_begin(struct peer *peer, struct sim *sim, bool http, struct http_manners *manners, bool canary,
		int32_t id)
{
	peer->sim = sim;
	peer->http = http;
	peer->manners = manners;
	peer->canary = canary;
	peer->id = id;
	peer->fd = -1;
	peer->connecting = peer->stalled = peer->half_closed = peer->got_fin = peer->over = peer->confused =
	    peer->urgent = false;
	peer->sent = peer->received = peer->ordinal = peer->answered = 0;
	peer->request_size = peer->request_at = 0;
	peer->whole = false;
	peer->owed_first = peer->owed_count = 0;
	peer->echoed = 0;
	http_begin(&peer->answer);
}

bool peer_there(const struct peer *peer)
{
	return peer->fd >= 0;
}

bool peer_may_ask(const struct peer *peer)
{
	return peer->fd >= 0 && !peer->over && !peer->answer.goodbye;
}

/* snprintf would cost more than the server does. Each returns the end of what it put, without a 0 there. */
static char *put_text(char *out, const char *text)
{
	size_t length = strlen(text);

	memcpy(out, text, length + 1);
	return out + length;
}

static char *put_number(char *out, uint32_t number)
{
	char digits[10];
	size_t count = 0;

	do
		digits[count++] = (char)('0' + number % 10);
	while (number /= 10);
	while (count)
		*out++ = digits[--count];
	return out;
}

static void put_hex(char *out, uint32_t number, unsigned digits)
{
	for (; digits; digits--, number >>= 4)
		out[digits - 1] = "0123456789abcdef"[number & 15];
}

static void gone(struct peer *peer)
{
	if (peer->fd < 0)
		return;
	(void)kernel_close(sim_kernel(peer->sim), SIM_PEERS, peer->fd);
	peer->fd = -1;
	note(peer, PEER_GONE, 0, 0, 0, NULL);
}

void peer_connect(struct peer *peer, int port)
{
	struct kernel *kernel = sim_kernel(peer->sim);
	char name[24], *end = put_text(name, peer->canary ? "canary" : "c");

	peer->fd = kernel_socket(kernel, SIM_PEERS, KERNEL_TCP);
	if (peer->fd < 0)
		return;
	int own = kernel_bind(kernel, SIM_PEERS, peer->fd, 0);
	*put_number(end, (uint32_t)peer->id) = '\0';
	note(peer, PEER_CONNECT, 0, own < 0 ? 0 : (uint64_t)own, 0, name);
	(void)kernel_connect(kernel, SIM_PEERS, peer->fd, port);
	peer->connecting = true;
	(void)peer_look(peer);
}

static char *token_of(const struct peer *peer, uint32_t serial, char out[TOKEN_TEXT])
{
	out[0] = 'w';
	put_hex(out + 1, (uint32_t)peer->id, 6);
	put_hex(out + 7, serial, 8);
	out[TOKEN_TEXT - 1] = '\0';
	return out;
}

/* An echoed request, as long as they may be: its token, a blank, letters. Until the next one is asked for. */
static const char *echo_bytes(const struct peer *peer, const struct owed *owed)
{
	static char bytes[TOKEN_TEXT + ECHO_MOST];

	if (!bytes[TOKEN_TEXT])
		memcpy(bytes + TOKEN_TEXT, pattern_letters(PATTERN_ECHO), ECHO_MOST);
	(void)token_of(peer, owed->serial, bytes);
	bytes[TOKEN_TEXT - 1] = ' ';
	return bytes;
}

static void make_request(struct peer *peer, uint32_t bytes)
{
	struct owed *owed = &peer->owed[(peer->owed_first + peer->owed_count) % OWED_MOST];
	char token[TOKEN_TEXT];

	*owed = (struct owed){.bytes = bytes, .serial = (uint32_t)++peer->ordinal, .ordinal = peer->ordinal};
	(void)token_of(peer, owed->serial, token);
	peer->request_at = 0;
	if (!peer->http) {
		owed->bytes = bytes ? (bytes < ECHO_MOST ? bytes : ECHO_MOST) : 32;
		peer->request_size = owed->bytes;
		return;
	}
	char *end = put_text(peer->request, bytes ? "GET /bytes/" : "GET /");
	if (bytes)
		end = put_number(end, bytes);
	end = put_text(put_text(end, " HTTP/1.1\r\nHost: w\r\nX-Wringer: "), token);
	peer->request_size = (size_t)(put_text(end, "\r\n\r\n") - peer->request);
}

/* What is left of the request. */
static const char *request_bytes(const struct peer *peer)
{
	const struct owed *owed = &peer->owed[(peer->owed_first + peer->owed_count) % OWED_MOST];

	return (peer->http ? peer->request : echo_bytes(peer, owed)) + peer->request_at;
}

static void asked(struct peer *peer)
{
	struct owed *owed = &peer->owed[(peer->owed_first + peer->owed_count) % OWED_MOST];
	char token[TOKEN_TEXT];

	owed->asked_at = sim_now(peer->sim);
	peer->owed_count++;
	peer->request_size = peer->request_at = 0;
	note(peer, PEER_REQUEST, 0, owed->ordinal, 0, token_of(peer, owed->serial, token));
}

static void got_reset(struct peer *peer, int64_t error)
{
	peer->over = true;
	note(peer, PEER_GOT_RST, error, 0, 0, NULL);
	gone(peer);
}

/* As much of the request as fits, at most most bytes. */
static void send_some(struct peer *peer, size_t most)
{
	while (most && peer->request_at < peer->request_size && peer->fd >= 0) {
		size_t left = peer->request_size - peer->request_at, size = left < most ? left : most;
		int64_t sent =
		    kernel_send(sim_kernel(peer->sim), SIM_PEERS, peer->fd, request_bytes(peer), size);
		if (sent == -EAGAIN)
			return;
		if (sent < 0) {
			got_reset(peer, sent);
			return;
		}
		peer->sent += (uint64_t)sent;
		peer->request_at += (size_t)sent;
		most -= (size_t)sent;
		note(peer, PEER_SEND, sent, peer->sent, 0, NULL);
		if (peer->request_at == peer->request_size)
			asked(peer);
	}
}

void peer_ask(struct peer *peer, uint32_t bytes, size_t most)
{
	if (peer->fd < 0 || peer->connecting || peer->half_closed ||
	    (peer->answer.goodbye && !peer->request_size))
		return;
	if (!peer->request_size) {
		if (peer->owed_count >= (peer->manners->one_by_one ? 1 : OWED_MOST - 1))
			return;
		make_request(peer, bytes);
	}
	peer->whole = most == SIZE_MAX;
	send_some(peer, most);
}

static void wrong(struct peer *peer, const char *expected, const char *received, size_t size)
{
	char text[256];
	int used = snprintf(text, sizeof text, "expected %s, received %.*s", expected,
			    (int)(size < 80 ? size : 80), received);
	struct event event = event_make(EV_PEER, PEER_WRONG);
	char whole[512];
	size_t head = (size_t)(used < (int)sizeof text ? used : (int)sizeof text - 1) + 1;
	size_t part = size < sizeof whole - head ? size : sizeof whole - head;

	memcpy(whole, text, head);
	memcpy(whole + head, received, part);
	for (size_t i = 0; i + 1 < head; i++)
		whole[i] = (unsigned char)whole[i] < ' ' ? '.' : whole[i];
	event.at = sim_now(peer->sim);
	event.peer = peer->id;
	event.flags = peer->canary ? EVF_CANARY : 0;
	event.data = whole;
	event.size = (uint32_t)(head + part);
	peer->event(peer->arg, &event);
	peer->owed_count = 0;
	peer->confused = true;
}

static void answered(struct peer *peer)
{
	struct owed *owed = &peer->owed[peer->owed_first];
	struct event event = event_make(EV_PEER, PEER_ANSWER);

	event.at = sim_now(peer->sim);
	event.peer = peer->id;
	event.flags = peer->canary ? EVF_CANARY : 0;
	event.arg[0] = ++peer->answered;
	event.arg[1] = peer->http ? peer->answer.head_size + peer->answer.at : owed->bytes;
	event.arg[2] = event.at - owed->asked_at;
	peer->owed_first = (peer->owed_first + 1) % OWED_MOST;
	peer->owed_count--;
	peer->echoed = 0;
	/* Requests behind one whose answer says that it is the last are declined. */
	if (peer->http && peer->answer.goodbye)
		peer->owed_count = 0;
	else if (peer->http)
		http_begin(&peer->answer);
	peer->event(peer->arg, &event);
}

/* How many of the bytes were used; 0: something was wrong. */
static size_t take_http(struct peer *peer, const char *bytes, size_t size)
{
	const struct owed *owed = &peer->owed[peer->owed_first];
	char token[TOKEN_TEXT];
	const struct http_ask ask = {owed->bytes, token_of(peer, owed->serial, token)};
	size_t used = http_take(&peer->answer, peer->manners, &ask, bytes, size);

	if (!used)
		wrong(peer, peer->answer.wrong, peer->answer.part == HTTP_IN_HEAD ? peer->answer.head : bytes,
		      peer->answer.part == HTTP_IN_HEAD ? peer->answer.head_size : size);
	return used;
}

static size_t take_echo(struct peer *peer, const char *bytes, size_t size)
{
	const struct owed *owed = &peer->owed[peer->owed_first];
	uint64_t left = owed->bytes - peer->echoed;
	size_t part = size < left ? size : (size_t)left;
	size_t good = pattern_same(bytes, echo_bytes(peer, owed) + peer->echoed, part);
	char token[TOKEN_TEXT];

	peer->echoed += good;
	if (good == part)
		return part;
	wrong(peer, token_of(peer, owed->serial, token), bytes + good, size - good);
	return 0;
}

/* Whether the oldest answer is whole. */
static bool is_whole(const struct peer *peer)
{
	if (peer->http)
		return peer->answer.part == HTTP_WHOLE;
	return peer->echoed == peer->owed[peer->owed_first].bytes;
}

/* Echo answers while the request is still being sent: that one counts too. */
static bool is_owed(const struct peer *peer)
{
	return peer->owed_count || (!peer->http && peer->request_at > 0);
}

static void take(struct peer *peer, const char *bytes, size_t size)
{
	while (size && !peer->confused) {
		size_t used = 0;
		if (!is_owed(peer)) {
			/* Whoever takes too long over a request may be told so. */
			if (peer->http && size >= 12 && memcmp(bytes, "HTTP/1.1 408", 12) == 0) {
				peer->confused = true;
				return;
			}
			wrong(peer, "nothing", bytes, size);
			return;
		}
		used = peer->http ? take_http(peer, bytes, size) : take_echo(peer, bytes, size);
		if (!used)
			return;
		bytes += used;
		size -= used;
		if (peer->owed_count && is_whole(peer))
			answered(peer);
	}
}

/* Of the oldest answer: bytes that came, and how many it has (0: nobody said). */
static uint64_t bytes_come(const struct peer *peer)
{
	return peer->http ? peer->answer.head_size + peer->answer.at : peer->echoed;
}

static uint64_t bytes_announced(const struct peer *peer)
{
	if (!peer->http)
		return peer->owed[peer->owed_first].bytes;
	return peer->answer.part == HTTP_IN_BODY && peer->answer.size != UINT64_MAX
		   ? peer->answer.head_size + peer->answer.size
		   : 0;
}

/* The connection ended; in an orderly way that may be the end of an answer as well. */
static void ended(struct peer *peer, bool orderly)
{
	const struct owed *owed = &peer->owed[peer->owed_first];
	char token[TOKEN_TEXT];

	if (peer->owed_count && peer->http && orderly) {
		const struct http_ask ask = {owed->bytes, token_of(peer, owed->serial, token)};
		if (http_ended(&peer->answer, peer->manners, &ask))
			answered(peer);
	}
	if (!peer->owed_count)
		return;
	uint64_t come = bytes_come(peer);
	note(peer, come ? PEER_CUT : PEER_UNANSWERED, 0, come, come ? bytes_announced(peer) : 0, NULL);
	peer->owed_count = 0;
}

static void read_all(struct peer *peer)
{
	struct kernel *kernel = sim_kernel(peer->sim);

	while (peer->fd >= 0 && !peer->stalled && !peer->got_fin) {
		const char *bytes = kernel_front(kernel, SIM_PEERS, peer->fd);
		int64_t got = kernel_receive(kernel, SIM_PEERS, peer->fd, NULL, READ_SIZE);
		if (got == -EAGAIN)
			return;
		if (got < 0) {
			ended(peer, false);
			got_reset(peer, got);
		} else if (got == 0) {
			peer->got_fin = peer->over = true;
			note(peer, PEER_GOT_FIN, 0, 0, 0, NULL);
			ended(peer, true);
		} else {
			peer->received += (uint64_t)got;
			note(peer, PEER_RECV, got, peer->received, 0, NULL);
			take(peer, bytes, (size_t)got);
		}
	}
}

bool peer_look(struct peer *peer)
{
	uint64_t moved = peer->sent + peer->received;
	bool told = peer->got_fin || peer->connecting;

	if (peer->fd < 0)
		return false;
	if (peer->connecting) {
		int error = kernel_peer_port(sim_kernel(peer->sim), SIM_PEERS, peer->fd);
		int reason = error < 0 ? kernel_so_error(sim_kernel(peer->sim), SIM_PEERS, peer->fd) : 0;
		if (reason > 0) {
			note(peer, PEER_REFUSED, -reason, 0, 0, NULL);
			peer->over = true;
			gone(peer);
		}
		if (error < 0)
			return false;
		peer->connecting = false;
		note(peer, PEER_CONNECTED, 0, 0, 0, NULL);
	}
	if (peer->whole && !peer->half_closed)
		send_some(peer, SIZE_MAX);
	read_all(peer);
	return peer->sent + peer->received != moved || (peer->got_fin || peer->connecting) != told;
}

void peer_urgent(struct peer *peer)
{
	if (peer->fd < 0 || peer->connecting || peer->half_closed || peer->urgent)
		return;
	peer->urgent = kernel_send_urgent(sim_kernel(peer->sim), SIM_PEERS, peer->fd, "!", 1) == 1;
	if (peer->urgent)
		note(peer, PEER_OOB, 0, 0, 0, NULL);
}

void peer_stall(struct peer *peer, bool stalled)
{
	if (peer->fd < 0 || peer->stalled == stalled)
		return;
	peer->stalled = stalled;
	note(peer, PEER_STALL, 0, stalled, 0, NULL);
}

void peer_end(struct peer *peer, enum peer_act act)
{
	if (peer->fd < 0 || (act == PEER_HALF_CLOSE && (peer->half_closed || peer->connecting)))
		return;
	if (act == PEER_FIN && !peer->stalled)
		read_all(peer);
	if (peer->fd < 0)
		return;
	struct kernel *kernel = sim_kernel(peer->sim);
	int unread = kernel_queued(kernel, SIM_PEERS, peer->fd);
	if (act == PEER_CLOSE_UNREAD && unread <= 0)
		act = PEER_FIN;
	else if (act == PEER_FIN && unread > 0)
		act = PEER_CLOSE_UNREAD;
	note(peer, act, 0, act == PEER_CLOSE_UNREAD ? (uint64_t)unread : 0, 0, NULL);
	if (act == PEER_HALF_CLOSE) {
		peer->half_closed = true;
		(void)kernel_shutdown(kernel, SIM_PEERS, peer->fd, KERNEL_SHUT_WR);
		return;
	}
	if (act == PEER_RST)
		(void)kernel_linger(kernel, SIM_PEERS, peer->fd, true);
	if (act == PEER_VANISH)
		(void)kernel_vanish(kernel, SIM_PEERS, peer->fd);
	gone(peer);
}

bool peer_waits(const struct peer *peer)
{
	return peer->fd >= 0 && !peer->over &&
	       (peer->owed_count || peer->connecting || (peer->request_size && !peer->half_closed));
}

void peer_complain(struct peer *peer, uint64_t patience)
{
	const struct owed *owed = &peer->owed[peer->owed_first];

	if (!peer_waits(peer) || !peer->owed_count || peer->stalled || peer->confused || bytes_come(peer) ||
	    owed->asked_at + patience > sim_now(peer->sim))
		return;
	note(peer, PEER_UNANSWERED, 0, 1, 0, NULL);
}

void peer_give_up(struct peer *peer)
{
	note(peer, PEER_UNANSWERED, 0, 1, 0, NULL);
	peer->owed_count = 0;
	peer->over = true;
}
