/* SPDX-License-Identifier: MIT */
/* States of TCP sockets. In each, pair[0] is the one that is looked at and pair[1] its peer. */
#include "run/truth_state.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

static int idle(struct stand *stand)
{
	int pair[2], r = stand_tcp_pair(stand, pair);

	stand->fd = r < 0 ? -1 : pair[0];
	return r;
}

static int data(struct stand *stand)
{
	int pair[2], r = stand_tcp_pair(stand, pair);

	if (r == 0)
		r = send_bytes(pair[1], 3);
	if (r == 0)
		r = until_queued(pair[0], 3);
	stand->fd = pair[0];
	return r;
}

static int fin(struct stand *stand)
{
	int pair[2], r = stand_tcp_pair(stand, pair);

	if (r < 0)
		return r;
	stand_close(stand, pair[1]);
	stand->fd = pair[0];
	return until_tcp(pair[0], TCP_CLOSE_WAIT);
}

static int half_close(struct stand *stand)
{
	int pair[2], r = stand_tcp_pair(stand, pair);

	if (r < 0 || shutdown(pair[1], SHUT_WR) < 0)
		return r < 0 ? r : -errno;
	stand->fd = pair[0];
	return until_tcp(pair[0], TCP_CLOSE_WAIT);
}

static int data_fin(struct stand *stand)
{
	int pair[2], r = stand_tcp_pair(stand, pair);

	if (r == 0)
		r = send_bytes(pair[1], 3);
	if (r < 0)
		return r;
	stand_close(stand, pair[1]);
	stand->fd = pair[0];
	return until_tcp(pair[0], TCP_CLOSE_WAIT);
}

static int peer_shut_reading(struct stand *stand)
{
	int pair[2], r = stand_tcp_pair(stand, pair);

	if (r < 0 || shutdown(pair[1], SHUT_RD) < 0)
		return r < 0 ? r : -errno;
	stand->fd = pair[0];
	return 0;
}

static int reset_behind(struct stand *stand, int before)
{
	int pair[2], r = stand_tcp_pair(stand, pair);

	if (r == 0 && before)
		r = send_bytes(pair[1], (size_t)before);
	if (r == 0)
		r = until_queued(pair[0], before);
	if (r == 0)
		r = arm_reset(pair[1]);
	if (r < 0)
		return r;
	stand_close(stand, pair[1]);
	stand->fd = pair[0];
	return until_tcp(pair[0], TCP_CLOSE);
}

static int rst(struct stand *stand)
{
	return reset_behind(stand, 0);
}

static int data_rst(struct stand *stand)
{
	return reset_behind(stand, 3);
}

static int close_unread(struct stand *stand)
{
	int pair[2], r = stand_tcp_pair(stand, pair);

	if (r == 0)
		r = send_bytes(pair[0], 3);
	if (r == 0)
		r = until_queued(pair[1], 3);
	if (r < 0)
		return r;
	stand_close(stand, pair[1]);
	stand->fd = pair[0];
	return until_tcp(pair[0], TCP_CLOSE);
}

static int fin_write_rst(struct stand *stand)
{
	int r = fin(stand);

	if (r == 0)
		r = send_bytes(stand->fd, 3);
	return r < 0 ? r : until_tcp(stand->fd, TCP_CLOSE);
}

static int shut_ours(struct stand *stand, int how)
{
	int r = idle(stand);

	return r == 0 && shutdown(stand->fd, how) < 0 ? -errno : r;
}

static int shut_writing(struct stand *stand)
{
	int r = shut_ours(stand, SHUT_WR);

	return r < 0 ? r : until_tcp(stand->fd, TCP_FIN_WAIT2);
}

static int shut_reading(struct stand *stand)
{
	return shut_ours(stand, SHUT_RD);
}

static int shut_both(struct stand *stand)
{
	int r = shut_ours(stand, SHUT_RDWR);

	return r < 0 ? r : until_tcp(stand->fd, TCP_FIN_WAIT2);
}

static int fin_shut_writing(struct stand *stand)
{
	int r = half_close(stand);

	if (r < 0 || shutdown(stand->fd, SHUT_WR) < 0)
		return r < 0 ? r : -errno;
	return until_tcp(stand->fd, TCP_CLOSE);
}

static int urgent_byte(struct stand *stand, int is_inline)
{
	int pair[2], r = stand_tcp_pair(stand, pair);

	if (r < 0)
		return r;
	stand->fd = pair[0];
	if (setsockopt(pair[0], SOL_SOCKET, SO_OOBINLINE, &is_inline, sizeof is_inline) < 0 ||
	    send(pair[1], "!", 1, MSG_OOB | MSG_NOSIGNAL) != 1)
		return -errno;
	return until_polled(pair[0], POLLPRI);
}

static int urgent(struct stand *stand)
{
	return urgent_byte(stand, 0);
}

static int urgent_inline(struct stand *stand)
{
	return urgent_byte(stand, 1);
}

/* A peer that only stopped reading still lets a probe take bytes now and then; of a deaf one nothing comes
 * back. */
static int stalled(struct stand *stand)
{
	static const int small = 4096;
	int pair[2], r = stand_tcp_pair(stand, pair);

	if (r == 0)
		r = deafen(pair[1]);
	if (r < 0)
		return r;
	stand->fd = pair[0];
	if (setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small) < 0)
		return -errno;
	return fill(pair[0]);
}

static int vanished(struct stand *stand)
{
	int pair[2], r = stand_tcp_pair(stand, pair);

	stand->fd = pair[0];
	return r < 0 ? r : deafen(pair[1]);
}

static int set_tcp(int fd, int option, int value)
{
	return setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value) < 0 ? -errno : 0;
}

static int unacknowledged(struct stand *stand)
{
	int r = vanished(stand);

	if (r == 0)
		r = set_tcp(stand->fd, TCP_USER_TIMEOUT, 1);
	return r < 0 ? r : send_bytes(stand->fd, 3);
}

static int until_dead(struct stand *stand)
{
	return until_tcp(stand->fd, TCP_CLOSE);
}

static int unprobed(struct stand *stand)
{
	static const int on = 1;
	int r = vanished(stand);

	if (r == 0 && setsockopt(stand->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0)
		r = -errno;
	if (r == 0)
		r = set_tcp(stand->fd, TCP_KEEPCNT, 1);
	return r < 0 ? r : set_tcp(stand->fd, TCP_KEEPIDLE, 1);
}

/* Setting the idle time asks the timer to look again: so the interval behind the probe need not pass. */
static int until_probed_dead(struct stand *stand)
{
	int r = until_probed(stand->fd);

	if (r == 0)
		r = set_tcp(stand->fd, TCP_KEEPIDLE, 1);
	return r < 0 ? r : until_dead(stand);
}

static int unconnected(struct stand *stand)
{
	stand->fd = stand_tcp_bound(stand);
	return stand->fd < 0 ? stand->fd : 0;
}

/* A queue of backlog 0 holds one connection; behind it SYNs are dropped. */
static int connecting(struct stand *stand)
{
	int listener = stand_tcp_bound(stand), first;

	if (listener < 0)
		return listener;
	if (listen(listener, 0) < 0)
		return -errno;
	first = stand_tcp_connect(stand, listener);
	if (first < 0)
		return first;
	int r = until_accepting(listener, 1);
	if (r < 0)
		return r;
	stand->fd = stand_tcp_connect(stand, listener);
	return stand->fd < 0 ? stand->fd : until_tcp(stand->fd, TCP_SYN_SENT);
}

static int connected(struct stand *stand)
{
	int listener = stand_tcp_bound(stand);

	if (listener < 0)
		return listener;
	if (listen(listener, 1) < 0)
		return -errno;
	stand->fd = stand_tcp_connect(stand, listener);
	return stand->fd < 0 ? stand->fd : until_tcp(stand->fd, TCP_ESTABLISHED);
}

/* Bound, so nobody else takes the port, and not listening. */
static int refused(struct stand *stand)
{
	int bound = stand_tcp_bound(stand);

	stand->fd = bound < 0 ? bound : stand_tcp_connect(stand, bound);
	return stand->fd < 0 ? stand->fd : until_tcp(stand->fd, TCP_CLOSE);
}

static int listener(struct stand *stand)
{
	stand->fd = stand_tcp_bound(stand);
	if (stand->fd < 0)
		return stand->fd;
	return listen(stand->fd, 4) < 0 ? -errno : 0;
}

static int listener_queue(struct stand *stand)
{
	int r = listener(stand), peer;

	if (r < 0)
		return r;
	peer = stand_tcp_connect(stand, stand->fd);
	return peer < 0 ? peer : until_accepting(stand->fd, 1);
}

static int listener_queue_rst(struct stand *stand)
{
	int r = listener(stand), peer;

	if (r < 0)
		return r;
	peer = stand_tcp_connect(stand, stand->fd);
	r = peer < 0 ? peer : until_accepting(stand->fd, 1);
	if (r == 0)
		r = arm_reset(peer);
	if (r == 0)
		stand_close(stand, peer);
	return r;
}

static int listener_shut(struct stand *stand)
{
	int r = listener(stand);

	return r == 0 && shutdown(stand->fd, SHUT_RDWR) < 0 ? -errno : r;
}

static int below_low_water(struct stand *stand)
{
	static const int low_water = 4;
	int r = data(stand);

	if (r == 0 && setsockopt(stand->fd, SOL_SOCKET, SO_RCVLOWAT, &low_water, sizeof low_water) < 0)
		r = -errno;
	return r;
}

static int below_low_water_fin(struct stand *stand)
{
	static const int low_water = 4;
	int r = data_fin(stand);

	if (r == 0 && setsockopt(stand->fd, SOL_SOCKET, SO_RCVLOWAT, &low_water, sizeof low_water) < 0)
		r = -errno;
	return r;
}

static int shut_writing_fin(struct stand *stand)
{
	int pair[2], r = stand_tcp_pair(stand, pair);

	if (r < 0 || shutdown(pair[0], SHUT_WR) < 0)
		return r < 0 ? r : -errno;
	stand->fd = pair[0];
	r = until_tcp(pair[1], TCP_CLOSE_WAIT);
	if (r < 0)
		return r;
	stand_close(stand, pair[1]);
	return until_tcp(pair[0], TCP_CLOSE); /* TIME_WAIT belongs to nobody */
}

static int urgent_read(struct stand *stand)
{
	char byte;
	int r = urgent(stand);

	return r == 0 && recv(stand->fd, &byte, 1, MSG_OOB) != 1 ? -errno : r;
}

/* So many bytes of the peer's on either side of an urgent one. */
static int urgent_among(struct stand *stand, size_t before, size_t behind)
{
	int pair[2], r = stand_tcp_pair(stand, pair);

	if (r == 0 && before)
		r = send_bytes(pair[1], before);
	if (r == 0 && send(pair[1], "!", 1, MSG_OOB | MSG_NOSIGNAL) != 1)
		r = -errno;
	if (r == 0 && behind)
		r = send_bytes(pair[1], behind);
	if (r == 0)
		r = until_polled(pair[0], POLLPRI);
	if (r == 0)
		r = until_polled(pair[0], POLLIN);
	stand->fd = pair[0];
	return r;
}

static int data_urgent(struct stand *stand)
{
	return urgent_among(stand, 3, 0);
}

static int urgent_data(struct stand *stand)
{
	return urgent_among(stand, 0, 3);
}

static int disconnected(struct stand *stand)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	int r = idle(stand);

	return r == 0 && connect(stand->fd, &nobody, sizeof nobody) < 0 ? -errno : r;
}

static int connecting_shut(struct stand *stand)
{
	int r = connecting(stand);

	return r == 0 && shutdown(stand->fd, SHUT_RDWR) < 0 ? -errno : r;
}

/* What the sender asked to be told of stands in the queue of errors, and is none. */
static int time_stamp(struct stand *stand)
{
	static const int stamps = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
	int r = idle(stand);

	if (r == 0 && setsockopt(stand->fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof stamps) < 0)
		r = -errno;
	if (r == 0)
		r = send_bytes(stand->fd, 3);
	return r < 0 ? r : until_polled(stand->fd, 0);
}

static int listener_deferring(struct stand *stand)
{
	static const int seconds = 10;
	int r = listener(stand), peer;

	if (r == 0 && setsockopt(stand->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds) < 0)
		r = -errno;
	if (r < 0)
		return r;
	peer = stand_tcp_connect(stand, stand->fd);
	return peer < 0 ? peer : until_tcp(peer, TCP_ESTABLISHED);
}

const struct truth_state truth_states_tcp[] = {
    {"idle", idle, NULL},
    {"data", data, NULL},
    {"fin", fin, NULL},
    {"half-close", half_close, NULL},
    {"data-fin", data_fin, NULL},
    {"peer-shut-reading", peer_shut_reading, NULL},
    {"rst", rst, NULL},
    {"close-unread", close_unread, NULL},
    {"data-rst", data_rst, NULL},
    {"fin-write-rst", fin_write_rst, NULL},
    {"shut-writing", shut_writing, NULL},
    {"shut-reading", shut_reading, NULL},
    {"shut-both", shut_both, NULL},
    {"fin-shut-writing", fin_shut_writing, NULL},
    {"urgent", urgent, NULL},
    {"urgent-inline", urgent_inline, NULL},
    {"stalled", stalled, NULL},
    {"vanished", vanished, NULL},
    {"user-timeout", unacknowledged, until_dead},
    {"keepalive-death", unprobed, until_probed_dead},
    {"unconnected", unconnected, NULL},
    {"connecting", connecting, NULL},
    {"connected", connected, NULL},
    {"refused", refused, NULL},
    {"listener", listener, NULL},
    {"listener-queue", listener_queue, NULL},
    {"listener-queue-rst", listener_queue_rst, NULL},
    {"listener-shut", listener_shut, NULL},
    {"listener-deferring", listener_deferring, NULL},
    {"below-low-water", below_low_water, NULL},
    {"below-low-water-fin", below_low_water_fin, NULL},
    {"shut-writing-fin", shut_writing_fin, NULL},
    {"urgent-read", urgent_read, NULL},
    {"data-urgent", data_urgent, NULL},
    {"urgent-data", urgent_data, NULL},
    {"disconnected", disconnected, NULL},
    {"connecting-shut", connecting_shut, NULL},
    {"time-stamp", time_stamp, NULL},
    {NULL, NULL, NULL},
};
