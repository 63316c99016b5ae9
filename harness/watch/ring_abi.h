/* SPDX-License-Identifier: MIT */
/*
 * What io_uring's memory looks like: io_uring_setup(2), io_uring_enter(2) and, for what came later, the
 * kernel's include/uapi/linux/io_uring.h. Written down here because the build machine's header may be older
 * than the kernel that runs.
 */
#ifndef WRINGER_WATCH_RING_ABI_H
#define WRINGER_WATCH_RING_ABI_H

#include <stdint.h>

struct abi_sq_offsets {
	uint32_t head, tail, ring_mask, ring_entries, flags, dropped, array, resv;
	uint64_t user_addr; /* NO_MMAP: of the SQEs */
};

struct abi_cq_offsets {
	uint32_t head, tail, ring_mask, ring_entries, overflow, cqes, flags, resv;
	uint64_t user_addr; /* NO_MMAP: of both rings */
};

struct abi_params {
	uint32_t sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, wq_fd, resv[3];
	struct abi_sq_offsets sq;
	struct abi_cq_offsets cq;
};

struct abi_sqe {
	uint8_t opcode, flags;
	uint16_t ioprio;
	int32_t fd;
	uint64_t off, addr;
	uint32_t len, op_flags;
	uint64_t user_data;
	uint16_t buf, personality;
	int32_t file; /* splice_fd_in, or 1 + the direct slot asked for */
	uint64_t addr3, pad;
};

struct abi_cqe {
	uint64_t user_data;
	int32_t res;
	uint32_t flags;
};

/* The extended argument of io_uring_enter. */
struct abi_getevents {
	uint64_t sigmask;
	uint32_t sigmask_size, min_wait_us;
	uint64_t timespec;
};

/* io_uring_register(REGISTER_RING_FDS) and kin. */
struct abi_update {
	uint32_t offset, resv;
	uint64_t data;
};

_Static_assert(sizeof(struct abi_params) == 120, "struct io_uring_params");
_Static_assert(sizeof(struct abi_sqe) == 64, "struct io_uring_sqe");
_Static_assert(sizeof(struct abi_cqe) == 16, "struct io_uring_cqe");

#define ABI_OFF_RINGS 0ULL /* for mmap; with FEAT_SINGLE_MMAP both rings */
#define ABI_OFF_CQ    0x8000000ULL
#define ABI_OFF_SQES  0x10000000ULL

#define ABI_FEAT_SINGLE_MMAP 1u

#define ABI_SETUP_SQPOLL	     (1u << 1)
#define ABI_SETUP_SQE128	     (1u << 10)
#define ABI_SETUP_CQE32		     (1u << 11)
#define ABI_SETUP_NO_MMAP	     (1u << 14)
#define ABI_SETUP_REGISTERED_FD_ONLY (1u << 15)
#define ABI_SETUP_NO_SQARRAY	     (1u << 16)
#define ABI_SETUP_CQE_MIXED	     (1u << 18)
#define ABI_SETUP_SQE_MIXED	     (1u << 19)

#define ABI_ENTER_GETEVENTS	  (1u << 0)
#define ABI_ENTER_EXT_ARG	  (1u << 3)
#define ABI_ENTER_REGISTERED_RING (1u << 4)
#define ABI_ENTER_ABS_TIMER	  (1u << 5)
#define ABI_ENTER_EXT_ARG_REG	  (1u << 6)

#define ABI_SQE_FIXED_FILE    (1u << 0)
#define ABI_SQE_BUFFER_SELECT (1u << 5)
#define ABI_SQE_SKIP_SUCCESS  (1u << 6)

#define ABI_CQE_F_MORE	(1u << 1)
#define ABI_CQE_F_NOTIF (1u << 3)
#define ABI_CQE_F_SKIP	(1u << 5)
#define ABI_CQE_F_32	(1u << 15)

#define ABI_REGISTER_FILES	   2u
#define ABI_UNREGISTER_FILES	   3u
#define ABI_REGISTER_FILES_UPDATE  6u
#define ABI_REGISTER_FILES2	   13u
#define ABI_REGISTER_FILES_UPDATE2 14u
#define ABI_REGISTER_RING_FDS	   20u
#define ABI_UNREGISTER_RING_FDS	   21u
#define ABI_REGISTER_RESIZE_RINGS  33u
#define ABI_REGISTER_BY_INDEX	   (1u << 31) /* the fd argument is a registered ring */
#define ABI_UPDATE2_COUNT	   24 /* where io_uring_rsrc_update2 says how many */
#define ABI_FILE_INDEX_ALLOC	   UINT32_MAX

#endif
