/* SPDX-License-Identifier: MIT */
/* States of UNIX and UDP sockets. */
#include "run/truth_state.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>

static int look_at(struct stand *stand, int fd)
{
	stand->fd = fd;
	return fd < 0 ? fd : 0;
}

static int unix_idle(struct stand *stand)
{
	int pair[2], r = stand_unix_pair(stand, pair);

	return r < 0 ? r : look_at(stand, pair[0]);
}

/* The peer sends so many bytes, is sent so many, and closes or not. */
static int unix_after(struct stand *stand, size_t by_peer, size_t to_peer, bool closes)
{
	int pair[2], r = stand_unix_pair(stand, pair);

	if (r == 0 && by_peer)
		r = send_bytes(pair[1], by_peer);
	if (r == 0 && to_peer)
		r = send_bytes(pair[0], to_peer);
	if (r < 0)
		return r;
	if (closes)
		stand_close(stand, pair[1]);
	return look_at(stand, pair[0]);
}

static int unix_data(struct stand *stand)
{
	return unix_after(stand, 3, 0, false);
}

static int unix_closed(struct stand *stand)
{
	return unix_after(stand, 0, 0, true);
}

static int unix_data_closed(struct stand *stand)
{
	return unix_after(stand, 3, 0, true);
}

static int unix_closed_unread(struct stand *stand)
{
	return unix_after(stand, 0, 3, true);
}

static int unix_half_close(struct stand *stand)
{
	int pair[2], r = stand_unix_pair(stand, pair);

	if (r < 0 || shutdown(pair[1], SHUT_WR) < 0)
		return r < 0 ? r : -errno;
	return look_at(stand, pair[0]);
}

static int unix_shut_both(struct stand *stand)
{
	int r = unix_idle(stand);

	return r == 0 && shutdown(stand->fd, SHUT_RDWR) < 0 ? -errno : r;
}

static int unix_stalled(struct stand *stand)
{
	int r = unix_idle(stand);

	return r < 0 ? r : fill(stand->fd);
}

static int unix_unconnected(struct stand *stand)
{
	return look_at(stand, stand_hold(stand, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
}

/* An address of two bytes only: the kernel picks a name that is no file. */
static int unix_listener(struct stand *stand)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r = unix_unconnected(stand);

	if (r == 0 && (bind(stand->fd, (struct sockaddr *)&address, sizeof address.sun_family) < 0 ||
		       listen(stand->fd, 4) < 0))
		r = -errno;
	return r;
}

static int unix_listener_queue(struct stand *stand)
{
	struct sockaddr_un address;
	socklen_t size = sizeof address;
	int r = unix_listener(stand), peer;

	if (r < 0)
		return r;
	peer = stand_hold(stand, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (peer < 0)
		return peer;
	if (getsockname(stand->fd, (struct sockaddr *)&address, &size) < 0 ||
	    connect(peer, (struct sockaddr *)&address, size) < 0)
		return -errno;
	return 0;
}

static int udp_idle(struct stand *stand)
{
	int pair[2], r = stand_udp_pair(stand, pair);

	return r < 0 ? r : look_at(stand, pair[1]);
}

static int udp_data(struct stand *stand)
{
	int pair[2], r = stand_udp_pair(stand, pair);

	if (r == 0)
		r = send_bytes(pair[0], 3);
	if (r == 0)
		r = until_queued(pair[1], 3);
	return r < 0 ? r : look_at(stand, pair[1]);
}

/* The port stays taken; but a socket that is connected to itself hears no other. */
static int udp_unreachable(struct stand *stand)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof address;
	int pair[2], r = stand_udp_pair(stand, pair);

	if (r < 0)
		return r;
	if (getsockname(pair[1], (struct sockaddr *)&address, &size) < 0 ||
	    connect(pair[1], (struct sockaddr *)&address, size) < 0)
		return -errno;
	r = send_bytes(pair[0], 3);
	if (r == 0)
		r = until_polled(pair[0], 0);
	return r < 0 ? r : look_at(stand, pair[0]);
}

static int unix_shut(struct stand *stand, bool by_peer, int how)
{
	int pair[2], r = stand_unix_pair(stand, pair);

	if (r < 0 || shutdown(pair[by_peer], how) < 0)
		return r < 0 ? r : -errno;
	return look_at(stand, pair[0]);
}

static int unix_shut_reading(struct stand *stand)
{
	return unix_shut(stand, false, SHUT_RD);
}

static int unix_shut_writing(struct stand *stand)
{
	return unix_shut(stand, false, SHUT_WR);
}

static int unix_peer_shut_reading(struct stand *stand)
{
	return unix_shut(stand, true, SHUT_RD);
}

static int unix_urgent(struct stand *stand)
{
	int pair[2], r = stand_unix_pair(stand, pair);

	if (r < 0 || send(pair[1], "!", 1, MSG_OOB | MSG_NOSIGNAL) < 0)
		return r < 0 ? r : -errno;
	return look_at(stand, pair[0]);
}

static int unix_listener_shut(struct stand *stand)
{
	int r = unix_listener(stand);

	return r == 0 && shutdown(stand->fd, SHUT_RDWR) < 0 ? -errno : r;
}

/* Two of those that keep messages apart: the peer sends so many, is sent so many, and closes or not. */
static int messages(struct stand *stand, int type, int by_peer, int to_peer, bool closes)
{
	int pair[2], r = socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;

	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++)
		pair[i] = stand_hold(stand, pair[i]);
	for (; by_peer && r == 0; by_peer--)
		r = send_bytes(pair[1], 3);
	for (; to_peer && r == 0; to_peer--)
		r = send_bytes(pair[0], 3);
	if (closes)
		stand_close(stand, pair[1]);
	return r < 0 ? r : look_at(stand, pair[0]);
}

static int seqpacket_idle(struct stand *stand)
{
	return messages(stand, SOCK_SEQPACKET, 0, 0, false);
}

static int seqpacket_data(struct stand *stand)
{
	return messages(stand, SOCK_SEQPACKET, 2, 0, false);
}

static int seqpacket_closed(struct stand *stand)
{
	return messages(stand, SOCK_SEQPACKET, 0, 0, true);
}

static int seqpacket_closed_unread(struct stand *stand)
{
	return messages(stand, SOCK_SEQPACKET, 0, 1, true);
}

static int seqpacket_unconnected(struct stand *stand)
{
	return look_at(stand, stand_hold(stand, socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)));
}

static int datagram_idle(struct stand *stand)
{
	return messages(stand, SOCK_DGRAM, 0, 0, false);
}

static int datagram_data(struct stand *stand)
{
	return messages(stand, SOCK_DGRAM, 2, 0, false);
}

static int datagram_closed(struct stand *stand)
{
	return messages(stand, SOCK_DGRAM, 0, 0, true);
}

static int datagram_closed_unread(struct stand *stand)
{
	return messages(stand, SOCK_DGRAM, 0, 1, true);
}

static int datagram_unconnected(struct stand *stand)
{
	return look_at(stand, stand_hold(stand, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
}

/* One that sends to a name whose holder does not read: what counts there are messages. */
static int datagram_queue_full(struct stand *stand)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t size = sizeof address.sun_family;
	int reader, r = datagram_unconnected(stand);

	reader = stand_hold(stand, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	if (r < 0 || reader < 0)
		return r < 0 ? r : reader;
	if (bind(reader, (struct sockaddr *)&address, size) < 0)
		return -errno;
	size = sizeof address;
	if (getsockname(reader, (struct sockaddr *)&address, &size) < 0 ||
	    connect(stand->fd, (struct sockaddr *)&address, size) < 0)
		return -errno;
	while (send(stand->fd, "a", 1, MSG_DONTWAIT) > 0)
		;
	return errno == EAGAIN ? 0 : -errno;
}

static int udp_empty(struct stand *stand)
{
	int pair[2], r = stand_udp_pair(stand, pair);

	if (r == 0 && send(pair[0], "", 0, 0) < 0)
		r = -errno;
	if (r == 0)
		r = until_polled(pair[1], POLLIN);
	return r < 0 ? r : look_at(stand, pair[1]);
}

static int udp_shut(struct stand *stand, int how)
{
	int pair[2], r = stand_udp_pair(stand, pair);

	if (r < 0 || shutdown(pair[0], how) < 0)
		return r < 0 ? r : -errno;
	return look_at(stand, pair[0]);
}

static int udp_shut_reading(struct stand *stand)
{
	return udp_shut(stand, SHUT_RD);
}

static int udp_shut_both(struct stand *stand)
{
	return udp_shut(stand, SHUT_RDWR);
}

/* The same as unreachable, for one that keeps such errors with what caused them. */
static int udp_error_queue(struct stand *stand)
{
	static const int on = 1;
	struct sockaddr_storage address;
	socklen_t size = sizeof address;
	int pair[2], r = stand_udp_pair(stand, pair);

	if (r < 0)
		return r;
	if (setsockopt(pair[0], IPPROTO_IP, IP_RECVERR, &on, sizeof on) < 0 ||
	    getsockname(pair[1], (struct sockaddr *)&address, &size) < 0 ||
	    connect(pair[1], (struct sockaddr *)&address, size) < 0)
		return -errno;
	r = send_bytes(pair[0], 3);
	if (r == 0)
		r = until_polled(pair[0], 0);
	return r < 0 ? r : look_at(stand, pair[0]);
}

const struct truth_state truth_states_sockets[] = {
    {"unix-idle", unix_idle, NULL},
    {"unix-data", unix_data, NULL},
    {"unix-closed", unix_closed, NULL},
    {"unix-data-closed", unix_data_closed, NULL},
    {"unix-closed-unread", unix_closed_unread, NULL},
    {"unix-half-close", unix_half_close, NULL},
    {"unix-shut-both", unix_shut_both, NULL},
    {"unix-stalled", unix_stalled, NULL},
    {"unix-unconnected", unix_unconnected, NULL},
    {"unix-listener", unix_listener, NULL},
    {"unix-listener-queue", unix_listener_queue, NULL},
    {"udp-idle", udp_idle, NULL},
    {"udp-data", udp_data, NULL},
    {"udp-unreachable", udp_unreachable, NULL},
    {"unix-shut-reading", unix_shut_reading, NULL},
    {"unix-shut-writing", unix_shut_writing, NULL},
    {"unix-peer-shut-reading", unix_peer_shut_reading, NULL},
    {"unix-urgent", unix_urgent, NULL},
    {"unix-listener-shut", unix_listener_shut, NULL},
    {"seqpacket-idle", seqpacket_idle, NULL},
    {"seqpacket-data", seqpacket_data, NULL},
    {"seqpacket-closed", seqpacket_closed, NULL},
    {"seqpacket-closed-unread", seqpacket_closed_unread, NULL},
    {"seqpacket-unconnected", seqpacket_unconnected, NULL},
    {"datagram-idle", datagram_idle, NULL},
    {"datagram-data", datagram_data, NULL},
    {"datagram-closed", datagram_closed, NULL},
    {"datagram-closed-unread", datagram_closed_unread, NULL},
    {"datagram-unconnected", datagram_unconnected, NULL},
    {"datagram-queue-full", datagram_queue_full, NULL},
    {"udp-empty", udp_empty, NULL},
    {"udp-shut-reading", udp_shut_reading, NULL},
    {"udp-shut-both", udp_shut_both, NULL},
    {"udp-error-queue", udp_error_queue, NULL},
    {NULL, NULL, NULL},
};
