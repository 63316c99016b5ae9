/* SPDX-License-Identifier: MIT */
/*
 * io_uring, from the kernel's own tracepoints: what is submitted, whoever takes it out of the queue (the
 * thread that calls io_uring_enter, or the kernel's, SQPOLL), and what is completed, whoever does the work.
 *
 *     io_uring_submit_req      prepared well: the SQE is still where it was submitted
 *     io_uring_req_failed      prepared in vain: it completes with an error
 *     io_uring_complete        a completion is posted, or
 *     io_uring_cqe_overflow    kept until there is room for it
 *
 * What these tell has changed over the years, hence the shapes below. A ring is known by its io_ring_ctx.
 */
#ifndef WRINGER_WATCH_BPF_URING_H
#define WRINGER_WATCH_BPF_URING_H

#include "record.h"

#define SETUP_SQE128	  (1u << 10)
#define SETUP_NO_SQARRAY  (1u << 16)
#define ENTER_EXT_ARG	  (1u << 3)
#define ENTER_BY_INDEX	  (1u << 4)
#define REGISTER_BY_INDEX (1u << 31)
#define REGISTER_FILES	  2u
#define REGISTER_UPDATE	  6u
#define REGISTER_FILES2	  13u
#define REGISTER_UPDATE2  14u
#define REGISTER_RINGS	  20u
#define UNREGISTER_RINGS  21u
#define URING_PARAMS	  120u
#define URING_INDICES	  16u
#define FILES_MOST	  4096u
#define SQE_FIXED_FILE	  1u
#define MULTISHOT_ACCEPT  1u
#define MULTISHOT_RECEIVE 2u
#define MULTISHOT_POLL	  1u
#define POLL_LEVEL	  8u
#define POLL_BITS	  0x07ffu
#define POLL_UNASKED	  (0x08u | 0x10u | 0x20u | 0x2000u) /* ERR, HUP, NVAL, RDHUP: added to each */
#define POLL_ONESHOT	  (1u << 30)
#define POLL_EDGE	  (1u << 31)
#define PF_IO_WORKER	  0x10u
#define FILE_POINTER	  (~7ul) /* of a direct descriptor, without the bits in it */
#define BUCKETS_MOST	  8u	 /* as a power of two */
#define FLIGHTS_LOOKED_AT 65536u

enum {
	URING_READV = 1,
	URING_WRITEV = 2,
	URING_POLL_ADD = 6,
	URING_SENDMSG = 9,
	URING_RECVMSG = 10,
	URING_TIMEOUT = 11,
	URING_ACCEPT = 13,
	URING_LINK_TIMEOUT = 15,
	URING_CONNECT = 16,
	URING_RECV = 27,
	URING_EPOLL_CTL = 29,
	URING_SENDMSG_ZC = 48,
	URING_BIND = 56,
	URING_READV_FIXED = 60,
	URING_WRITEV_FIXED = 61,
};

/* Linux 6.3 */
typedef void (*btf_trace_io_uring_submit_req)(void *, struct io_kiocb *);
/* 6.0: the request; 5.16 and before it: the ring first */
typedef void (*btf_trace_io_uring_submit_sqe___request)(void *, const struct io_kiocb *, bool);
typedef void (*btf_trace_io_uring_submit_sqe___both)(void *, void *, void *, __u64, __u8, __u32, bool, bool);
typedef void (*btf_trace_io_uring_submit_sqe___ring)(void *, void *, __u8, __u64, bool, bool);
/* 6.15; 6.0; 5.18; before it */
typedef void (*btf_trace_io_uring_complete___cqe)(void *, struct io_ring_ctx *, void *,
						  struct io_uring_cqe *);
typedef void (*btf_trace_io_uring_complete___extra)(void *, void *, void *, __u64, int, unsigned, __u64,
						    __u64);
typedef void (*btf_trace_io_uring_complete___request)(void *, void *, void *, __u64, int, unsigned);
typedef void (*btf_trace_io_uring_complete___bare)(void *, void *, __u64, int, unsigned);
/* 6.0 */
typedef void (*btf_trace_io_uring_req_failed)(void *, const struct io_uring_sqe *, struct io_kiocb *, int);

/*
 * Accepts that were submitted: their completions bring the peer's address along. What is left over, or
 * forgotten for newer ones, costs no more than an address too many or too few.
 */
struct accept_key {
	__u64 uring, user_data;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct accept_key);
	__type(value, __s32); /* the direct slot asked for; -1: a number */
} accepts SEC(".maps");

/* Whose doing it is: the current thread, or that of whom the kernel's thread works for. NULL: none of ours.
 */
static __always_inline struct task_struct *member(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (mark_of(task))
		return task;
	return (task->flags & PF_IO_WORKER) && mark_of(task->group_leader) ? task : NULL;
}

static __always_inline struct io_ring_ctx *uring_of(struct file *file)
{
	return file ? BPF_CORE_READ(file, private_data) : NULL;
}

static __always_inline __u32 name_uring(struct page *page, __u32 used, struct io_ring_ctx *uring)
{
	struct sight_piece *piece;

	if (used > USED_MOST)
		return used;
	piece = piece_at(page, used);
	piece->from = SIGHT_URING;
	piece->size = sizeof(__u64);
	piece->unused = 0;
	*(__u64 *)(piece + 1) = (unsigned long)uring;
	return used + sizeof *piece + sizeof(__u64);
}

/* io_uring_setup: its parameters, and which ring it is. */
static __always_inline __u32 uring_made(struct page *page, const struct sight *sight,
					const struct task_struct *task)
{
	__u32 used = take(page, 0, sight->arg[1], URING_PARAMS);

	return name_uring(page, used, uring_of(file_at(task, sight->ret)));
}

/* The extended argument of io_uring_enter. */
struct getevents {
	__u64 sigmask;
	__u32 sigmask_size, min_wait_us;
	__u64 timespec;
};

/* io_uring_enter: how long it is to wait; and, of one named by index, which ring it is. */
static __always_inline __u32 uring_named(struct page *page, const struct sight *sight,
					 const struct task_struct *task)
{
	__u32 index = sight->arg[0], used = 0;
	struct getevents extended;
	struct file *file;

	if ((sight->arg[3] & ENTER_EXT_ARG) && sight->arg[5] == sizeof extended) {
		used = take(page, 0, sight->arg[4], sizeof extended);
		if (used && bpf_probe_read_user(&extended, sizeof extended, (const void *)sight->arg[4]) == 0)
			used = take(page, used, extended.timespec, 16);
	}
	if (!(sight->arg[3] & ENTER_BY_INDEX) || index >= URING_INDICES)
		return used;
	if (!bpf_core_field_exists(task->io_uring->registered_rings))
		return used;
	file = BPF_CORE_READ(task, io_uring, registered_rings[index]);
	return file ? name_uring(page, used, uring_of(file)) : used;
}

/* io_uring_register: fds that become direct descriptors, rings that get an index. */
static __always_inline __u32 uring_registered(struct page *page, const struct sight *sight)
{
	__u32 opcode = (__u32)sight->arg[1] & ~REGISTER_BY_INDEX, used;
	__u64 from = sight->arg[2], count = (__u32)sight->arg[3];
	__u64 wrapped[4]; /* as rings.c reads it */

	if (opcode == REGISTER_RINGS || opcode == UNREGISTER_RINGS)
		return take(page, 0, from, sight->ret > URING_INDICES ? URING_INDICES * 16 : sight->ret * 16);
	if (opcode == REGISTER_FILES)
		return take(page, 0, from, count > FILES_MOST ? FILES_MOST * 4 : count * 4);
	if (opcode != REGISTER_UPDATE && opcode != REGISTER_FILES2 && opcode != REGISTER_UPDATE2)
		return 0;
	used = take(page, 0, from, sizeof wrapped);
	if (!used || bpf_probe_read_user(wrapped, sizeof wrapped, (const void *)from) < 0)
		return used;
	if (opcode == REGISTER_FILES2)
		count = (__u32)wrapped[0];
	else if (opcode == REGISTER_UPDATE2)
		count = (__u32)wrapped[3];
	from = opcode == REGISTER_FILES2 ? wrapped[2] : wrapped[1];
	return take(page, used, from, count > FILES_MOST ? FILES_MOST * 4 : count * 4);
}

/* The request that was taken out of the queue last. It stays there until the kernel has done with the queue.
 */
static __always_inline bool last_sqe(struct io_ring_ctx *uring, struct io_uring_sqe *sqe)
{
	__u32 flags = BPF_CORE_READ(uring, flags), mask = BPF_CORE_READ(uring, sq_entries) - 1;
	__u32 index = (BPF_CORE_READ(uring, cached_sq_head) - 1) & mask;
	__u32 *array = BPF_CORE_READ(uring, sq_array);
	struct io_uring_sqe *sqes = BPF_CORE_READ(uring, sq_sqes);

	if (!(flags & SETUP_NO_SQARRAY) && array)
		(void)bpf_probe_read_kernel(&index, sizeof index, array + index);
	if (index > mask)
		return false;
	return bpf_probe_read_kernel(sqe, sizeof *sqe, sqes + (flags & SETUP_SQE128 ? 2 * index : index)) ==
	       0;
}

/* What it points at. */
static __always_inline __u32 pointed_at(struct page *page, __u32 used, const struct io_uring_sqe *sqe)
{
	struct user_msghdr header;

	switch (sqe->opcode) {
	case URING_READV:
	case URING_WRITEV:
	case URING_READV_FIXED:
	case URING_WRITEV_FIXED:
		return sqe->len > IOV_MOST ? used : take(page, used, sqe->addr, (__u64)sqe->len * 16);
	case URING_SENDMSG:
	case URING_RECVMSG:
	case URING_SENDMSG_ZC:
		return take_message(page, used, sqe->addr, &header);
	case URING_TIMEOUT:
	case URING_LINK_TIMEOUT:
		return take(page, used, sqe->addr, 16);
	case URING_CONNECT:
	case URING_BIND:
		return sqe->off > ADDRESS_MOST ? used : take(page, used, sqe->addr, sqe->off);
	case URING_EPOLL_CTL:
		return sqe->len == CTL_DEL ? used : take(page, used, sqe->addr, control.event_size);
	default:
		return used;
	}
}

static __always_inline void expect_accept(struct io_ring_ctx *uring, const struct io_uring_sqe *sqe)
{
	const struct accept_key key = {(unsigned long)uring, sqe->user_data};
	/* 0: none is asked for; the highest number: any */
	__s32 slot = sqe->file ? (__u32)sqe->file > 0x7fffffffu ? SIGHT_ANY_SLOT : sqe->file - 1 : -1;

	(void)bpf_map_update_elem(&accepts, &key, &slot, 0);
}

static __always_inline void tell_request(__u32 pid, __u32 tid, enum sight_kind kind,
					 struct io_ring_ctx *uring, const void *request,
					 const struct io_uring_sqe *sqe)
{
	struct page *page = page_here();
	struct sight_piece *piece;
	__u32 used;

	if (!page)
		return;
	head_of(&page->head, pid, tid, kind);
	page->head.arg[0] = (unsigned long)uring;
	page->head.arg[1] = (unsigned long)request;
	piece = piece_at(page, 0);
	piece->from = SIGHT_SQE;
	piece->size = sizeof *sqe;
	piece->unused = 0;
	__builtin_memcpy(piece + 1, sqe, sizeof *sqe);
	used = sizeof *piece + sizeof *sqe;
	if (kind == SIGHT_SUBMIT)
		used = pointed_at(page, used, sqe);
	send(page, used);
	if (sqe->opcode == URING_ACCEPT)
		expect_accept(uring, sqe);
}

/* A kernel whose tracepoints are none of those known: said once. */
static __always_inline int tell_unseen(void)
{
	struct task_struct *task = member();
	struct sight *sight;

	if (!task || control.unseen)
		return 0;
	control.unseen = 1;
	sight = open_sight(task, SIGHT_UNSEEN);
	if (sight)
		bpf_ringbuf_submit(sight, wakes());
	return 0;
}

static __always_inline int submitted(struct io_ring_ctx *uring, const void *request)
{
	struct task_struct *task = member();
	struct io_uring_sqe sqe;

	if (!task)
		return 0;
	if (bpf_core_type_exists(struct io_ring_ctx) && last_sqe(uring, &sqe))
		tell_request(task->tgid, task->pid, SIGHT_SUBMIT, uring, request, &sqe);
	else
		count_lost();
	return 0;
}

SEC("raw_tp/io_uring_submit_req")
int on_uring_submit(struct bpf_raw_tracepoint_args *context)
{
	struct io_kiocb *request;

	if (!bpf_core_type_exists(btf_trace_io_uring_submit_req))
		return tell_unseen();
	request = (struct io_kiocb *)context->args[0];
	return submitted(BPF_CORE_READ(request, ctx), request);
}

/* Its name up to Linux 6.2. */
SEC("raw_tp/io_uring_submit_sqe")
int on_uring_submit_once(struct bpf_raw_tracepoint_args *context)
{
	struct io_kiocb *request = (struct io_kiocb *)context->args[0];

	if (bpf_core_type_exists(btf_trace_io_uring_submit_sqe___request))
		return submitted(BPF_CORE_READ(request, ctx), request);
	if (bpf_core_type_exists(btf_trace_io_uring_submit_sqe___both) ||
	    bpf_core_type_exists(btf_trace_io_uring_submit_sqe___ring))
		return submitted((struct io_ring_ctx *)context->args[0], NULL);
	return tell_unseen();
}

SEC("raw_tp/io_uring_req_failed")
int on_uring_failed(struct bpf_raw_tracepoint_args *context)
{
	struct task_struct *task = member();
	struct io_uring_sqe sqe;
	struct io_kiocb *request;

	if (!task || !bpf_core_type_exists(btf_trace_io_uring_req_failed))
		return 0;
	request = (struct io_kiocb *)context->args[1];
	if (bpf_probe_read_kernel(&sqe, sizeof sqe, (const void *)context->args[0]) == 0)
		tell_request(task->tgid, task->pid, SIGHT_SUBMIT, BPF_CORE_READ(request, ctx), request, &sqe);
	return 0;
}

/* The file behind a direct descriptor. */
static __always_inline struct file *direct_at(struct io_ring_ctx *uring, __u32 slot)
{
	struct io_rsrc_node **nodes, *node = NULL;

	if (!bpf_core_field_exists(uring->file_table.data) ||
	    slot >= BPF_CORE_READ(uring, file_table.data.nr))
		return NULL;
	nodes = BPF_CORE_READ(uring, file_table.data.nodes);
	(void)bpf_probe_read_kernel(&node, sizeof node, nodes + slot);
	return node ? (struct file *)(BPF_CORE_READ(node, file_ptr) & FILE_POINTER) : NULL;
}

static __always_inline __u32 accepted_from(struct page *page, const struct task_struct *task,
					   struct io_ring_ctx *uring, __u64 user_data, __s32 res)
{
	const struct accept_key key = {(unsigned long)uring, user_data};
	const __s32 *slot = bpf_map_lookup_elem(&accepts, &key);
	struct file *file;

	if (!slot)
		return 0;
	if (*slot < 0)
		file = file_at(task, res);
	else
		file = direct_at(uring, *slot == SIGHT_ANY_SLOT ? res : *slot);
	return file ? address(page, 0, sock_of(file), true) : 0;
}

static __always_inline int completed(struct io_ring_ctx *uring, __u64 user_data, __s32 res, __u32 flags)
{
	struct task_struct *task = member();
	struct page *page = task ? page_here() : NULL;

	if (!page)
		return 0;
	head(&page->head, task, SIGHT_COMPLETE);
	page->head.ret = res;
	page->head.arg[0] = (unsigned long)uring;
	page->head.arg[1] = user_data;
	page->head.arg[2] = flags;
	send(page, res < 0 ? 0 : accepted_from(page, task, uring, user_data, res));
	return 0;
}

SEC("raw_tp/io_uring_complete")
int on_uring_complete(struct bpf_raw_tracepoint_args *context)
{
	struct io_ring_ctx *uring = (struct io_ring_ctx *)context->args[0];

	if (bpf_core_type_exists(btf_trace_io_uring_complete___cqe)) {
		struct io_uring_cqe cqe;

		if (bpf_probe_read_kernel(&cqe, sizeof cqe, (const void *)context->args[2]) < 0)
			return 0;
		return completed(uring, cqe.user_data, cqe.res, cqe.flags);
	}
	if (bpf_core_type_exists(btf_trace_io_uring_complete___extra) ||
	    bpf_core_type_exists(btf_trace_io_uring_complete___request))
		return completed(uring, context->args[2], context->args[3], context->args[4]);
	if (bpf_core_type_exists(btf_trace_io_uring_complete___bare))
		return completed(uring, context->args[1], context->args[2], context->args[3]);
	return tell_unseen();
}

SEC("raw_tp/io_uring_cqe_overflow")
int on_uring_overflow(struct bpf_raw_tracepoint_args *context)
{
	return completed((struct io_ring_ctx *)context->args[0], context->args[1], context->args[2],
			 context->args[3]);
}

/* Attaching: a request that waits for its file, as if it were submitted now. */
static __always_inline void rebuild(struct io_kiocb *request, struct io_uring_sqe *sqe)
{
	__u32 events;

	__builtin_memset(sqe, 0, sizeof *sqe);
	sqe->opcode = BPF_CORE_READ(request, opcode);
	sqe->flags = BPF_CORE_READ(request, flags) & 0xff; /* IOSQE_…, by the same bits */
	sqe->fd = BPF_CORE_READ(request, cqe.fd);
	sqe->user_data = BPF_CORE_READ(request, cqe.user_data);
	switch (sqe->opcode) {
	case URING_ACCEPT: {
		struct io_accept *accept = (struct io_accept *)request;

		sqe->ioprio = bpf_core_field_exists(accept->iou_flags) ? BPF_CORE_READ(accept, iou_flags)
								       : MULTISHOT_ACCEPT;
		sqe->file = BPF_CORE_READ(accept, file_slot);
		return;
	}
	case URING_RECV:
	case URING_RECVMSG:
		sqe->ioprio = BPF_CORE_READ((struct io_sr_msg *)request, flags);
		return;
	case URING_POLL_ADD:
		events = BPF_CORE_READ((struct io_poll *)request, events);
		sqe->op_flags = events & POLL_BITS & ~POLL_UNASKED;
		sqe->len =
		    (events & POLL_ONESHOT ? 0 : MULTISHOT_POLL) | (events & POLL_EDGE ? 0 : POLL_LEVEL);
		return;
	}
}

/* Where the walk over what waits in a ring has come to. */
struct walk {
	__u32 pid;
	struct io_ring_ctx *uring;
	struct io_hash_bucket *buckets;
	struct hlist_node *node;
	__u32 bucket, bucket_count;
};

static long walk_on(__u32 step, struct walk *walk)
{
	struct hlist_node *node = walk->node;
	struct io_uring_sqe sqe;
	struct io_kiocb *request;

	if (!node) {
		struct io_hash_bucket *bucket =
		    (void *)walk->buckets + walk->bucket * bpf_core_type_size(struct io_hash_bucket);

		if (walk->bucket++ >= walk->bucket_count)
			return 1;
		walk->node = BPF_CORE_READ(bucket, list.first);
		return 0;
	}
	request = (void *)node - bpf_core_field_offset(struct io_kiocb, hash_node);
	walk->node = BPF_CORE_READ(node, next);
	if (BPF_CORE_READ(request, ctx) != walk->uring)
		return 1; /* the list has changed under the walk */
	rebuild(request, &sqe);
	tell_request(walk->pid, walk->pid, SIGHT_WAITING, walk->uring, request, &sqe);
	return 0;
}

static __always_inline void walk_waiting(struct io_ring_ctx *uring, __u32 pid)
{
	struct walk walk = {.pid = pid, .uring = uring};
	__u32 bits;

	/* Linux 6.0; what waits in an older one is not known. */
	if (!bpf_core_field_exists(uring->cancel_table))
		return;
	bits = BPF_CORE_READ(uring, cancel_table.hash_bits);
	walk.buckets = BPF_CORE_READ(uring, cancel_table.hbs);
	walk.bucket_count = 1u << (bits > BUCKETS_MOST ? BUCKETS_MOST : bits);
	(void)bpf_loop(FLIGHTS_LOOKED_AT, walk_on, &walk, 0);
}

static __always_inline bool is_uring(struct file *file)
{
	const unsigned char *name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	static const char is[] = "[io_uring]";
	char has[sizeof is] = "";

	(void)bpf_probe_read_kernel(has, sizeof has, name);
	for (__u32 i = 0; i < sizeof is; i++)
		if (has[i] != is[i])
			return false;
	return true;
}

/* Asked of every fd there is: a ring of the family is told of, and the requests that wait in it. */
SEC("iter/task_file")
int on_uring_look(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;
	struct io_ring_ctx *uring;
	struct sight *sight;

	if (!task || !file || !is_below(task) || !is_uring(file))
		return 0;
	uring = uring_of(file);
	sight = open_sight(task, SIGHT_URING_THERE);
	if (!sight)
		return 0;
	sight->arg[0] = (unsigned long)uring;
	sight->arg[1] = context->fd;
	bpf_ringbuf_submit(sight, wakes());
	walk_waiting(uring, task->tgid);
	return 0;
}

#endif
