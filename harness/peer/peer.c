/* SPDX-License-Identifier: MIT */
/* A peer's life: made, connected, asked about, freed. Its bytes are in peer_io.c, its misbehaviour in
 * peer_fault.c. */
#include "peer/peer.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/clock.h"
#include "peer/peer_inner.h"

#define WRONG_WHY   512	 /* of the reason */
#define WRONG_SHOWN 4096 /* of what came instead: enough to tell whose it was */

#define KEEP_DEFAULT ((size_t)64 << 20)

static void append(struct peer *peer, struct event *event)
{
	event->peer = peer->id;
	event->flags = peer->canary ? EVF_CANARY : 0;
	/* A journal that cannot be written tells so itself when it is drained; the peer has nothing to add.
	 */
	(void)journal_append(peer->journal, event);
}

void peer_log_at(struct peer *peer, uint64_t at, enum peer_act act, int64_t ret, uint64_t a0)
{
	struct event event = event_make(EV_PEER, act);

	event.at = at;
	event.ret = ret;
	event.arg[0] = a0;
	append(peer, &event);
}

void peer_log(struct peer *peer, enum peer_act act, int64_t ret, uint64_t a0)
{
	peer_log_at(peer, 0, act, ret, a0);
}

void peer_note(struct peer *peer, enum peer_act act, uint64_t a0, uint64_t a1, uint64_t a2, const char *text)
{
	struct event event = event_make(EV_PEER, act);

	event.arg[0] = a0;
	event.arg[1] = a1;
	event.arg[2] = a2;
	event.data = text;
	event.size = text ? (uint32_t)strlen(text) + 1 : 0;
	append(peer, &event);
}

void peer_note_wrong(struct peer *peer, const char *why)
{
	struct event event = event_make(EV_PEER, PEER_WRONG);
	const struct buf *inbox = peer_inbox(peer);
	size_t length = strlen(why) + 1, most = WRONG_SHOWN;
	char data[WRONG_SHOWN + WRONG_WHY];

	if (length > WRONG_WHY)
		length = WRONG_WHY;
	memcpy(data, why, length);
	data[length - 1] = '\0';
	if (most > inbox->size)
		most = inbox->size;
	if (most)
		memcpy(data + length, inbox->data, most);
	event.data = data;
	event.size = (uint32_t)(length + most);
	append(peer, &event);
}

uint64_t peer_stamp(const struct peer *peer)
{
	uint64_t at = clock_now() - journal_start(peer->journal);

	return at ? at : 1; /* 0 would mean: stamp it yourself */
}

static int refuse_socket(int code, struct error *error)
{
	struct rlimit limit = {0};

	if (code != -EMFILE)
		return error_set(error, code, "socket for a peer: %s", strerror(-code));
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return error_set(
	    error, code,
	    "no fd left for another peer: wringer's own limit of open files is %llu, raise it (ulimit -n)",
	    (unsigned long long)limit.rlim_cur);
}

static void set_options(int fd, const struct peer_options *options)
{
	int one = 1;

	/* What is sent in pieces shall arrive in pieces. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (options->corked)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CORK, &one, sizeof one);
	if (options->receive_buffer)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options->receive_buffer, sizeof(int));
}

static uint16_t local_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof address;

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return 0;
	if (address.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&address)->sin_port);
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return 0;
}

/* Errors by which the other end says no; all others are trouble of our own. */
static bool is_refusal(int code)
{
	return code == ECONNREFUSED || code == ECONNRESET || code == ETIMEDOUT;
}

static void log_connect(struct peer *peer, uint64_t at)
{
	struct event event = event_make(EV_PEER, PEER_CONNECT);

	event.at = at;
	event.arg[0] = peer->port;
	event.data = peer->name;
	event.size = (uint32_t)strlen(peer->name) + 1;
	append(peer, &event);
	if (!peer->reading)
		peer_log(peer, PEER_STALL, 0, 1);
}

static int begin_connect(struct peer *peer, const struct sockaddr *address, socklen_t size,
			 struct error *error)
{
	uint64_t at = peer_stamp(peer);
	int code = connect(peer->fd, address, size) < 0 ? errno : 0;

	if (code && code != EINPROGRESS && !is_refusal(code))
		return error_set(error, -code, "connect of peer %s: %s", peer->name, strerror(code));
	peer->port = local_port(peer->fd);
	log_connect(peer, at);
	if (code == EINPROGRESS ||
	    !code) { /* how it went is for the loop to see, even when it is over already */
		peer_rewatch(peer);
		if (peer->watched)
			return 0;
		peer_shut(peer);
		return error_set(error, -ENOMEM, "peer %s cannot be added to the loop", peer->name);
	}
	peer->failed = true;
	peer->error = code;
	peer_log(peer, PEER_REFUSED, -code, 0);
	peer_shut(peer);
	return 0;
}

int peer_new(struct loop *loop, struct journal *journal, const struct sockaddr *address, socklen_t size,
	     const struct peer_options *options, struct peer **ret_peer, struct error *error)
{
	struct peer *peer = calloc(1, sizeof *peer);

	if (!peer)
		return error_set(error, -ENOMEM, "out of memory for a peer");
	peer->loop = loop;
	peer->journal = journal;
	peer->id = options->id;
	peer->canary = options->canary;
	peer->changed = options->changed;
	peer->arg = options->arg;
	peer->reading = options->reading;
	peer->keep = options->keep ? options->keep : KEEP_DEFAULT;
	peer->connecting = true;
	snprintf(peer->name, sizeof peer->name, "%s", options->name ? options->name : "");
	peer->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r = peer->fd < 0 ? refuse_socket(-errno, error) : 0;
	if (r == 0) {
		set_options(peer->fd, options);
		r = begin_connect(peer, address, size, error);
	}
	if (r < 0) {
		if (peer->fd >= 0)
			close(peer->fd);
		free(peer);
		return r;
	}
	*ret_peer = peer;
	return 0;
}

enum peer_state peer_state(const struct peer *peer)
{
	if (peer->failed)
		return PEER_FAILED;
	if (peer->reset)
		return PEER_RESET_BY_TARGET;
	if (peer->fd < 0)
		return PEER_CLOSED;
	if (peer->connecting)
		return PEER_CONNECTING;
	if (peer->got_fin)
		return PEER_TARGET_CLOSED;
	return peer->half_closed ? PEER_HALF_CLOSED : PEER_OPEN;
}

bool peer_ended(const struct peer *peer)
{
	return peer->got_eof || peer->fd < 0;
}

int peer_error(const struct peer *peer)
{
	return peer->error;
}

int32_t peer_id(const struct peer *peer)
{
	return peer->id;
}

const char *peer_name(const struct peer *peer)
{
	return peer->name;
}

uint16_t peer_port(const struct peer *peer)
{
	return peer->port;
}

uint64_t peer_sent(const struct peer *peer)
{
	return peer->sent;
}

uint64_t peer_unsent(const struct peer *peer)
{
	return peer->outbox.size - peer->out_at;
}

uint64_t peer_unacked(const struct peer *peer)
{
	int bytes = 0;

	if (peer->fd < 0 || ioctl(peer->fd, SIOCOUTQ, &bytes) < 0)
		return 0;
	return (uint64_t)bytes;
}

uint64_t peer_received(const struct peer *peer)
{
	return peer->received;
}

uint64_t peer_dropped(const struct peer *peer)
{
	return peer->dropped;
}

struct buf *peer_inbox(struct peer *peer)
{
	return &peer->inbox;
}

void peer_shut(struct peer *peer)
{
	if (peer->fd < 0)
		return;
	if (peer->watched)
		loop_unwatch(peer->loop, peer->fd);
	peer->watched = false;
	close(peer->fd);
	peer->fd = -1;
	peer->connecting = false;
	buf_free(&peer->outbox);
	peer->out_at = 0;
	peer_log(peer, PEER_GONE, 0, 0);
}

void peer_free(struct peer *peer)
{
	if (!peer)
		return;
	(void)peer_fin(peer);
	peer_shut(peer); /* one that never connected has no FIN to send */
	buf_free(&peer->outbox);
	buf_free(&peer->inbox);
	free(peer);
}
