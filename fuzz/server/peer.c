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
	char name[24];

	peer->fd = kernel_socket(kernel, SIM_PEERS, KERNEL_TCP);
	if (peer->fd < 0)
		return;
	int own = kernel_bind(kernel, SIM_PEERS, peer->fd, 0);
	(void)snprintf(name, sizeof name, peer->canary ? "canary%d" : "c%d", peer->id);
	note(peer, PEER_CONNECT, 0, own < 0 ? 0 : (uint64_t)own, 0, name);
	(void)kernel_connect(kernel, SIM_PEERS, peer->fd, port);
	peer->connecting = true;
	(void)peer_look(peer);
}

static char *token_of(const struct peer *peer, uint32_t serial, char *out, size_t size)
{
	(void)snprintf(out, size, "w%06x%08x", (unsigned)peer->id & 0xffffff, (unsigned)serial);
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

/* Bytes from at on of an echoed request of that size: its token, a blank, letters. At most size of them. */
static size_t echo_bytes(const char *token, uint64_t at, char *out, size_t size)
{
	size_t length = strlen(token) + 1, head = at < length ? length - (size_t)at : 0;

	head = head < size ? head : size;
	for (size_t i = 0; i < head; i++)
		out[i] = at + i + 1 < length ? token[at + i] : ' ';
	if (size > head)
		memcpy(out + head, letters(ECHO_LETTERS) + (at + head - length) % ECHO_LETTERS, size - head);
	return size;
}

static void make_request(struct peer *peer, uint32_t bytes)
{
	struct owed *owed = &peer->owed[(peer->owed_first + peer->owed_count) % OWED_MOST];
	char token[24];

	*owed = (struct owed){.bytes = bytes, .serial = (uint32_t)++peer->ordinal, .ordinal = peer->ordinal};
	(void)token_of(peer, owed->serial, token, sizeof token);
	peer->request_at = 0;
	if (!peer->http) {
		owed->bytes = bytes ? (bytes < ECHO_MOST ? bytes : ECHO_MOST) : 32;
		peer->request_size = owed->bytes;
		return;
	}
	char path[32] = "/";
	if (bytes)
		(void)snprintf(path, sizeof path, "/bytes/%u", bytes);
	peer->request_size =
	    (size_t)snprintf(peer->request, sizeof peer->request,
			     "GET %s HTTP/1.1\r\nHost: w\r\nX-Wringer: %s\r\n\r\n", path, token);
}

/* The next bytes of the request, at most room. */
static size_t request_bytes(const struct peer *peer, char *out, size_t room)
{
	const struct owed *owed = &peer->owed[(peer->owed_first + peer->owed_count) % OWED_MOST];
	size_t left = peer->request_size - peer->request_at, size = left < room ? left : room;
	char token[24];

	if (peer->http) {
		memcpy(out, peer->request + peer->request_at, size);
		return size;
	}
	(void)token_of(peer, owed->serial, token, sizeof token);
	return echo_bytes(token, peer->request_at, out, size);
}

static void asked(struct peer *peer)
{
	struct owed *owed = &peer->owed[(peer->owed_first + peer->owed_count) % OWED_MOST];
	char token[24];

	owed->asked_at = sim_now(peer->sim);
	peer->owed_count++;
	peer->request_size = peer->request_at = 0;
	note(peer, PEER_REQUEST, 0, owed->ordinal, 0, token_of(peer, owed->serial, token, sizeof token));
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
	static char bytes[READ_SIZE];

	while (most && peer->request_at < peer->request_size && peer->fd >= 0) {
		size_t size = request_bytes(peer, bytes, most < sizeof bytes ? most : sizeof bytes);
		int64_t sent = kernel_send(sim_kernel(peer->sim), SIM_PEERS, peer->fd, bytes, size);
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
	char token[24];
	const char *length = strstr(peer->head, "Content-Length: ");

	(void)token_of(peer, owed->serial, token, sizeof token);
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

/* How many of size bytes are what they should be. */
static size_t same(const char *one, const char *other, size_t size)
{
	size_t i = 0;

	if (memcmp(one, other, size) == 0)
		return size;
	while (one[i] == other[i])
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

/* How many of the bytes were used; 0: something was wrong. */
static size_t take_http(struct peer *peer, const char *bytes, size_t size)
{
	size_t used = 0;
	char small[64], token[24];

	while (!peer->in_body && used < size) {
		if (peer->head_size >= sizeof peer->head - 1) {
			wrong(peer, "a head", peer->head, peer->head_size);
			return 0;
		}
		peer->head[peer->head_size++] = bytes[used++];
		peer->head[peer->head_size] = '\0';
		if (peer->head_size < 4 || memcmp(peer->head + peer->head_size - 4, "\r\n\r\n", 4) != 0)
			continue;
		if (!read_head(peer))
			return 0;
	}
	int length = snprintf(small, sizeof small, "hello %s\n",
			      token_of(peer, peer->owed[peer->owed_first].serial, token, sizeof token));
	if (peer->in_body && !peer->owed[peer->owed_first].bytes && peer->body_size != (uint64_t)length) {
		wrong(peer, small, bytes, size);
		return 0;
	}
	if (used == size || !peer->in_body || peer->body_at == peer->body_size)
		return used;
	const char *wanted = peer->owed[peer->owed_first].bytes
				 ? letters(BODY_LETTERS) + peer->body_at % BODY_LETTERS
				 : small + peer->body_at;
	size_t body = take_body(peer, wanted, token, bytes + used, size - used);
	return body ? used + body : 0;
}

static size_t take_echo(struct peer *peer, const char *bytes, size_t size)
{
	static char wanted[READ_SIZE];
	const struct owed *owed = &peer->owed[peer->owed_first];
	char token[24];

	(void)token_of(peer, owed->serial, token, sizeof token);
	peer->in_body = true;
	peer->body_size = owed->bytes;
	(void)echo_bytes(token, peer->body_at, wanted, size < sizeof wanted ? size : sizeof wanted);
	return take_body(peer, wanted, token, bytes, size);
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
	static char bytes[READ_SIZE];

	while (peer->fd >= 0 && !peer->stalled && !peer->got_fin) {
		int64_t got = kernel_receive(sim_kernel(peer->sim), SIM_PEERS, peer->fd, bytes, sizeof bytes);
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
