/* SPDX-License-Identifier: MIT */
/* A fault carried out by the agent, as watch/deliver.c does it from outside: the call is not made, or cut. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "agent/agent.h"

#define IOV_LOOK 64 /* iovecs looked at for the first that is not empty */

void agent_tell_fault(const struct agent_turn *turn)
{
	const struct fault *fault = &turn->hit.fault;
	struct agent_record *record = agent_open(turn, EV_FAULT, FAULT_DELIVERED, turn->fd, 0);

	record->ret = -fault->code;
	record->arg[0] = fault->id;
	record->arg[1] = fault->delay;
	agent_commit(turn, record);
}

static bool asks_not_to_wait(long number, const struct agent_args *args)
{
	switch (number) {
	case SYS_recvfrom:
	case SYS_sendto:
		return args->arg[3] & MSG_DONTWAIT;
	case SYS_recvmsg:
	case SYS_sendmsg:
		return args->arg[2] & MSG_DONTWAIT;
	default:
		return false;
	}
}

/* The kernel gives EAGAIN only to those who would not wait; a program that waits has no answer to it. */
static bool may_give(const struct agent_turn *turn, long number, const struct agent_args *args)
{
	enum call_class class = turn->hit.fault.class;
	long flags;

	if (turn->hit.fault.code != EAGAIN ||
	    (class != CLASS_READ && class != CLASS_WRITE && class != CLASS_ACCEPT))
		return true;
	if (asks_not_to_wait(number, args))
		return true;
	flags = agent_fast(SYS_fcntl, ARGS(turn->fd, F_GETFL));
	return flags < 0 || (flags & O_NONBLOCK);
}

static bool cut_length(long *length, uint64_t most)
{
	if ((uint64_t)*length <= most)
		return false;
	*length = (long)most;
	return true;
}

/* The first part that is not empty, cut to most bytes. False when the whole is no longer than that anyway. */
static bool first_part(const struct iovec *from, uint64_t count, uint64_t most, struct iovec *ret_part)
{
	struct iovec iov[IOV_LOOK];
	uint64_t total = 0;
	size_t first;

	if (count > IOV_LOOK)
		count = IOV_LOOK;
	if (!count || !agent_copy(-EFAULT, iov, from, count * sizeof *iov))
		return false;
	for (first = 0; first < count && !iov[first].iov_len;)
		first++;
	for (size_t i = first; i < count && total <= most; i++)
		total += iov[i].iov_len;
	if (total <= most)
		return false;
	*ret_part = iov[first];
	if (ret_part->iov_len > most)
		ret_part->iov_len = most;
	return true;
}

/* readv becomes read, writev write, of one part: the caller's iovec stays as it is. */
static bool cut_vector(long *number, struct agent_args *args, uint64_t most)
{
	struct iovec part;

	if (!first_part((const struct iovec *)args->arg[1], (uint32_t)args->arg[2], most, &part))
		return false;
	*number = *number == SYS_readv ? SYS_read : SYS_write;
	*args = (struct agent_args){{args->arg[0], (long)part.iov_base, (long)part.iov_len}};
	return true;
}

/* sendmsg becomes sendto; the agent takes none with control data. */
static bool cut_message(long *number, struct agent_args *args, uint64_t most)
{
	struct msghdr message;
	struct iovec part;

	if (!agent_copy(-EFAULT, &message, (const void *)args->arg[1], sizeof message) ||
	    !first_part(message.msg_iov, message.msg_iovlen, most, &part))
		return false;
	*number = SYS_sendto;
	*args = (struct agent_args){{args->arg[0], (long)part.iov_base, (long)part.iov_len, args->arg[2],
				     (long)message.msg_name, message.msg_name ? message.msg_namelen : 0}};
	return true;
}

static bool cut(long *number, struct agent_args *args, uint64_t most)
{
	switch (*number) {
	case SYS_read:
	case SYS_recvfrom:
	case SYS_write:
	case SYS_sendto:
		return cut_length(&args->arg[2], most);
	case SYS_sendfile:
		return cut_length(&args->arg[3], most);
	case SYS_readv:
	case SYS_writev:
		return cut_vector(number, args, most);
	case SYS_sendmsg:
		return cut_message(number, args, most);
	default:
		return false;
	}
}

long agent_strike(struct agent_turn *turn, long number, const struct agent_args *args)
{
	const struct fault *fault = &turn->hit.fault;
	struct agent_args own = *args;

	if (fault->code ? !may_give(turn, number, args) : !cut(&number, &own, fault->shorten)) {
		fault_cell_retract(turn->hit.cell, fault->id);
		return agent_fast(number, args);
	}
	agent_tell_fault(turn);
	turn->flags = fault->code ? EVF_INJECTED : EVF_SHORTENED;
	return fault->code ? -(long)fault->code : agent_fast(number, &own);
}
