/* SPDX-License-Identifier: MIT */
/*
 * A peer's bytes, and what the kernel says about its socket.
 *
 * The loop is level-triggered, so interest is dropped as soon as a report would only repeat itself: IN after
 * the end was read, RDHUP once it is known, and the whole registration when both directions are shut down,
 * since HUP cannot be masked.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "peer/peer_inner.h"

#define CHUNK	 65536
#define TURN	 16 /* reads or writes before the other peers get theirs */
#define READ_ALL 4096

static uint32_t wanted(const struct peer *peer)
{
	uint32_t events = 0;

	if (peer->connecting)
		return EPOLLOUT;
	if (peer->reading && !peer->got_eof)
		events |= EPOLLIN;
	if (!peer->reading && !peer->got_fin)
		events |= EPOLLRDHUP;
	if (peer_unsent(peer))
		events |= EPOLLOUT;
	return events;
}

static void ready(void *arg, uint32_t events)
{
	struct peer *peer = arg;

	peer_follow(peer, events);
	if (peer->changed)
		peer->changed(peer->arg); /* may free it */
}

void peer_rewatch(struct peer *peer)
{
	if (peer->fd < 0)
		return;
	uint32_t events = wanted(peer);
	bool deaf = !events && (peer->muted || (peer->got_fin && peer->half_closed));

	if (deaf && peer->watched)
		loop_unwatch(peer->loop, peer->fd);
	if (deaf)
		peer->watched = false;
	else if (peer->watched)
		(void)loop_change(peer->loop, peer->fd, events);
	else
		peer->watched = loop_watch(peer->loop, peer->fd, events, ready, peer) == 0;
}

static int socket_error(int fd)
{
	int code = 0;
	socklen_t size = sizeof code;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0 ? errno : code;
}

static void was_reset(struct peer *peer)
{
	peer->reset = true;
	peer_log(peer, PEER_GOT_RST, -peer->error, 0);
	peer_shut(peer);
}

static void saw_fin(struct peer *peer)
{
	if (peer->got_fin)
		return;
	peer->got_fin = true;
	peer_log(peer, PEER_GOT_FIN, 0, 0);
}

static void take_in(struct peer *peer, const char *data, size_t size)
{
	size_t room = peer->inbox.size < peer->keep ? peer->keep - peer->inbox.size : 0;
	size_t kept = size < room ? size : room;

	if (kept && buf_append(&peer->inbox, data, kept) < 0)
		kept = 0;
	peer->dropped += size - kept;
	peer->received += size;
}

/* One read. True when another may bring more. */
static bool read_once(struct peer *peer)
{
	char chunk[CHUNK];
	uint64_t at = peer_stamp(peer);
	ssize_t n = recv(peer->fd, chunk, sizeof chunk, 0);

	if (n > 0) {
		take_in(peer, chunk, (size_t)n);
		peer_log_at(peer, at, PEER_RECV, n, peer->received);
		return true;
	}
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno != EAGAIN)
		peer->error = errno;
	if (peer->error) /* found here, or before: then the kernel has told it already and shows a plain end
			    now */
		was_reset(peer);
	else if (n == 0) {
		peer->got_eof = true;
		saw_fin(peer);
	}
	return false;
}

static void read_some(struct peer *peer, int most)
{
	while (most-- && read_once(peer))
		;
}

void peer_read_all(struct peer *peer)
{
	if (!peer->got_eof)
		read_some(peer, READ_ALL);
}

static void finish_connect(struct peer *peer)
{
	int code = socket_error(peer->fd);

	peer->error = code;
	peer->connecting = false;
	if (!code || code == ECONNRESET || code == EPIPE) { /* these two come after the handshake only */
		peer_log(peer, PEER_CONNECTED, 0, 0);
		return;
	}
	peer->failed = true;
	peer_log(peer, PEER_REFUSED, -code, 0);
	peer_shut(peer);
}

/* A dead socket: what had arrived is still there to be read, for those who read. */
static void bury(struct peer *peer)
{
	if (peer->reading)
		read_some(peer, READ_ALL);
	if (peer->fd >= 0)
		was_reset(peer);
}

void peer_follow(struct peer *peer, uint32_t events)
{
	if (peer->connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		finish_connect(peer);
	else if (events & EPOLLERR)
		peer->error = socket_error(peer->fd);
	if (peer->fd < 0 || peer->connecting)
		return;
	if (peer->error) {
		bury(peer);
		return;
	}
	if (peer->reading && !peer->got_eof && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)))
		read_some(peer, TURN);
	else if (events & EPOLLRDHUP)
		saw_fin(peer);
	if (peer->fd >= 0)
		peer_flush(peer);
	if (peer->fd >= 0 && (events & (EPOLLERR | EPOLLHUP)) && peer_ended(peer))
		peer->muted = true;
	peer_rewatch(peer);
}

void peer_look(struct peer *peer)
{
	struct pollfd now = {.fd = peer->fd,
			     .events = (short)wanted(peer)}; /* POLL* and EPOLL* are the same bits */

	if (peer->fd >= 0 && poll(&now, 1, 0) > 0)
		peer_follow(peer, (uint32_t)now.revents);
}

/* One write. True when the kernel may take more. */
static bool send_once(struct peer *peer)
{
	uint64_t at = peer_stamp(peer);
	ssize_t n = send(peer->fd, peer->outbox.data + peer->out_at, peer_unsent(peer), MSG_NOSIGNAL);

	if (n > 0) {
		peer->out_at += (size_t)n;
		peer->sent += (uint64_t)n;
		peer_log_at(peer, at, PEER_SEND, n, peer->sent);
		return true;
	}
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno != EAGAIN) {
		peer->error = errno;
		bury(peer);
	}
	return false;
}

static void half_close_now(struct peer *peer)
{
	peer->half_closed = true;
	peer->half_wanted = false;
	peer_log(peer, PEER_HALF_CLOSE, 0, 0);
	/* It fails when the target has just reset: the loop reports that as what it is. */
	(void)shutdown(peer->fd, SHUT_WR);
}

void peer_flush(struct peer *peer)
{
	if (peer->connecting)
		return;
	for (int i = 0; i < TURN && peer_unsent(peer); i++)
		if (!send_once(peer))
			break;
	if (peer->fd < 0)
		return;
	if (!peer_unsent(peer)) {
		buf_clear(&peer->outbox);
		peer->out_at = 0;
		if (peer->half_wanted)
			half_close_now(peer);
	}
	peer_rewatch(peer);
}

int peer_send(struct peer *peer, const void *data, size_t size)
{
	if (peer->fd < 0 || peer->half_wanted || peer->half_closed)
		return -EPIPE;
	if (peer->out_at >
	    peer->outbox.size / 2) { /* so that what was sent long ago does not stay in memory */
		buf_consume(&peer->outbox, peer->out_at);
		peer->out_at = 0;
	}
	int r = buf_append(&peer->outbox, data, size);
	if (r < 0)
		return r;
	peer_flush(peer);
	return peer->fd < 0 ? -EPIPE : 0;
}
