/* SPDX-License-Identifier: MIT */
/*
 * TCP, with packets that arrive and are acknowledged at once: FIN_WAIT1, CLOSING, LAST_ACK and TIME_WAIT are
 * passed through before anybody can look. After net/ipv4/tcp.c, tcp_input.c and af_inet.c.
 */
#include "model/kernel_impl.h"

#include <netinet/tcp.h>

/* sk_stream_is_writeable: at least half as much free as is used. */
bool tcp_has_room(const struct sock *sock)
{
	size_t used = sock_in_flight(sock);

	return used < sock->capacity && sock->capacity - used >= used / 2;
}

/* tcp_epollin_ready: as much as SO_RCVLOWAT asks for, or as there may be. */
static bool is_enough(const struct sock *sock, size_t wanted)
{
	return sock->in.size &&
	       (sock->in.size >= wanted || (sock->peer && sock->in.size >= sock->peer->capacity));
}

bool tcp_has_enough(const struct sock *sock)
{
	return is_enough(sock, (size_t)sock->low_water);
}

/* tcp_poll. Learning that there is no room asks to be told when there is. */
uint32_t tcp_poll(struct sock *sock)
{
	uint32_t mask = 0;

	if (sock->state == TCP_LISTEN) /* inet_csk_listen_poll */
		return link_alone(&sock->queue) ? 0 : EPOLLIN | EPOLLRDNORM;
	if (sock->shut == SHUT_BOTH || sock->state == TCP_CLOSE)
		mask |= EPOLLHUP;
	if (sock->shut & SHUT_IN)
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (sock->state != TCP_SYN_SENT) {
		if (is_enough(sock, (size_t)sock->low_water + urgent_is_next(sock)))
			mask |= EPOLLIN | EPOLLRDNORM;
		if (sock->urgent == URGENT_VALID)
			mask |= EPOLLPRI;
		if (sock->shut & SHUT_OUT || tcp_has_room(sock))
			mask |= EPOLLOUT | EPOLLWRNORM;
		else
			sock->nospace = true;
	}
	return sock->error ? mask | EPOLLERR : mask;
}

/* tcp_done, and an end that nobody has open is gone. */
static void done(struct kernel *kernel, struct sock *sock)
{
	if (sock->peer && sock->peer->peer == sock)
		sock->peer->peer = NULL;
	sock->peer = NULL;
	sock->state = TCP_CLOSE;
	sock->shut = SHUT_BOTH;
	sock_wake(kernel, sock, KEY_ALL);
	if (!sock->file && !sock->listener)
		sock_free(kernel, sock);
}

/* tcp_reset: an RST arrives. */
static void reset(struct kernel *kernel, struct sock *sock)
{
	bool orphan = !sock->file && !sock->listener;

	if (sock->state == TCP_CLOSE)
		return;
	sock->error = sock->state == TCP_SYN_SENT     ? ECONNREFUSED
		      : sock->state == TCP_CLOSE_WAIT ? EPIPE
						      : ECONNRESET;
	done(kernel, sock);
	if (!orphan)
		sock_wake(kernel, sock, EPOLLERR); /* sk_error_report */
}

/* tcp_fin: a FIN arrives. Behind our own it ends the connection, for both. */
static void fin(struct kernel *kernel, struct sock *sock)
{
	sock->shut |= SHUT_IN;
	sock->done = true;
	if (sock->state == TCP_FIN_WAIT2) {
		done(kernel, sock);
		return;
	}
	sock->state = TCP_CLOSE_WAIT;
	sock_wake(kernel, sock, KEY_ALL);
}

/* tcp_close_state and tcp_send_fin, and what the acknowledgement does. Returns whether our end is through. */
static bool send_fin(struct kernel *kernel, struct sock *sock)
{
	struct sock *peer = sock->peer;
	bool last = sock->state == TCP_CLOSE_WAIT;

	if (!peer) { /* nobody answers: FIN_WAIT1 for ever */
		sock->state = last ? TCP_LAST_ACK : TCP_FIN_WAIT1;
		return false;
	}
	sock->state = TCP_FIN_WAIT2;
	fin(kernel, peer);
	return last;
}

int tcp_syn(struct kernel *kernel, struct sock *sock)
{
	struct sock *listener = sock_listening(kernel, KIND_TCP, sock->peer_port), *child;

	if (!listener) {
		reset(kernel, sock);
		return 0;
	}
	/* sk_acceptq_is_full; a SYN that is dropped is sent again after 1, 2, 4 … s */
	child = listener->queued > listener->backlog ? NULL : sock_new(kernel, KIND_TCP);
	if (!child) {
		sock->retry_after = sock->retry_after ? sock->retry_after * 2 : 1000000000u;
		sock->retry_at = kernel->now + sock->retry_after;
		kernel->timed = true;
		return 0;
	}
	sock->retry_at = sock->retry_after = 0;
	child->port = listener->port;
	child->linger = listener->linger; /* sk_clone */
	child->inlined = listener->inlined;
	child->low_water = listener->low_water;
	child->listener = listener;
	sock_join(sock, child);
	sock->connected = SS_CONNECTING;
	link_last(&listener->queue, &child->queue);
	listener->queued++;
	sock_wake(kernel, sock, KEY_ALL);    /* tcp_finish_connect */
	sock_wake(kernel, listener, KEY_IN); /* tcp_child_process */
	/* a child is shut down as its parent was before it listened; a FIN that is due goes out at once */
	child->shut = listener->shut;
	if (child->shut & SHUT_OUT)
		(void)send_fin(kernel, child);
	return 0;
}

/* tcp_disconnect. */
static void disconnect(struct kernel *kernel, struct sock *sock);

/* __inet_stream_connect. */
int tcp_connect(struct kernel *kernel, struct sock *sock, int port)
{
	if (sock->connected == SS_CONNECTED)
		return -EISCONN;
	if (sock->connected == SS_DISCONNECTING)
		return -EINVAL;
	if (sock->connected == SS_UNCONNECTED) {
		if (sock->state != TCP_CLOSE)
			return -EISCONN;
		sock->connected = SS_CONNECTING;
		sock->state = TCP_SYN_SENT;
		sock->peer_port = port;
		sock->error = 0; /* tcp_connect_init */
		sock->done = false;
		(void)tcp_syn(kernel, sock);
		return -EINPROGRESS;
	}
	if (sock->state == TCP_SYN_SENT)
		return -EALREADY;
	if (sock->state == TCP_CLOSE) {
		int error = sock_take_error(sock);
		sock->connected = SS_UNCONNECTED;
		disconnect(kernel, sock);
		return error ? error : -ECONNABORTED;
	}
	sock->connected = SS_CONNECTED;
	return 0;
}

/* From here the other end is told at once. */
static void send_reset(struct kernel *kernel, struct sock *sock)
{
	struct sock *peer = sock->peer;

	sock->peer = NULL;
	if (!peer)
		return;
	peer->peer = NULL;
	reset(kernel, peer);
}

/* inet_csk_listen_stop: connections that nobody accepted are reset. */
static void stop_listening(struct kernel *kernel, struct sock *sock)
{
	while (!link_alone(&sock->queue)) {
		struct sock *child = LINK_OF(struct sock, queue, sock->queue.next);
		link_out(&child->queue);
		child->listener = NULL;
		send_reset(kernel, child);
		sock_free(kernel, child);
	}
	sock->queued = 0;
}

static void disconnect(struct kernel *kernel, struct sock *sock)
{
	int state = sock->state;

	if (state == TCP_LISTEN)
		stop_listening(kernel, sock);
	else if (state == TCP_SYN_SENT)
		sock->error = ECONNRESET;
	sock->state = TCP_CLOSE;
	sock->shut = 0;
	sock->done = false;
	sock->urgent = URGENT_NONE;
	sock->retry_at = 0;
	flow_clear(&sock->in);
	sock_wake(kernel, sock, EPOLLERR); /* sk_error_report */
}

/* tcp_rcv_state_process: data for an end that reads no more, behind its own FIN, is answered with RST. */
static bool refuses_data(const struct sock *sock)
{
	return (!sock->file && !sock->listener) ||
	       ((sock->state == TCP_FIN_WAIT1 || sock->state == TCP_FIN_WAIT2) && sock->shut & SHUT_IN);
}

static int send_error(struct sock *sock)
{
	int error = sock_take_error(sock);

	if (error)
		return error;
	return sock->state == TCP_SYN_SENT ? -EAGAIN : -EPIPE;
}

/* tcp_rcv_established: the urgent byte is told at once, all else when it is enough (tcp_data_ready). */
static int arrive(struct kernel *kernel, struct sock *sock, const void *bytes, size_t size, bool urgent)
{
	if (urgent)
		urgent_arrives(sock, bytes, size);
	int r = flow_put(&sock->in, bytes, size);
	if (r < 0)
		return r;
	if (urgent || tcp_has_enough(sock))
		sock_wake(kernel, sock, KEY_IN);
	return 0;
}

/* tcp_sendmsg_locked. */
int64_t tcp_send(struct kernel *kernel, struct sock *sock, const void *bytes, size_t size, bool urgent)
{
	struct sock *peer = sock->peer;
	size_t used = sock_in_flight(sock), room = used < sock->capacity ? sock->capacity - used : 0;
	int r = 0;

	if ((sock->state != TCP_ESTABLISHED && sock->state != TCP_CLOSE_WAIT) || sock->error ||
	    sock->shut & SHUT_OUT)
		return send_error(sock);
	if (!size)
		return 0;
	if (!room) {
		sock->nospace = true;
		return -EAGAIN;
	}
	size = size < room ? size : room;
	if (peer && refuses_data(peer)) {
		if (urgent && peer->file)
			urgent_arrives(peer, bytes, size);
		reset(kernel, peer);
		reset(kernel, sock);
	} else if (peer) {
		r = arrive(kernel, peer, bytes, size, urgent);
	} else {
		sock->unanswered += size;
	}
	return r < 0 ? r : (int64_t)size;
}

/* tcp_recvmsg_locked, when nothing is there. */
static int receive_nothing(struct sock *sock)
{
	if (sock->done)
		return 0;
	if (sock->error)
		return sock_take_error(sock);
	if (sock->shut & SHUT_IN)
		return 0;
	return sock->state == TCP_CLOSE ? -ENOTCONN : -EAGAIN;
}

int64_t tcp_receive(struct kernel *kernel, struct sock *sock, void *ret_bytes, size_t size, bool peek)
{
	if (sock->state == TCP_LISTEN)
		return -ENOTCONN;
	bool empty = !sock->in.size;
	size_t got = urgent_read(sock, ret_bytes, size, peek);
	/* tcp_new_space: the acknowledgement makes room */
	if (!peek && sock->peer && sock->peer->nospace && tcp_has_room(sock->peer)) {
		sock->peer->nospace = false;
		sock_wake(kernel, sock->peer, KEY_OUT);
	}
	return got || (!size && !empty) ? (int64_t)got : receive_nothing(sock);
}

/* inet_shutdown and tcp_shutdown. */
int tcp_shutdown(struct kernel *kernel, struct sock *sock, int how)
{
	int state = sock->state;
	bool through = false;

	if (sock->connected == SS_CONNECTING)
		sock->connected = state == TCP_CLOSE ? SS_DISCONNECTING : SS_CONNECTED;
	if (state == TCP_SYN_SENT || (state == TCP_LISTEN && how & SHUT_IN)) {
		disconnect(kernel, sock);
		sock->connected = SS_UNCONNECTED;
	} else if (state != TCP_LISTEN) {
		sock->shut |= how;
		if (how & SHUT_OUT && (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT))
			through = send_fin(kernel, sock);
	}
	sock_wake(kernel, sock, KEY_ALL);
	if (through)
		done(kernel, sock);
	return state == TCP_CLOSE ? -ENOTCONN : 0;
}

/* __tcp_close. The end may live on without anybody who has it open, until the other end is through too. */
void tcp_close(struct kernel *kernel, struct sock *sock)
{
	bool last = false;

	if (sock->state == TCP_LISTEN) {
		stop_listening(kernel, sock);
	} else if (sock->peer && (sock->in.size || sock->linger)) {
		send_reset(kernel, sock);
	} else if (sock->peer) {
		sock->shut = SHUT_BOTH;
		if (sock->state == TCP_ESTABLISHED || sock->state == TCP_CLOSE_WAIT)
			last = send_fin(kernel, sock);
		if (sock->peer && !last)
			return;
	}
	if (sock->used)
		sock_free(kernel, sock);
}
