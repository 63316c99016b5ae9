/* SPDX-License-Identifier: MIT */
/* Exit decoders of socket calls: addresses, options, messages. */
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "watch/borrow.h"
#include "watch/decode.h"
#include "watch/memory.h"
#include "watch/sight.h"

#define ADDRESS_MAX sizeof(struct sockaddr_storage)

static void ask(struct decoding *decoding, int fd, bool peer)
{
	struct sockaddr_storage address;
	size_t size = 0;
	const void *told = decode_told(decoding, peer ? SIGHT_PEER : SIGHT_OWN, &size);

	if (!told) {
		size = borrow_address(decoding->pidfd, fd, peer, &address);
		told = &address;
	}
	memcpy(decoding->scratch->data, told, size);
	decode_data(decoding, size);
}

void decode_accept(struct decoding *decoding)
{
	uint64_t from = decoding->state->arg[1];
	struct piece pieces[2];
	socklen_t size = 0;
	size_t got;

	if (decoding->event->ret < 0)
		return;
	if (!from) {
		ask(decoding, (int)decoding->event->ret, true);
		return;
	}
	/* The address last: fewer bytes than asked for may be readable, and are enough. */
	pieces[0] = (struct piece){decoding->state->arg[2], &size, sizeof size};
	pieces[1] = (struct piece){from, decoding->scratch->data, ADDRESS_MAX};
	got = decode_read(decoding, pieces, 2);
	if (got < sizeof size || size > ADDRESS_MAX || got - sizeof size < size)
		decode_unreadable(decoding);
	else
		decode_data(decoding, size);
}

void decode_address(struct decoding *decoding)
{
	uint64_t size = (uint32_t)decoding->state->arg[2];

	if (size > ADDRESS_MAX)
		return;
	if (decode_get(decoding, decoding->state->arg[1], decoding->scratch->data, size))
		decode_data(decoding, size);
	else
		decode_unreadable(decoding);
}

void decode_listen(struct decoding *decoding)
{
	if (decoding->event->ret >= 0)
		ask(decoding, (int)decoding->state->arg[0], false);
}

/* Three short calls for each connection that ends; other numbers are not asked. */
void decode_close(struct decoding *decoding)
{
	struct event *event = decoding->event;
	size_t size = 0;
	const struct sight_queues *told = decode_told(decoding, SIGHT_QUEUES, &size);

	if (event->ret != 0 || !decoding->accepted)
		return;
	if (told && size >= sizeof *told) {
		event->arg[0] = told->unread;
		event->arg[1] = told->unacked;
		event->arg[2] = told->state;
	} else if (!decoding->seen) {
		borrow_queues(decoding->pidfd, event->fd, &event->arg[0], &event->arg[1], &event->arg[2]);
	}
}

void decode_setsockopt(struct decoding *decoding)
{
	uint64_t size = (uint32_t)decoding->state->arg[4], value = 0;

	if (size > sizeof value)
		size = sizeof value;
	if (size && !decode_get(decoding, decoding->state->arg[3], &value, size))
		decode_unreadable(decoding);
	decoding->event->arg[2] = value;
}

void decode_getsockopt(struct decoding *decoding)
{
	struct piece pieces[2];
	uint64_t value = 0;
	socklen_t size = 0;
	size_t got;

	if (decoding->event->ret < 0)
		return;
	pieces[0] = (struct piece){decoding->state->arg[4], &size, sizeof size};
	pieces[1] = (struct piece){decoding->state->arg[3], &value, sizeof value};
	got = decode_read(decoding, pieces, 2);
	if (size > sizeof value)
		size = sizeof value;
	if (got < sizeof size + size) {
		decode_unreadable(decoding);
		return;
	}
	memcpy(&decoding->event->arg[2], &value, size);
}

/* The fds of every SCM_RIGHTS in a control buffer, copied into data. Returns how many. */
static size_t rights(char *control, size_t size, int32_t *fds, size_t room)
{
	struct msghdr message = {.msg_control = control, .msg_controllen = size};
	size_t count = 0;

	for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
		size_t many;

		if (at->cmsg_len < CMSG_LEN(0) || at->cmsg_len > size - (size_t)((char *)at - control))
			break;
		if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
			continue;
		many = (at->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
		if (many > room - count)
			many = room - count;
		memcpy(fds + count, CMSG_DATA(at), many * sizeof *fds);
		count += many;
	}
	return count;
}

#define IOV_MAX_KERNEL 1024
#define CONTROL_MAX    (size_t)8192

/* The header first, then in one more read the iovec and the control data it points at. */
void decode_msg(struct decoding *decoding)
{
	struct event *event = decoding->event;
	struct iovec *iov = (struct iovec *)decoding->scratch->raw;
	char *control = decoding->scratch->raw + IOV_MAX_KERNEL * sizeof *iov;
	struct msghdr message;
	struct piece pieces[2];
	size_t fds, room = 0, pieces_used = 0, wanted;

	if (!decode_get(decoding, decoding->state->arg[1], &message, sizeof message)) {
		decode_unreadable(decoding);
		return;
	}
	if (message.msg_iovlen > IOV_MAX_KERNEL)
		return;
	wanted = message.msg_iovlen * sizeof *iov;
	if (message.msg_iovlen)
		pieces[pieces_used++] = (struct piece){(uintptr_t)message.msg_iov, iov, wanted};
	if (event->ret >= 0 && message.msg_control)
		room = message.msg_controllen < CONTROL_MAX ? message.msg_controllen : CONTROL_MAX;
	if (room)
		pieces[pieces_used++] = (struct piece){(uintptr_t)message.msg_control, control, room};
	if (pieces_used && decode_read(decoding, pieces, pieces_used) != wanted + room) {
		decode_unreadable(decoding);
		return;
	}
	for (size_t i = 0; i < message.msg_iovlen; i++)
		event->arg[0] += iov[i].iov_len;
	fds = rights(control, room, (int32_t *)decoding->scratch->data, CONTROL_MAX / sizeof(int32_t));
	event->arg[3] = fds;
	if (fds)
		decode_data(decoding, fds * sizeof(int32_t));
}

void decode_mmsg(struct decoding *decoding)
{
	const struct mmsghdr *messages = (const struct mmsghdr *)decoding->scratch->raw;
	size_t count = decoding->event->ret < 0 ? 0 : (size_t)decoding->event->ret;

	if (count > IOV_MAX_KERNEL)
		count = IOV_MAX_KERNEL;
	if (count && !decode_get(decoding, decoding->state->arg[1], decoding->scratch->raw,
				 count * sizeof *messages)) {
		decode_unreadable(decoding);
		return;
	}
	for (size_t i = 0; i < count; i++)
		decoding->event->arg[2] += messages[i].msg_len;
}
