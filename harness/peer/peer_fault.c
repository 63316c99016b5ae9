/* SPDX-License-Identifier: MIT */
/*
 * The ways a peer ends or misbehaves. Each act is journalled right before the call that carries it out: the
 * target may see the effect, and the watcher may record it, before that call has returned here.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "peer/peer_inner.h"

/* Whether there is a connection to act on, as of now: the loop may not have seen yet that it began or was
 * reset. */
static int usable(struct peer *peer)
{
	struct pollfd now = {.fd = peer->fd, .events = peer->connecting ? POLLOUT : 0};

	if (peer->fd < 0)
		return -ENOTCONN;
	if (poll(&now, 1, 0) > 0) /* POLL* and EPOLL* are the same bits */
		peer_follow(peer, (uint32_t)now.revents & (EPOLLOUT | EPOLLERR | EPOLLHUP));
	return peer->fd < 0 || peer->connecting ? -ENOTCONN : 0;
}

/*
 * shutdown first: its FIN leaves for certain. Bytes that arrive between the last read and close() would make
 * close() send a reset and nothing else.
 */
int peer_fin(struct peer *peer)
{
	int r = usable(peer);

	if (r < 0)
		return r;
	peer_read_all(peer);
	if (peer->fd < 0)
		return -ENOTCONN;
	peer_log(peer, PEER_FIN, 0, 0);
	(void)shutdown(peer->fd, SHUT_WR);
	peer_read_all(peer);
	peer_shut(peer);
	return 0;
}

int peer_half_close(struct peer *peer)
{
	if (peer->half_wanted || peer->half_closed)
		return peer->fd < 0 ? -ENOTCONN : 0;
	int r = usable(peer);
	if (r < 0 && !peer->connecting)
		return r;
	peer->half_wanted = true;
	peer_flush(peer);
	return peer->fd < 0 ? -ENOTCONN : 0;
}

int peer_reset(struct peer *peer)
{
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	int r = usable(peer);

	if (r < 0)
		return r;
	if (setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) < 0)
		return -errno;
	peer_log(peer, PEER_RST, 0, 0);
	peer_shut(peer);
	return 0;
}

int peer_close_unread(struct peer *peer)
{
	int bytes = 0, r = usable(peer);

	if (r < 0)
		return r;
	if (ioctl(peer->fd, SIOCINQ, &bytes) < 0)
		return -errno;
	if (bytes <= 0)
		return -EAGAIN;
	peer_log(peer, PEER_CLOSE_UNREAD, 0, (uint64_t)bytes);
	peer_shut(peer);
	return 0;
}

int peer_vanish(struct peer *peer)
{
	int one = 1, r = usable(peer);

	if (r < 0)
		return r;
	if (setsockopt(peer->fd, IPPROTO_TCP, TCP_REPAIR, &one, sizeof one) < 0)
		return -errno;
	peer_log(peer, PEER_VANISH, 0, 0);
	peer_shut(peer);
	return 0;
}

int peer_stall(struct peer *peer, bool stop)
{
	if (peer->fd < 0)
		return -ENOTCONN;
	if (peer->reading == !stop)
		return 0;
	peer->reading = !stop;
	peer_log(peer, PEER_STALL, 0, stop);
	peer_rewatch(peer);
	return 0;
}

int peer_oob(struct peer *peer, char byte)
{
	int r = usable(peer);

	if (r < 0)
		return r;
	if (peer->half_closed)
		return -ENOTCONN;
	if (peer_unsent(peer))
		return -EAGAIN; /* it would overtake what was queued before it */
	uint64_t at = peer_stamp(peer);
	if (send(peer->fd, &byte, 1, MSG_OOB | MSG_NOSIGNAL) < 0) {
		if (errno == EAGAIN)
			return -EAGAIN;
		peer->error = errno; /* the kernel tells it only once */
		peer_follow(peer, 0);
		return -ENOTCONN;
	}
	peer_log_at(peer, at, PEER_OOB, 0, 0);
	return 0;
}
