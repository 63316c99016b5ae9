/* SPDX-License-Identifier: MIT */
/*
 * How a record is made and sent, and what several tracepoints put into theirs: memory of the target, and what
 * the kernel knows of a socket.
 */
#ifndef WRINGER_WATCH_BPF_RECORD_H
#define WRINGER_WATCH_BPF_RECORD_H

#include "kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "../sight.h"

#define RING_SIZE    (16u << 20)
#define PROCESSORS   256u
#define PIECE_MOST   65536u
#define USED_MOST    (2 * PIECE_MOST)
#define ADDRESS_MOST 128u
#define ADDRESS_ROOM 128u
#define IOV_MOST     1024u
#define ANCESTORS    64
#define CTL_DEL	     2

#define AF_UNIX	 1
#define AF_INET	 2
#define AF_INET6 10
#define S_IFMT	 0170000
#define S_IFSOCK 0140000

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct mark {
	__u32 interrupted; /* what it enters next tells how the interrupted call goes on */
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct mark);
} marks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_SIZE);
} ring SEC(".maps");

/* Where a record with memory is put together: a page for each processor, on which nothing else runs
 * meanwhile. */
struct page {
	struct sight head;
	char room[USED_MOST + sizeof(struct sight_piece) + PIECE_MOST + 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PROCESSORS);
	__type(key, __u32);
	__type(value, struct page);
} pages SEC(".maps");

struct sight_control control;

static __always_inline struct mark *mark_of(struct task_struct *task)
{
	return bpf_task_storage_get(&marks, task, NULL, 0);
}

static __always_inline void count_lost(void)
{
	__sync_fetch_and_add(&control.lost, 1);
}

static __always_inline __u64 wakes(void)
{
	if (!control.asleep)
		return BPF_RB_NO_WAKEUP;
	control.asleep = 0;
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline void head_of(struct sight *sight, __u32 pid, __u32 tid, enum sight_kind kind)
{
	__builtin_memset(sight, 0, sizeof *sight);
	sight->pid = pid;
	sight->tid = tid;
	sight->kind = kind;
	if (control.lost)
		sight->lost = __sync_lock_test_and_set(&control.lost, 0);
	sight->at = bpf_ktime_get_ns();
}

static __always_inline void head(struct sight *sight, const struct task_struct *task, enum sight_kind kind)
{
	head_of(sight, task->tgid, task->pid, kind);
}

/* A record without memory. NULL: no room. */
static __always_inline struct sight *open_sight(const struct task_struct *task, enum sight_kind kind)
{
	struct sight *sight = bpf_ringbuf_reserve(&ring, sizeof *sight, 0);

	if (!sight)
		count_lost();
	else
		head(sight, task, kind);
	return sight;
}

static __always_inline struct page *page_here(void)
{
	__u32 processor = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&pages, &processor);
}

static __always_inline void send(struct page *page, __u32 used)
{
	if (used > USED_MOST + PIECE_MOST)
		return;
	page->head.size = used;
	if (bpf_ringbuf_output(&ring, page, sizeof page->head + used, wakes()) < 0)
		__sync_fetch_and_add(&control.lost, 1 + page->head.lost);
}

/* Makes room for a piece; the caller fills it. How much is used now; as before when there is no room. */
static __always_inline struct sight_piece *piece_at(struct page *page, __u32 used)
{
	return (struct sight_piece *)(page->room + used);
}

/* Copies size bytes of the thread's memory. What is not there is left out. */
static __always_inline __u32 take(struct page *page, __u32 used, __u64 from, __u64 size)
{
	struct sight_piece *piece;
	__u32 bytes = size;

	if (!from || !size || size > PIECE_MOST || used > USED_MOST)
		return used;
	bytes &= 2 * PIECE_MOST - 1;
	if (bytes > PIECE_MOST)
		return used;
	piece = piece_at(page, used);
	if (bpf_probe_read_user(piece + 1, bytes, (const void *)from) < 0)
		return used;
	piece->from = from;
	piece->size = bytes;
	piece->unused = 0;
	return used + sizeof *piece + ((bytes + 7) & ~7u);
}

struct user_msghdr {
	__u64 name;
	__u32 name_size, unused;
	__u64 iov, iov_count, control, control_size, flags;
};

/* A message's header, which the caller gets too, and its vector. */
static __always_inline __u32 take_message(struct page *page, __u32 used, __u64 from,
					  struct user_msghdr *header)
{
	__u32 with = take(page, used, from, sizeof *header);

	if (with == used || bpf_probe_read_user(header, sizeof *header, (const void *)from) < 0) {
		__builtin_memset(header, 0, sizeof *header);
		return with;
	}
	return header->iov_count > IOV_MOST ? with : take(page, with, header->iov, header->iov_count * 16);
}

static __always_inline struct file *file_at(const struct task_struct *task, __u32 fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (!table || fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	(void)bpf_probe_read_kernel(&file, sizeof file, files + fd);
	return file;
}

static __always_inline struct sock *sock_of(struct file *file)
{
	struct socket *socket;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline struct sock *sock_at(const struct task_struct *task, __u32 fd)
{
	return sock_of(file_at(task, fd));
}

/* As struct sockaddr of the family; how many bytes. */
static __always_inline __u32 address_inet(struct sock *sock, bool peer, char *out)
{
	__u32 where = peer ? BPF_CORE_READ(sock, __sk_common.skc_daddr)
			   : BPF_CORE_READ(sock, __sk_common.skc_rcv_saddr);

	*(__u32 *)(out + 4) = where;
	return 16;
}

static __always_inline __u32 address_inet6(struct sock *sock, bool peer, char *out)
{
	if (peer)
		BPF_CORE_READ_INTO((struct in6_addr *)(out + 8), sock, __sk_common.skc_v6_daddr);
	else
		BPF_CORE_READ_INTO((struct in6_addr *)(out + 8), sock, __sk_common.skc_v6_rcv_saddr);
	return 28;
}

static __always_inline __u32 address_unix(struct sock *sock, bool peer, char *out)
{
	struct unix_address *address;
	__u32 size = 0;

	if (peer)
		sock = BPF_CORE_READ((struct unix_sock *)sock, peer);
	address = sock ? BPF_CORE_READ((struct unix_sock *)sock, addr) : NULL;
	if (address)
		size = BPF_CORE_READ(address, len);
	if (size < 2 || size > ADDRESS_MOST)
		return 2;
	(void)bpf_probe_read_kernel(out, size, &address->name);
	return size;
}

static __always_inline __u32 address(struct page *page, __u32 used, struct sock *sock, bool peer)
{
	struct sight_piece *piece;
	char *out;
	__u32 family, size = 0;

	if (!sock || used > USED_MOST)
		return used;
	piece = piece_at(page, used);
	out = (char *)(piece + 1);
	__builtin_memset(piece, 0, sizeof *piece + ADDRESS_ROOM);
	family = BPF_CORE_READ(sock, __sk_common.skc_family);
	*(__u16 *)out = family;
	*(__u16 *)(out + 2) = peer ? BPF_CORE_READ(sock, __sk_common.skc_dport)
				   : __builtin_bswap16(BPF_CORE_READ(sock, __sk_common.skc_num));
	if (family == AF_INET)
		size = address_inet(sock, peer, out);
	else if (family == AF_INET6)
		size = address_inet6(sock, peer, out);
	else if (family == AF_UNIX)
		size = address_unix(sock, peer, out);
	piece->from = peer ? SIGHT_PEER : SIGHT_OWN;
	piece->size = size;
	return used + sizeof *piece + ADDRESS_ROOM;
}

/* Whether the process is the one that is looked for, or below it. */
static __always_inline bool is_below(struct task_struct *task)
{
	for (int i = 0; i < ANCESTORS && task; i++) {
		if (BPF_CORE_READ(task, tgid) == control.root)
			return true;
		if (BPF_CORE_READ(task, pid) <= 1)
			return false;
		task = BPF_CORE_READ(task, real_parent);
	}
	return false;
}

#endif
