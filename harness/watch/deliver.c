/* SPDX-License-Identifier: MIT */
#include "watch/deliver.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "watch/arch.h"
#include "watch/borrow.h"
#include "watch/call.h"
#include "watch/hold.h"
#include "watch/memory.h"

#define IOV_LOOK 64 /* iovecs looked at for the first that is not empty */

static void journal_delivery(struct tracer *tracer, const struct tracee *tracee, const struct fault *fault,
			     int32_t fd)
{
	struct event event = tracer_event(tracee, EV_FAULT, FAULT_DELIVERED);
	char text[128];

	fault_text(fault, text, sizeof text);
	event.fd = fd;
	event.ret = -fault->code;
	event.arg[0] = fault->id;
	event.arg[1] = fault->delay;
	event.data = text;
	event.size = (uint32_t)__builtin_strlen(text) + 1;
	tracer_append(tracer, &event);
}

static bool fail(struct tracee *tracee, int code)
{
	struct arch_regs regs;

	if (arch_get(tracee->tid, &regs) < 0)
		return false;
	arch_skip(&regs, -code);
	return arch_set(tracee->tid, &regs) == 0;
}

/* Which argument is the length. 0: none, it sits in an iovec. */
static unsigned length_arg(enum call call)
{
	switch (call) {
	case CALL_read:
	case CALL_recvfrom:
	case CALL_write:
	case CALL_sendto:
		return 2;
	case CALL_sendfile:
		return 3;
	case CALL_splice:
		return 4;
	default:
		return 0;
	}
}

static bool shorten_length(const struct tracee *tracee, unsigned arg, uint64_t most, struct arch_regs *regs)
{
	if (tracee->state.arg[arg] <= most)
		return false;
	arch_put_arg(regs, arg, most);
	return true;
}

/* The first part that is not empty, cut to most bytes. False when the whole is no longer than that anyway. */
static bool first_part(pid_t tid, uint64_t from, uint64_t count, uint64_t most, struct iovec *ret_part)
{
	struct iovec iov[IOV_LOOK];
	uint64_t total = 0;
	size_t first;

	if (count > IOV_LOOK)
		count = IOV_LOOK;
	if (!count || !memory_get(tid, from, iov, count * sizeof *iov))
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

static void put_part(struct arch_regs *regs, const struct iovec *part)
{
	arch_put_arg(regs, 1, (uintptr_t)part->iov_base);
	arch_put_arg(regs, 2, part->iov_len);
}

/* readv becomes read, writev write, of one part: the target's iovec, which another thread may be using, stays
 * as it is. */
static bool shorten_iov(const struct tracee *tracee, uint64_t most, struct arch_regs *regs)
{
	struct iovec part;

	if (!first_part(tracee->tid, tracee->state.arg[1], (uint32_t)tracee->state.arg[2], most, &part))
		return false;
	put_part(regs, &part);
	arch_renumber(regs, tracee->state.row->call == CALL_readv ? __NR_read : __NR_write);
	return true;
}

/* sendmsg becomes sendto; not with control data, which sendto cannot carry. */
static bool shorten_msg(const struct tracee *tracee, uint64_t most, struct arch_regs *regs)
{
	struct msghdr message;
	struct iovec part;

	if (!memory_get(tracee->tid, tracee->state.arg[1], &message, sizeof message) ||
	    message.msg_controllen)
		return false;
	if (!first_part(tracee->tid, (uintptr_t)message.msg_iov, message.msg_iovlen, most, &part))
		return false;
	put_part(regs, &part);
	arch_put_arg(regs, 3, tracee->state.arg[2]);
	arch_put_arg(regs, 4, (uintptr_t)message.msg_name);
	arch_put_arg(regs, 5, message.msg_name ? message.msg_namelen : 0);
	arch_renumber(regs, __NR_sendto);
	return true;
}

static bool shorten(struct tracee *tracee, uint64_t most)
{
	enum call call = tracee->state.row->call;
	struct arch_regs regs;
	bool cut = false;

	if (arch_get(tracee->tid, &regs) < 0)
		return false;
	if (length_arg(call))
		cut = shorten_length(tracee, length_arg(call), most, &regs);
	else if (call == CALL_readv || call == CALL_writev)
		cut = shorten_iov(tracee, most, &regs);
	else if (call == CALL_sendmsg)
		cut = shorten_msg(tracee, most, &regs);
	tracee->cut = cut && arch_set(tracee->tid, &regs) == 0;
	return tracee->cut;
}

void deliver_undo(struct tracee *tracee)
{
	struct arch_regs regs;

	tracee->cut = false;
	if (arch_get(tracee->tid, &regs) < 0)
		return;
	for (unsigned i = 1; i < 6; i++)
		arch_put_arg(&regs, i, tracee->state.arg[i]);
	arch_renumber(&regs, tracee->state.number);
	(void)arch_set(tracee->tid, &regs);
}

static bool needs_number(int code)
{
	return code == EMFILE || code == ENFILE;
}

/* The kernel gives EAGAIN only to those who would not wait; a program that waits has no answer to it. */
static bool may_give(const struct tracee *tracee, const struct event *call, int code)
{
	enum call_class class = call_class((enum call)call->what);
	bool flagged = call->what != CALL_read && call->what != CALL_readv && call->what != CALL_write &&
		       call->what != CALL_writev;

	if (code != EAGAIN || (class != CLASS_READ && class != CLASS_WRITE && class != CLASS_ACCEPT))
		return true;
	if (flagged && class != CLASS_ACCEPT && (call->arg[1] & MSG_DONTWAIT))
		return true;
	return borrow_nonblocking(tracee->process->pidfd, call->fd);
}

bool deliver_decide(struct tracer *tracer, struct tracee *tracee, struct fault *ret_fault)
{
	struct event call = tracer_event(tracee, EV_CALL, tracee->state.row->call);

	row_fill(&tracee->state, &call);
	return fault_set_decide(tracer->watcher->faults,
				&(struct fault_call){.pid = call.pid,
						     .call = tracee->state.row->call,
						     .op = call.what == CALL_epoll_ctl ? call.arg[1] : 0,
						     .fd = call.fd,
						     .accepted = fds_accepted(tracee->fds, call.fd),
						     .peer = fds_peer(tracee->fds, call.fd)},
				ret_fault);
}

bool deliver_delay(struct tracer *tracer, struct tracee *tracee, const struct fault *fault)
{
	struct event call = tracer_event(tracee, EV_CALL, tracee->state.row->call);

	if (!fault->delay)
		return false;
	if (hold_begin(tracer, tracee, fault->delay) < 0) {
		fault_set_retract(tracer->watcher->faults, fault->id);
		return false;
	}
	row_fill(&tracee->state, &call);
	journal_delivery(tracer, tracee, fault, call.fd);
	return true;
}

static bool carry_out(struct tracee *tracee, const struct event *call, const struct fault *fault)
{
	if (!may_give(tracee, call, fault->code))
		return false;
	if (needs_number(fault->code) && !fds_exhausted(tracee->fds, fault->id))
		return false;
	return fault->code ? fail(tracee, fault->code) : shorten(tracee, fault->shorten);
}

bool deliver(struct tracer *tracer, struct tracee *tracee, const struct fault *fault)
{
	struct event call = tracer_event(tracee, EV_CALL, tracee->state.row->call);

	row_fill(&tracee->state, &call);
	if (!carry_out(tracee, &call, fault)) {
		fault_set_retract(tracer->watcher->faults, fault->id);
		return false;
	}
	journal_delivery(tracer, tracee, fault, call.fd);
	if (fault->code)
		call_finish(tracer, tracee, -fault->code, EVF_INJECTED);
	return fault->code != 0;
}
