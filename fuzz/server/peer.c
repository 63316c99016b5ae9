/* SPDX-License-Identifier: MIT */
#include "fuzz/server/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_SIZE    65536u
#define ECHO_MOST    40000u
#define ECHO_LETTERS 23u
#define BODY_LETTERS 26u
#define TOKEN_TEXT   16u

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

void peer_begin(struct peer *peer, struct sim *sim, bool http, bool canary, int32_t id)
{
	peer->sim = sim;
	peer->http = http;
	peer->canary = canary;
	peer->id = id;
	peer->fd = -1;
	peer->connecting = peer->stalled = peer->half_closed = peer->got_fin = peer->over = peer->confused =
	    false;
	peer->sent = peer->received = peer->ordinal = peer->answered = 0;
	peer->request_size = peer->request_at = 0;
	peer->whole = false;
	peer->owed_first = peer->owed_count = 0;
	peer->head_size = 0;
	peer->body_at = peer->body_size = 0;
	peer->in_body = false;
}

bool peer_there(const struct peer *peer)
{
	return peer->fd >= 0;
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

/* Letters over and over, as many as one call moves and one round more, so that any part is one piece of it.
 */
static const char *letters(unsigned count)
{
	static char made[2][READ_SIZE + 32];
	char *text = made[count == ECHO_LETTERS];

	for (size_t i = 0; !text[0] || (i && i < sizeof made[0]); i++)
		text[i] = (char)('a' + i % count);
	return text;
}

/* An echoed request, as long as they may be: its token, a blank, letters. Until the next one is asked for. */
static const char *echo_bytes(const struct peer *peer, const struct owed *owed)
{
	static char bytes[TOKEN_TEXT + ECHO_MOST];

	if (!bytes[TOKEN_TEXT])
		memcpy(bytes + TOKEN_TEXT, letters(ECHO_LETTERS), ECHO_MOST);
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
	if (peer->fd < 0 || peer->connecting || peer->half_closed)
		return;
	if (!peer->request_size) {
		if (peer->owed_count >= OWED_MOST - 1)
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
	event.arg[1] = peer->body_size + peer->head_size;
	event.arg[2] = event.at - owed->asked_at;
	peer->owed_first = (peer->owed_first + 1) % OWED_MOST;
	peer->owed_count--;
	peer->head_size = 0;
	peer->body_at = peer->body_size = 0;
	peer->in_body = false;
	peer->event(peer->arg, &event);
}

/* The head of an answer is whole: is it ours, and how long is the rest? */
static bool read_head(struct peer *peer)
{
	const struct owed *owed = &peer->owed[peer->owed_first];
	char token[TOKEN_TEXT];
	const char *length = strstr(peer->head, "Content-Length: ");

	(void)token_of(peer, owed->serial, token);
	if (strncmp(peer->head, "HTTP/1.1 200 ", 13) != 0 || !length || !strstr(peer->head, token)) {
		wrong(peer, token, peer->head, peer->head_size);
		return false;
	}
	peer->in_body = true;
	peer->body_size = strtoull(length + 16, NULL, 10);
	if (owed->bytes && peer->body_size != owed->bytes)
		wrong(peer, "another length", peer->head, peer->head_size);
	return !owed->bytes || peer->body_size == owed->bytes;
}

/* How many of size bytes are what they should be. Not by memcmp, which libFuzzer takes over and looks into.
 */
static size_t same(const char *one, const char *other, size_t size)
{
	size_t i = 0;

	for (uint64_t a, b; i + sizeof a <= size; i += sizeof a) {
		memcpy(&a, one + i, sizeof a);
		memcpy(&b, other + i, sizeof b);
		if (a != b)
			break;
	}
	while (i < size && one[i] == other[i])
		i++;
	return i;
}

/* The body of an answer from body_at on. How many bytes belong to it; 0: something was wrong. */
static size_t take_body(struct peer *peer, const char *wanted, const char *token, const char *bytes,
			size_t size)
{
	uint64_t left = peer->body_size - peer->body_at;
	size_t part = size < left ? size : (size_t)left, good = same(bytes, wanted, part);

	peer->body_at += good;
	if (good == part)
		return part;
	wrong(peer, token, bytes + good, size - good);
	return 0;
}

/* Up to the blank line, as far as it has come: how many of the bytes belong to the head; 0: something was
 * wrong. */
static size_t take_head(struct peer *peer, const char *bytes, size_t size)
{
	size_t room = sizeof peer->head - 1 - peer->head_size, before = peer->head_size;
	size_t from = before > 3 ? before - 3 : 0;

	size = size < room ? size : room;
	memcpy(peer->head + before, bytes, size);
	const char *end = memmem(peer->head + from, before + size - from, "\r\n\r\n", 4);
	peer->head_size = end ? (size_t)(end - peer->head) + 4 : before + size;
	peer->head[peer->head_size] = '\0';
	if (end)
		return read_head(peer) ? peer->head_size - before : 0;
	if (size < room)
		return size;
	wrong(peer, "a head", peer->head, peer->head_size);
	return 0;
}

/* How many of the bytes were used; 0: something was wrong. */
static size_t take_http(struct peer *peer, const char *bytes, size_t size)
{
	size_t used = peer->in_body ? 0 : take_head(peer, bytes, size);
	char small[64], token[TOKEN_TEXT];

	if (!peer->in_body)
		return used;
	(void)token_of(peer, peer->owed[peer->owed_first].serial, token);
	size_t length = (size_t)(put_text(put_text(put_text(small, "hello "), token), "\n") - small);
	if (!peer->owed[peer->owed_first].bytes && peer->body_size != length) {
		wrong(peer, small, bytes, size);
		return 0;
	}
	if (used == size || peer->body_at == peer->body_size)
		return used;
	const char *wanted = peer->owed[peer->owed_first].bytes
				 ? letters(BODY_LETTERS) + peer->body_at % BODY_LETTERS
				 : small + peer->body_at;
	size_t body = take_body(peer, wanted, token, bytes + used, size - used);
	return body ? used + body : 0;
}

static size_t take_echo(struct peer *peer, const char *bytes, size_t size)
{
	const struct owed *owed = &peer->owed[peer->owed_first];
	char token[TOKEN_TEXT];

	(void)token_of(peer, owed->serial, token);
	peer->in_body = true;
	peer->body_size = owed->bytes;
	return take_body(peer, echo_bytes(peer, owed) + peer->body_at, token, bytes, size);
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
		if (peer->in_body && peer->body_at == peer->body_size && peer->owed_count)
			answered(peer);
	}
}

static void ended(struct peer *peer)
{
	bool begun = peer->head_size || peer->body_at;

	if (!peer->owed_count)
		return;
	note(peer, begun ? PEER_CUT : PEER_UNANSWERED, 0, begun ? peer->head_size + peer->body_at : 0,
	     begun && peer->in_body ? peer->head_size + peer->body_size : 0, NULL);
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
			ended(peer);
			got_reset(peer, got);
		} else if (got == 0) {
			peer->got_fin = peer->over = true;
			note(peer, PEER_GOT_FIN, 0, 0, 0, NULL);
			ended(peer);
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

void peer_give_up(struct peer *peer)
{
	note(peer, PEER_UNANSWERED, 0, 1, 0, NULL);
	peer->owed_count = 0;
	peer->over = true;
}
