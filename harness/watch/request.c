/* SPDX-License-Identifier: MIT */
/* Fields as io_uring_enter(2) describes them for each operation. */
#include "watch/request.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "base/clock.h"

#define IOV_MOST     1024
#define CANCEL_BY_FD (1u << 1)
#define CANCEL_FIXED (1u << 3) /* the fd is a direct descriptor */

static bool get(struct request *request, uint64_t from, void *to, size_t size)
{
	if (seen_get(request->seen, request->pid, from, to, size))
		return true;
	request->unreadable = true;
	return false;
}

static uint64_t iov_bytes(struct request *request, uint64_t from, uint64_t count)
{
	const struct iovec *iov = (const struct iovec *)request->scratch->raw;
	uint64_t bytes = 0;

	if (count > IOV_MOST || !count || !get(request, from, request->scratch->raw, count * sizeof *iov))
		return 0;
	for (uint64_t i = 0; i < count; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

static void bytes(struct request *request)
{
	request->flight.entry.length = request->sqe->len;
	request->flight.entry.extra = request->sqe->off;
}

/* Here `off` is something else: the address of sendto. */
static void socket_bytes(struct request *request)
{
	request->flight.entry.length = request->sqe->len;
}

static void vector(struct request *request)
{
	request->flight.entry.length = iov_bytes(request, request->sqe->addr, request->sqe->len);
	request->flight.entry.extra = request->sqe->off;
}

static void message(struct request *request)
{
	struct msghdr header;

	if (get(request, request->sqe->addr, &header, sizeof header))
		request->flight.entry.length =
		    iov_bytes(request, (uintptr_t)header.msg_iov, header.msg_iovlen);
}

static void poll_add(struct request *request)
{
	uint32_t mask = request->sqe->op_flags;

	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		mask = mask << 16 | mask >> 16;
	request->flight.entry.length = mask;
	request->flight.entry.extra = request->sqe->len;
}

/* POLL_REMOVE, TIMEOUT_REMOVE, ASYNC_CANCEL: whom it means. */
static void meant(struct request *request)
{
	struct ring_entry *entry = &request->flight.entry;

	entry->extra = request->sqe->addr;
	if (entry->op == OP_POLL_REMOVE)
		entry->length = request->sqe->op_flags;
	if (entry->op != OP_ASYNC_CANCEL || !(request->sqe->op_flags & CANCEL_BY_FD))
		return;
	if (request->sqe->op_flags & CANCEL_FIXED)
		entry->index = request->sqe->fd;
	else
		request->flight.fd = request->sqe->fd;
}

static void timer(struct request *request)
{
	int64_t spec[2];

	if (get(request, request->sqe->addr, spec, sizeof spec) && spec[0] >= 0)
		request->flight.entry.length = (uint64_t)spec[0] * NS_PER_S + (uint64_t)spec[1];
}

/* Where the new descriptor goes: a slot, or any (then a number nobody has). */
static void making(struct request *request)
{
	uint32_t slot = (uint32_t)request->sqe->file;

	request->makes = true;
	request->flight.entry.index = -1;
	if (slot)
		request->flight.entry.index = slot > INT32_MAX ? INT32_MAX : (int32_t)slot - 1;
}

static void accepting(struct request *request)
{
	making(request);
	request->flight.address = request->sqe->addr;
	request->flight.address_size = request->sqe->off;
}

static void addressed(struct request *request)
{
	uint64_t size = request->sqe->off;

	if (size && size <= sizeof request->rest && get(request, request->sqe->addr, request->rest, size))
		request->rest_size = (uint32_t)size;
}

static void closing(struct request *request)
{
	if (!request->sqe->file)
		return;
	request->flight.fd = -1;
	request->flight.entry.index = request->sqe->file - 1;
}

static void just_length(struct request *request)
{
	request->flight.entry.length = request->sqe->len;
}

/* The fd stands in the offset, for the place of fds is the epoll's. */
static void ctl(struct request *request)
{
	struct flight *flight = &request->flight;
	struct epoll_event event = {0};

	flight->entry.length = request->sqe->len;
	flight->fd = (int32_t)request->sqe->off;
	flight->ctl.fd = request->sqe->fd;
	if (request->sqe->len != EPOLL_CTL_DEL && get(request, request->sqe->addr, &event, sizeof event)) {
		flight->ctl.events = event.events;
		flight->ctl.data = event.data.u64;
	}
	memcpy(request->rest, &flight->ctl, sizeof flight->ctl);
	request->rest_size = sizeof flight->ctl;
}

static void waiting(struct request *request)
{
	request->flight.entry.length = request->sqe->len;
	request->flight.address = request->sqe->addr;
}

static void socket_made(struct request *request)
{
	making(request);
	request->flight.entry.length = (uint32_t)request->sqe->fd;
	request->flight.entry.extra = (request->sqe->off & UINT32_MAX) | (uint64_t)request->sqe->len << 32;
}

static void files_update(struct request *request)
{
	request->flight.entry.extra = request->sqe->off;
}

static void message_to_ring(struct request *request)
{
	request->flight.entry.extra = request->sqe->addr;
}

static void spliced(struct request *request)
{
	request->flight.entry.length = request->sqe->len;
	request->flight.entry.extra = (uint32_t)request->sqe->file;
}

#define ON_FD true

/* What of an operation's SQE is read; those without a row act on no fd and say nothing more. */
static const struct {
	bool on_fd;
	void (*read)(struct request *request);
} ops[OP_COUNT] = {
    [OP_READV] = {ON_FD, vector},
    [OP_WRITEV] = {ON_FD, vector},
    [OP_FSYNC] = {ON_FD, NULL},
    [OP_READ_FIXED] = {ON_FD, bytes},
    [OP_WRITE_FIXED] = {ON_FD, bytes},
    [OP_POLL_ADD] = {ON_FD, poll_add},
    [OP_POLL_REMOVE] = {false, meant},
    [OP_SYNC_FILE_RANGE] = {ON_FD, NULL},
    [OP_SENDMSG] = {ON_FD, message},
    [OP_RECVMSG] = {ON_FD, message},
    [OP_TIMEOUT] = {false, timer},
    [OP_TIMEOUT_REMOVE] = {false, meant},
    [OP_ACCEPT] = {ON_FD, accepting},
    [OP_ASYNC_CANCEL] = {false, meant},
    [OP_LINK_TIMEOUT] = {false, timer},
    [OP_CONNECT] = {ON_FD, addressed},
    [OP_FALLOCATE] = {ON_FD, NULL},
    [OP_OPENAT] = {false, making},
    [OP_OPENAT2] = {false, making},
    [OP_CLOSE] = {ON_FD, closing},
    [OP_READ] = {ON_FD, bytes},
    [OP_WRITE] = {ON_FD, bytes},
    [OP_FADVISE] = {ON_FD, NULL},
    [OP_SEND] = {ON_FD, socket_bytes},
    [OP_RECV] = {ON_FD, socket_bytes},
    [OP_EPOLL_CTL] = {false, ctl},
    [OP_SPLICE] = {ON_FD, spliced},
    [OP_TEE] = {ON_FD, spliced},
    [OP_SHUTDOWN] = {ON_FD, just_length},
    [OP_SOCKET] = {false, socket_made},
    [OP_SEND_ZC] = {ON_FD, socket_bytes},
    [OP_SENDMSG_ZC] = {ON_FD, message},
    [OP_READ_MULTISHOT] = {ON_FD, bytes},
    [OP_FTRUNCATE] = {ON_FD, NULL},
    [OP_BIND] = {ON_FD, addressed},
    [OP_LISTEN] = {ON_FD, just_length},
    [OP_RECV_ZC] = {ON_FD, socket_bytes},
    [OP_EPOLL_WAIT] = {ON_FD, waiting},
    [OP_FILES_UPDATE] = {false, files_update},
    [OP_MSG_RING] = {ON_FD, message_to_ring},
    [OP_FIXED_FD_INSTALL] = {ON_FD, NULL},
    [OP_READV_FIXED] = {ON_FD, vector},
    [OP_WRITEV_FIXED] = {ON_FD, vector},
};

void request_decode(struct request *request)
{
	const struct abi_sqe *sqe = request->sqe;
	struct flight *flight = &request->flight;
	bool on_fd = sqe->opcode < OP_COUNT && ops[sqe->opcode].on_fd;
	bool direct = on_fd && (sqe->flags & ABI_SQE_FIXED_FILE);

	request->unreadable = request->makes = false;
	request->rest_size = 0;
	*flight = (struct flight){
	    .fd = on_fd && !direct ? sqe->fd : -1,
	    .entry = {.user_data = sqe->user_data,
		      .index = direct ? sqe->fd : -1,
		      .op_flags = sqe->op_flags,
		      .ioprio = sqe->ioprio,
		      .group = sqe->flags & ABI_SQE_BUFFER_SELECT ? sqe->buf : 0,
		      .op = sqe->opcode,
		      .sqe_flags = sqe->flags},
	};
	if (sqe->opcode < OP_COUNT && ops[sqe->opcode].read)
		ops[sqe->opcode].read(request);
}
