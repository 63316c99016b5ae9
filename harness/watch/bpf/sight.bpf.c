/* SPDX-License-Identifier: MIT */
/*
 * Runs in the kernel, at its tracepoints: what the marked threads do goes into the ring. A mark lies with the
 * thread itself (task storage) and is handed on to what it clones, so that nobody else costs more than the
 * look whether there is one.
 *
 * Nothing waits here: a record that finds no room is counted, and the next one that does carries the count.
 */
#include "record.h"
#include "uring.h"

#define CONTROL_MOST 8192u
#define SET_BITS     4096u

#define FIONREAD    0x541b
#define FIONBIO	    0x5421
#define FIOASYNC    0x5452
#define SOCK_STREAM 1
#define PROTO_TCP   6
#define SOCK_DONE   1 /* the bit of a socket's flags: its FIN has come */
#define TCP_SYN	    ((1u << 2) | (1u << 3))
#define TCP_LISTEN  10
#define SIGKILL	    9
#define SA_RESTART  0x10000000u
/* Threads that are no program's: the kernel's own, and the workers of io_uring and vhost. */
#define PF_NO_PROGRAM (0x00200000u | 0x10u | 0x00004000u)

#define ERESTARTSYS	      512
#define ERESTARTNOINTR	      513
#define ERESTARTNOHAND	      514
#define ERESTART_RESTARTBLOCK 516

/* The call's number and arguments; its result stands elsewhere. */
#if defined __TARGET_ARCH_x86
static __always_inline long call_number(struct pt_regs *regs)
{
	return regs->orig_ax;
}

static __always_inline void call_arguments(struct pt_regs *regs, uint64_t arg[6])
{
	arg[0] = regs->di;
	arg[1] = regs->si;
	arg[2] = regs->dx;
	arg[3] = regs->r10;
	arg[4] = regs->r8;
	arg[5] = regs->r9;
}

/* TS_COMPAT: a call of 32 bits. Numbers from 2^30 on are those of x32. */
static __always_inline bool is_foreign(const struct task_struct *task, long number)
{
	return (task->thread_info.status & 2) || number >= 0x40000000;
}
#else
static __always_inline long call_number(struct pt_regs *regs)
{
	return regs->syscallno;
}

static __always_inline void call_arguments(struct pt_regs *regs, uint64_t arg[6])
{
	arg[0] = regs->orig_x0;
	arg[1] = regs->regs[1];
	arg[2] = regs->regs[2];
	arg[3] = regs->regs[3];
	arg[4] = regs->regs[4];
	arg[5] = regs->regs[5];
}

/* TIF_32BIT */
static __always_inline bool is_foreign(const struct task_struct *task, long number)
{
	return task->thread_info.flags >> 22 & 1;
}
#endif

/* What tcp_inq says, but for urgent bytes. */
static __always_inline __u32 unread_of(struct sock *sock, __u32 state)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sock;
	__u32 unread = BPF_CORE_READ(tcp, rcv_nxt) - BPF_CORE_READ(tcp, copied_seq);

	if ((1u << state) & TCP_SYN)
		return 0;
	if (unread && (BPF_CORE_READ(sock, __sk_common.skc_flags) >> SOCK_DONE & 1))
		unread--;
	return unread;
}

static __always_inline __u32 queues(struct page *page, __u32 used, struct sock *sock)
{
	struct sight_piece *piece;
	struct sight_queues *queued;
	struct tcp_sock *tcp = (struct tcp_sock *)sock;
	__u32 family, state, unread;

	if (!sock || used > USED_MOST)
		return used;
	family = BPF_CORE_READ(sock, __sk_common.skc_family);
	state = BPF_CORE_READ(sock, __sk_common.skc_state) & 15;
	if ((family != AF_INET && family != AF_INET6) || BPF_CORE_READ(sock, sk_type) != SOCK_STREAM ||
	    BPF_CORE_READ(sock, sk_protocol) != PROTO_TCP || state == TCP_LISTEN)
		return used;
	unread = unread_of(sock, state);
	if (!unread)
		return used;
	piece = piece_at(page, used);
	queued = (struct sight_queues *)(piece + 1);
	queued->unread = unread;
	queued->unacked = BPF_CORE_READ(tcp, write_seq) - BPF_CORE_READ(tcp, snd_una);
	queued->state = state;
	queued->unused = 0;
	piece->from = SIGHT_QUEUES;
	piece->size = sizeof *queued;
	piece->unused = 0;
	return used + sizeof *piece + sizeof *queued;
}

static __always_inline __u32 message(struct page *page, const struct sight *sight)
{
	struct user_msghdr header;
	__u32 used = take_message(page, 0, sight->arg[1], &header);

	if (used && sight->ret >= 0)
		used = take(page, used, header.control,
			    header.control_size < CONTROL_MOST ? header.control_size : CONTROL_MOST);
	return used;
}

static __always_inline __u32 sets(struct page *page, const struct sight *sight)
{
	__s32 count = sight->arg[0];
	__u32 used = 0, size;

	if (count <= 0)
		return 0;
	size = (count > SET_BITS ? SET_BITS : (count + 63) / 64 * 64) / 8;
	used = take(page, used, sight->arg[1], size);
	used = take(page, used, sight->arg[2], size);
	return take(page, used, sight->arg[3], size);
}

static __always_inline __u32 accepted(struct page *page, const struct sight *sight,
				      const struct task_struct *task)
{
	__u32 used;

	if (sight->ret < 0)
		return 0;
	if (!sight->arg[1])
		return address(page, 0, sock_at(task, sight->ret), true);
	used = take(page, 0, sight->arg[2], 4);
	return take(page, used, sight->arg[1], ADDRESS_MOST);
}

static __always_inline __u32 option_set(struct page *page, const struct sight *sight)
{
	__u32 size = sight->arg[4];

	return take(page, 0, sight->arg[3], size > 8 ? 8 : size);
}

static __always_inline __u32 option_got(struct page *page, const struct sight *sight)
{
	__u32 used = sight->ret < 0 ? 0 : take(page, 0, sight->arg[4], 4);

	return sight->ret < 0 ? 0 : take(page, used, sight->arg[3], 8);
}

static __always_inline bool asks_int(const struct sight *sight)
{
	__u32 request = sight->arg[1];

	return request == FIONBIO || request == FIOASYNC || (request == FIONREAD && sight->ret >= 0);
}

static __always_inline __u32 polled(struct page *page, const struct sight *sight)
{
	__u64 size = (__u64)(__u32)sight->arg[1] * 8;

	return sight->ret > 0 ? take(page, 0, sight->arg[0], size > PIECE_MOST ? PIECE_MOST : size) : 0;
}

/* At the end of a call. How many bytes of the page are used. */
static __always_inline __u32 gather(struct page *page, const struct sight *sight, __u32 memory,
				    const struct task_struct *task)
{
	switch (memory) {
	case SIGHT_EPOLL:
	case SIGHT_EPOLL2: {
		__u64 size = sight->ret > 0 ? (__u64)sight->ret * control.event_size : 0;

		return take(page, 0, sight->arg[1], size > PIECE_MOST ? PIECE_MOST : size);
	}
	case SIGHT_POLL:
	case SIGHT_PPOLL:
		return polled(page, sight);
	case SIGHT_SELECT:
		return sight->ret > 0 ? sets(page, sight) : 0;
	case SIGHT_IOV:
		return (__u32)sight->arg[2] > IOV_MOST
			   ? 0
			   : take(page, 0, sight->arg[1], (__u64)(__u32)sight->arg[2] * 16);
	case SIGHT_MESSAGE:
		return message(page, sight);
	case SIGHT_MESSAGES:
		return sight->ret > 0 && sight->ret <= IOV_MOST
			   ? take(page, 0, sight->arg[1], sight->ret * 64)
			   : 0;
	case SIGHT_ADDRESS:
		return (__u32)sight->arg[2] > ADDRESS_MOST
			   ? 0
			   : take(page, 0, sight->arg[1], (__u32)sight->arg[2]);
	case SIGHT_ACCEPT:
		return accepted(page, sight, task);
	case SIGHT_LISTEN:
		return sight->ret < 0 ? 0 : address(page, 0, sock_at(task, sight->arg[0]), false);
	case SIGHT_SETOPT:
		return option_set(page, sight);
	case SIGHT_GETOPT:
		return option_got(page, sight);
	case SIGHT_CTL:
		return (__s32)sight->arg[1] == CTL_DEL ? 0 : take(page, 0, sight->arg[3], control.event_size);
	case SIGHT_INT2:
		return asks_int(sight) ? take(page, 0, sight->arg[2], 4) : 0;
	case SIGHT_PAIR0:
		return sight->ret < 0 ? 0 : take(page, 0, sight->arg[0], 8);
	case SIGHT_PAIR3:
		return sight->ret < 0 ? 0 : take(page, 0, sight->arg[3], 8);
	case SIGHT_LIMIT1:
		return take(page, 0, sight->arg[1], 16);
	case SIGHT_LIMIT2:
		return take(page, 0, sight->arg[2], 16);
	case SIGHT_RING:
		return sight->ret < 0 ? 0 : uring_made(page, sight, task);
	case SIGHT_REGISTER:
		return sight->ret < 0 ? 0 : uring_registered(page, sight);
	default:
		return 0;
	}
}

/* At its beginning: what it may change, and how long it is to wait. */
static __always_inline __u32 gather_early(struct page *page, const struct sight *sight, __u32 memory,
					  const struct task_struct *task)
{
	switch (memory) {
	case SIGHT_EPOLL2:
		return take(page, 0, sight->arg[3], 16);
	case SIGHT_PPOLL:
	case SIGHT_SPEC2:
		return take(page, 0, sight->arg[2], 16);
	case SIGHT_SPEC0:
		return take(page, 0, sight->arg[0], 16);
	case SIGHT_SELECT:
		return take(page, sets(page, sight), sight->arg[4], 16);
	case SIGHT_QUEUED:
		return queues(page, 0, sock_at(task, sight->arg[0]));
	case SIGHT_ENTERED:
		return uring_named(page, sight, task);
	default:
		return 0;
	}
}

/* A record without memory goes straight into the ring. */
static __always_inline void tell_plain(const struct task_struct *task, enum sight_kind kind, __u32 number,
				       struct pt_regs *regs, long ret, __u32 flags)
{
	struct sight *sight = open_sight(task, kind);

	if (!sight)
		return;
	sight->number = number;
	sight->flags = flags;
	sight->ret = ret;
	call_arguments(regs, sight->arg);
	bpf_ringbuf_submit(sight, wakes());
}

static __always_inline void fill(struct sight *sight, const struct task_struct *task, enum sight_kind kind,
				 __u32 number, struct pt_regs *regs, long ret)
{
	head(sight, task, kind);
	sight->number = number;
	sight->ret = ret;
	call_arguments(regs, sight->arg);
}

static __always_inline bool has_early(__u32 memory)
{
	return memory == SIGHT_EPOLL2 || memory == SIGHT_PPOLL || memory == SIGHT_SPEC0 ||
	       memory == SIGHT_SPEC2 || memory == SIGHT_SELECT || memory == SIGHT_QUEUED ||
	       memory == SIGHT_ENTERED;
}

static __always_inline bool has_late(__u32 memory, long ret)
{
	if (ret <= 0 && (memory == SIGHT_EPOLL || memory == SIGHT_POLL))
		return false;
	return memory != SIGHT_NOTHING && memory != SIGHT_SPEC0 && memory != SIGHT_SPEC2 &&
	       memory != SIGHT_QUEUED && memory != SIGHT_ENTERED;
}

static __always_inline void tell_enter(const struct task_struct *task, struct pt_regs *regs, __u32 number,
				       __u32 memory)
{
	enum sight_kind kind = SIGHT_ENTER;
	struct page *page;

	if (!has_early(memory)) {
		tell_plain(task, kind, number, regs, 0, 0);
		return;
	}
	page = page_here();
	if (!page)
		return;
	fill(&page->head, task, kind, number, regs, 0);
	if (memory == SIGHT_QUEUED && file_at(task, page->head.arg[0]))
		page->head.kind = SIGHT_CLOSE;
	send(page, gather_early(page, &page->head, memory, task));
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_enter, struct pt_regs *regs, long number)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mark *mark = mark_of(task);
	__u32 when = 0, memory = 0;

	if (!mark || is_foreign(task, number) || (__u64)number >= SIGHT_NUMBERS)
		return 0;
	when = control.plan[number & (SIGHT_NUMBERS - 1)].when;
	memory = control.plan[number & (SIGHT_NUMBERS - 1)].memory;
	if (!(when & SIGHT_AT_ENTER) && !mark->interrupted)
		return 0;
	mark->interrupted = 0;
	tell_enter(task, regs, number, when & SIGHT_AT_ENTER ? memory : SIGHT_NOTHING);
	return 0;
}

static __always_inline bool restarts(long ret)
{
	return ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND ||
	       ret == -ERESTART_RESTARTBLOCK;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mark *mark = mark_of(task);
	__u32 when, memory;
	struct page *page;
	long number;

	if (!mark)
		return 0;
	number = call_number(regs);
	if (number < 0)
		return 0;
	if (is_foreign(task, number)) {
		tell_plain(task, SIGHT_LEAVE, number, regs, ret, SIGHT_FOREIGN);
		return 0;
	}
	if (number >= SIGHT_NUMBERS)
		return 0;
	when = control.plan[number & (SIGHT_NUMBERS - 1)].when;
	memory = control.plan[number & (SIGHT_NUMBERS - 1)].memory;
	if (!(when & SIGHT_AT_LEAVE) && !((when & SIGHT_AT_ERROR) && ret < 0))
		return 0;
	mark->interrupted = restarts(ret);
	if (!has_late(memory, ret)) {
		tell_plain(task, SIGHT_LEAVE, number, regs, ret, 0);
		return 0;
	}
	page = page_here();
	if (!page)
		return 0;
	fill(&page->head, task, SIGHT_LEAVE, number, regs, ret);
	send(page, gather(page, &page->head, memory, task));
	return 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(on_born, struct task_struct *child, unsigned long long flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sight *sight;

	if (!mark_of(task) || (child->flags & PF_NO_PROGRAM))
		return 0;
	if (!bpf_task_storage_get(&marks, child, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE)) {
		count_lost();
		return 0;
	}
	sight = open_sight(task, SIGHT_BORN);
	if (!sight)
		return 0;
	sight->arg[0] = child->pid;
	sight->arg[1] = flags;
	bpf_ringbuf_submit(sight, wakes());
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int former)
{
	struct sight *sight;

	if (!mark_of(task))
		return 0;
	sight = open_sight(task, SIGHT_EXEC);
	if (!sight)
		return 0;
	sight->arg[0] = former;
	bpf_ringbuf_submit(sight, wakes());
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_end, struct task_struct *task)
{
	struct sight *sight;

	if (!mark_of(task))
		return 0;
	sight = open_sight(task, SIGHT_END);
	if (!sight)
		return 0;
	sight->ret = task->exit_code;
	sight->arg[0] = task->signal->live.counter == 0;
	bpf_ringbuf_submit(sight, wakes());
	return 0;
}

SEC("tp_btf/signal_deliver")
int BPF_PROG(on_signal, int signo, struct kernel_siginfo *info, struct k_sigaction *action)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sight *sight;

	/* Each thread of a process that is killed hears of it; whoever watches from outside does not. */
	if (signo == SIGKILL || !mark_of(task))
		return 0;
	sight = open_sight(task, SIGHT_SIGNAL);
	if (!sight)
		return 0;
	sight->ret = signo;
	sight->arg[0] = (unsigned long)action->sa.sa_handler > 1;
	sight->arg[1] = sight->arg[0] && (action->sa.sa_flags & SA_RESTART);
	bpf_ringbuf_submit(sight, wakes());
	return 0;
}

/* Asked of every thread there is: those of the family are marked, and told of. */
SEC("iter/task")
int on_look(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct sight *sight;

	if (!task || (task->flags & PF_NO_PROGRAM) || !is_below(task) || mark_of(task))
		return 0;
	if (!bpf_task_storage_get(&marks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE))
		return 0;
	sight = open_sight(task, SIGHT_THERE);
	if (!sight)
		return 0;
	sight->arg[0] = task->real_parent->tgid;
	bpf_ringbuf_submit(sight, wakes());
	return 0;
}
