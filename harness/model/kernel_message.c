/* SPDX-License-Identifier: MIT */
/* UNIX sockets that keep messages apart, in pairs: in order (SOCK_SEQPACKET) and datagrams. After
 * net/unix/af_unix.c. */
#include "model/kernel_impl.h"

#include <netinet/tcp.h>

/* unix_dgram_poll. */
uint32_t message_poll(const struct sock *sock)
{
	uint32_t mask = sock->error ? EPOLLERR : 0;

	if (sock->shut & SHUT_IN)
		mask |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
	if (sock->shut == SHUT_BOTH || (sock->kind == KIND_PACKET && sock->state == TCP_CLOSE))
		mask |= EPOLLHUP;
	if (sock->in.count)
		mask |= EPOLLIN | EPOLLRDNORM;
	return unix_has_room(sock) ? mask | EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND : mask;
}

/* unix_dgram_disconnected: who finds out that the other end is gone loses what that had sent, too. */
static int find_out(struct kernel *kernel, struct sock *sock)
{
	if (!sock->gone)
		return -ENOTCONN;
	sock->gone = false;
	unix_flush(kernel, sock);
	return -ECONNREFUSED;
}

/* The message is made before it is known whether anybody takes it. Freeing it makes room: sock_wfree. */
static int64_t deliver(struct kernel *kernel, struct sock *sock, const void *bytes, size_t size)
{
	struct sock *peer = sock->peer;
	struct flow *flow = peer ? &peer->in : NULL;
	int r = !peer ? find_out(kernel, sock) : peer->shut & SHUT_IN ? -EPIPE : flow_put(flow, bytes, size);

	if (r < 0) {
		sock_wake(kernel, sock, KEY_OUT);
		return r;
	}
	flow->cuts[(flow->first + flow->count++) % FLOW_CUTS] = (struct cut){(uint32_t)size, NULL};
	sock_wake(kernel, peer, KEY_IN);
	return (int64_t)size;
}

/* unix_seqpacket_sendmsg and unix_dgram_sendmsg. A message may be of no bytes, and is taken whole. */
int64_t message_send(struct kernel *kernel, struct sock *sock, const void *bytes, size_t size)
{
	if (sock->error)
		return sock_take_error(sock);
	if (sock->kind == KIND_PACKET && sock->state != TCP_ESTABLISHED)
		return -ENOTCONN;
	if (size + 32 > sock->capacity)
		return -EMSGSIZE;
	if (sock->shut & SHUT_OUT)
		return -EPIPE;
	if (sock_in_flight(sock) >= sock->capacity || (sock->peer && sock->peer->in.count == FLOW_CUTS))
		return -EAGAIN;
	return deliver(kernel, sock, bytes, size);
}

/* __unix_dgram_recvmsg: an error comes first, and what of a message does not fit is lost. */
int64_t message_receive(struct kernel *kernel, struct sock *sock, void *ret_bytes, size_t size, bool peek)
{
	struct flow *flow = &sock->in;

	if (sock->kind == KIND_PACKET && sock->state != TCP_ESTABLISHED)
		return -ENOTCONN;
	if (sock->error)
		return sock_take_error(sock);
	if (!flow->count)
		return sock->kind == KIND_PACKET && sock->shut & SHUT_IN ? 0 : -EAGAIN;
	size_t whole = flow->cuts[flow->first].size;
	size = size < whole ? size : whole;
	flow_copy(flow, ret_bytes, size);
	if (!peek) {
		flow_drop(flow, whole);
		(void)unix_free_message(kernel, sock);
	}
	return (int64_t)size;
}
