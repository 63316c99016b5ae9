/* SPDX-License-Identifier: MIT */
/* UNIX stream sockets, after net/unix/af_unix.c. */
#include "model/kernel_impl.h"

#include <netinet/tcp.h>

/* unix_writable: at most a quarter is in use. A listener never is. */
bool unix_has_room(const struct sock *sock)
{
	return sock->state != TCP_LISTEN && sock_in_flight(sock) * 4 <= sock->capacity;
}

uint32_t unix_poll(struct sock *sock)
{
	uint32_t mask = sock->error ? EPOLLERR : 0;

	if (sock->shut == SHUT_BOTH)
		mask |= EPOLLHUP;
	if (sock->shut & SHUT_IN)
		mask |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
	if (sock->in.size || (sock->state == TCP_LISTEN && !link_alone(&sock->queue)))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (sock->state == TCP_CLOSE)
		mask |= EPOLLHUP;
	if (unix_has_room(sock))
		mask |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
	return mask;
}

/* unix_stream_connect: done when it returns, and the one who connects is not woken. */
int unix_connect(struct kernel *kernel, struct sock *sock, int port)
{
	struct sock *listener = sock_listening(kernel, KIND_UNIX, port), *child;

	if (!listener || listener->shut & SHUT_IN)
		return -ECONNREFUSED;
	if (listener->queued > listener->backlog)
		return -EAGAIN;
	if (sock->state != TCP_CLOSE)
		return sock->state == TCP_ESTABLISHED ? -EISCONN : -EINVAL;
	child = sock_new(kernel, KIND_UNIX);
	if (!child)
		return -ENOMEM;
	child->port = listener->port;
	child->listener = listener;
	sock_join(sock, child);
	link_last(&listener->queue, &child->queue);
	listener->queued++;
	sock_wake(kernel, listener, KEY_IN);
	return 0;
}

/* unix_stream_sendmsg. A message is what one send gave. */
int64_t unix_send(struct kernel *kernel, struct sock *sock, const void *bytes, size_t size,
		  struct file *passed)
{
	struct sock *peer = sock->peer;
	size_t used = sock_in_flight(sock);
	struct flow *flow = peer ? &peer->in : NULL;
	int r;

	if (sock->state != TCP_ESTABLISHED)
		return -ENOTCONN;
	if (sock->shut & SHUT_OUT)
		return -EPIPE;
	if (!size)
		return 0;
	if (sock->error)
		return sock_take_error(sock); /* sock_alloc_send_pskb */
	if (!peer || peer->shut & SHUT_IN)
		return -EPIPE;
	if (used >= sock->capacity || flow->count == FLOW_CUTS)
		return -EAGAIN;
	size = size < sock->capacity - used ? size : sock->capacity - used;
	r = flow_put(flow, bytes, size);
	if (r < 0)
		return r;
	flow->cuts[(flow->first + flow->count++) % FLOW_CUTS] = (struct cut){(uint32_t)size, passed};
	if (passed)
		passed->refs++;
	sock_wake(kernel, peer, KEY_IN);
	return (int64_t)size;
}

/* The first message is read: whoever sent it is told, whether or not anybody waited for room. */
struct file *unix_free_message(struct kernel *kernel, struct sock *sock)
{
	struct flow *flow = &sock->in;
	struct file *passed = flow->cuts[flow->first].passed;

	flow->first = (flow->first + 1) % FLOW_CUTS;
	flow->count--;
	flow->read = 0;
	if (sock->peer && unix_has_room(sock->peer))
		sock_wake(kernel, sock->peer, KEY_OUT); /* unix_write_space */
	return passed;
}

static int receive_nothing(struct sock *sock)
{
	if (sock->error)
		return sock_take_error(sock);
	return sock->shut & SHUT_IN ? 0 : -EAGAIN;
}

/* How many bytes one read gives: it does not go past a message that brought a descriptor. */
static size_t readable(const struct flow *flow, size_t size)
{
	size_t end = 0;

	for (unsigned i = 0; i < flow->count && end < size; i++) {
		const struct cut *cut = &flow->cuts[(flow->first + i) % FLOW_CUTS];
		end += cut->size - (i ? 0 : flow->read);
		if (cut->passed)
			break;
	}
	return end < size ? end : size;
}

/* unix_stream_read_generic. */
int64_t unix_receive(struct kernel *kernel, struct sock *sock, void *ret_bytes, size_t size, bool peek,
		     struct file **ret_passed)
{
	struct flow *flow = &sock->in;

	if (sock->state != TCP_ESTABLISHED)
		return -EINVAL;
	if (!flow->size)
		return receive_nothing(sock);
	size = readable(flow, size);
	flow_copy(flow, ret_bytes, size);
	if (peek)
		return (int64_t)size;
	for (size_t left = size; left;) {
		size_t rest = flow->cuts[flow->first].size - flow->read, part = left < rest ? left : rest;
		flow_drop(flow, part);
		left -= part;
		flow->read += part;
		if (part < rest)
			break;
		struct file *passed = unix_free_message(kernel, sock);
		if (passed && ret_passed)
			*ret_passed = passed;
		else if (passed)
			kernel_file_put(kernel, passed);
	}
	return (int64_t)size;
}

/* unix_shutdown: the other end is shut down the other way round, unless it is one of datagrams. */
int unix_shutdown(struct kernel *kernel, struct sock *sock, int how)
{
	struct sock *peer = sock->peer;

	sock->shut |= how;
	sock_wake(kernel, sock, KEY_ALL);
	if (!peer || sock->kind == KIND_DATAGRAM)
		return 0;
	peer->shut |= (how & SHUT_IN ? SHUT_OUT : 0) | (how & SHUT_OUT ? SHUT_IN : 0);
	sock_wake(kernel, peer, KEY_ALL);
	return 0;
}

/* Unread messages are freed, which their sender learns. */
void unix_flush(struct kernel *kernel, struct sock *sock)
{
	while (sock->in.count) {
		flow_drop(&sock->in, sock->in.cuts[sock->in.first].size - sock->in.read);
		struct file *passed = unix_free_message(kernel, sock);
		if (passed)
			kernel_file_put(kernel, passed);
	}
}

/* What makes a close a reset. A message with nothing left in it is passed over, if it is the first: that is
 * meant for an urgent byte that was taken, and an empty one looks the same. */
static bool leaves_unread(const struct flow *flow)
{
	return flow->count > 1 || (flow->count && flow->cuts[flow->first].size > flow->read);
}

/* unix_release_sock, of the ends that wait to be accepted too. */
void unix_close(struct kernel *kernel, struct sock *sock)
{
	struct sock *peer = sock->peer;
	bool listening = sock->state == TCP_LISTEN;

	while (listening && !link_alone(&sock->queue)) {
		struct sock *child = LINK_OF(struct sock, queue, sock->queue.next);
		link_out(&child->queue);
		unix_close(kernel, child);
	}
	if (peer && sock->kind == KIND_DATAGRAM) {
		peer->gone = true; /* and is told when it sends */
	} else if (peer) {
		peer->shut = SHUT_BOTH;
		if (leaves_unread(&sock->in) || sock->listener)
			peer->error = ECONNRESET;
		sock_wake(kernel, peer, KEY_ALL);
	}
	unix_flush(kernel, sock);
	sock_free(kernel, sock);
}
