/* SPDX-License-Identifier: MIT */
/* Exit decoders of calls that make fds, move bytes through an iovec, or set something small. */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include "watch/decode.h"
#include "watch/memory.h"
#include "watch/ring_abi.h"

static void pair(struct decoding *decoding, uint64_t from)
{
	struct event *event = decoding->event;
	int fds[2];

	event->arg[2] = event->arg[3] = (uint32_t)-1;
	if (event->ret < 0)
		return;
	if (!decode_get(decoding, from, fds, sizeof fds)) {
		decode_unreadable(decoding);
		return;
	}
	event->arg[2] = (uint32_t)fds[0];
	event->arg[3] = (uint32_t)fds[1];
}

void decode_pair_first(struct decoding *decoding)
{
	pair(decoding, decoding->state->arg[0]);
}

void decode_pair_fourth(struct decoding *decoding)
{
	pair(decoding, decoding->state->arg[3]);
}

void decode_cloexec(struct decoding *decoding)
{
	decoding->event->arg[0] = O_CLOEXEC;
}

/* Its flag has another value than everybody's; the journal keeps to one. */
void decode_memfd(struct decoding *decoding)
{
	decoding->event->arg[0] = decoding->state->arg[1] & MFD_CLOEXEC ? O_CLOEXEC : 0;
}

void decode_iov(struct decoding *decoding)
{
	const struct iovec *iov = (const struct iovec *)decoding->scratch->raw;
	uint64_t count = (uint32_t)decoding->state->arg[2];

	if (count > sizeof decoding->scratch->raw / sizeof *iov)
		return; /* the kernel refuses it as well */
	if (!decode_get(decoding, decoding->state->arg[1], decoding->scratch->raw, count * sizeof *iov)) {
		decode_unreadable(decoding);
		return;
	}
	for (uint64_t i = 0; i < count; i++)
		decoding->event->arg[0] += iov[i].iov_len;
}

void decode_ctl(struct decoding *decoding)
{
	struct epoll_event event;
	uint64_t from = decoding->state->arg[3];

	if ((int)decoding->state->arg[1] == EPOLL_CTL_DEL)
		return; /* the kernel does not look at it */
	if (!decode_get(decoding, from, &event, sizeof event)) {
		decode_unreadable(decoding);
		return;
	}
	decoding->event->arg[2] = event.events;
	decoding->event->arg[3] = event.data.u64;
}

/* FIONBIO and kin: the int behind the argument instead of its address. */
void decode_ioctl(struct decoding *decoding)
{
	uint32_t request = (uint32_t)decoding->state->arg[1];
	int value;

	if (request != FIONBIO && request != FIOASYNC && (request != FIONREAD || decoding->event->ret < 0))
		return;
	if (!decode_get(decoding, decoding->state->arg[2], &value, sizeof value)) {
		decode_unreadable(decoding);
		return;
	}
	decoding->event->arg[1] = (uint64_t)(int64_t)value;
}

static void limit(struct decoding *decoding, uint64_t from)
{
	struct rlimit limit;

	decoding->event->arg[1] = UINT64_MAX;
	if (!from)
		return;
	if (decode_get(decoding, from, &limit, sizeof limit))
		decoding->event->arg[1] = limit.rlim_cur;
	else
		decode_unreadable(decoding);
}

void decode_prlimit(struct decoding *decoding)
{
	limit(decoding, decoding->state->arg[2]);
}

void decode_setrlimit(struct decoding *decoding)
{
	limit(decoding, decoding->state->arg[1]);
}

/* A whole table comes or goes, or some slots of it change: io_uring_register(2), and how rings.c reads it. */
void decode_register(struct decoding *decoding)
{
	uint32_t opcode = (uint32_t)decoding->state->arg[1] & ~ABI_REGISTER_BY_INDEX, offset, count;
	uint64_t from = decoding->state->arg[2];
	struct event *event = decoding->event;

	switch (opcode) {
	case ABI_REGISTER_FILES:
	case ABI_REGISTER_FILES2:
	case ABI_UNREGISTER_FILES:
		event->arg[2] = UINT32_MAX;
		return;
	case ABI_REGISTER_FILES_UPDATE:
	case ABI_REGISTER_FILES_UPDATE2:
		count = (uint32_t)decoding->state->arg[3];
		if (!decode_get(decoding, from, &offset, sizeof offset) ||
		    (opcode == ABI_REGISTER_FILES_UPDATE2 &&
		     !decode_get(decoding, from + ABI_UPDATE2_COUNT, &count, sizeof count))) {
			decode_unreadable(decoding);
			return;
		}
		event->arg[1] = offset;
		event->arg[2] = count;
		return;
	default:
		return;
	}
}
