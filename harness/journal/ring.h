/* SPDX-License-Identifier: MIT */
/* Requests of io_uring: the kernel's own numbers of operations, and what an EV_RING event carries. */
#ifndef WRINGER_JOURNAL_RING_H
#define WRINGER_JOURNAL_RING_H

#include <stdbool.h>
#include <stdint.h>
#include "journal/calls.h"
#include "journal/event.h"

/* X(name, class), in the order of enum io_uring_op: append only. linux/io_uring.h of the build machine may be
 * older. */
#define WRINGER_RING_OPS(X)                                                                                  \
	X(NOP, OTHER)                                                                                        \
	X(READV, READ)                                                                                       \
	X(WRITEV, WRITE)                                                                                     \
	X(FSYNC, OTHER)                                                                                      \
	X(READ_FIXED, READ)                                                                                  \
	X(WRITE_FIXED, WRITE)                                                                                \
	X(POLL_ADD, WAIT)                                                                                    \
	X(POLL_REMOVE, OTHER)                                                                                \
	X(SYNC_FILE_RANGE, OTHER)                                                                            \
	X(SENDMSG, WRITE)                                                                                    \
	X(RECVMSG, READ)                                                                                     \
	X(TIMEOUT, OTHER)                                                                                    \
	X(TIMEOUT_REMOVE, OTHER)                                                                             \
	X(ACCEPT, ACCEPT)                                                                                    \
	X(ASYNC_CANCEL, OTHER)                                                                               \
	X(LINK_TIMEOUT, OTHER)                                                                               \
	X(CONNECT, CONNECT)                                                                                  \
	X(FALLOCATE, OTHER)                                                                                  \
	X(OPENAT, CREATE)                                                                                    \
	X(CLOSE, CLOSE)                                                                                      \
	X(FILES_UPDATE, OTHER)                                                                               \
	X(STATX, OTHER)                                                                                      \
	X(READ, READ)                                                                                        \
	X(WRITE, WRITE)                                                                                      \
	X(FADVISE, OTHER)                                                                                    \
	X(MADVISE, OTHER)                                                                                    \
	X(SEND, WRITE)                                                                                       \
	X(RECV, READ)                                                                                        \
	X(OPENAT2, CREATE)                                                                                   \
	X(EPOLL_CTL, CTL)                                                                                    \
	X(SPLICE, WRITE)                                                                                     \
	X(PROVIDE_BUFFERS, OTHER)                                                                            \
	X(REMOVE_BUFFERS, OTHER)                                                                             \
	X(TEE, WRITE)                                                                                        \
	X(SHUTDOWN, SHUTDOWN)                                                                                \
	X(RENAMEAT, OTHER)                                                                                   \
	X(UNLINKAT, OTHER)                                                                                   \
	X(MKDIRAT, OTHER)                                                                                    \
	X(SYMLINKAT, OTHER)                                                                                  \
	X(LINKAT, OTHER)                                                                                     \
	X(MSG_RING, OTHER)                                                                                   \
	X(FSETXATTR, OTHER)                                                                                  \
	X(SETXATTR, OTHER)                                                                                   \
	X(FGETXATTR, OTHER)                                                                                  \
	X(GETXATTR, OTHER)                                                                                   \
	X(SOCKET, CREATE)                                                                                    \
	X(URING_CMD, OTHER)                                                                                  \
	X(SEND_ZC, WRITE)                                                                                    \
	X(SENDMSG_ZC, WRITE)                                                                                 \
	X(READ_MULTISHOT, READ)                                                                              \
	X(WAITID, OTHER)                                                                                     \
	X(FUTEX_WAIT, OTHER)                                                                                 \
	X(FUTEX_WAKE, OTHER)                                                                                 \
	X(FUTEX_WAITV, OTHER)                                                                                \
	X(FIXED_FD_INSTALL, CREATE)                                                                          \
	X(FTRUNCATE, OTHER)                                                                                  \
	X(BIND, OPTION)                                                                                      \
	X(LISTEN, LISTEN)                                                                                    \
	X(RECV_ZC, READ)                                                                                     \
	X(EPOLL_WAIT, WAIT)                                                                                  \
	X(READV_FIXED, READ)                                                                                 \
	X(WRITEV_FIXED, WRITE)                                                                               \
	X(PIPE, CREATE)

enum ring_op {
#define X(name, class) OP_##name,
	WRINGER_RING_OPS(X)
#undef X
	    OP_COUNT,
	OP_UNKNOWN = 0xff /* a completion whose submission was not seen */
};

/* Behind every EV_RING event, before whatever else its data holds. Also the layout in a journal file. */
struct ring_entry {
	uint64_t user_data;
	uint64_t request; /* its number among the ring's submissions (1 …), in all its completions too; 0
			     unknown */
	uint64_t length;  /* see event.h */
	uint64_t extra;	  /* see event.h */
	int32_t ring;	  /* the ring's fd */
	int32_t index; /* the direct descriptor acted on (then fd is -1 or its number), or made; -1: none */
	uint32_t op_flags; /* of the submission: MSG_…, SOCK_…, poll and cancel flags: the SQE's third word of
			      flags */
	uint32_t cqe_flags; /* of the completion: IORING_CQE_F_… */
	uint16_t ioprio;    /* IORING_ACCEPT_MULTISHOT, IORING_RECV_MULTISHOT … */
	uint16_t group;	    /* of provided buffers, with IOSQE_BUFFER_SELECT */
	uint8_t op;	    /* enum ring_op */
	uint8_t sqe_flags;  /* IOSQE_… */
	uint16_t reserved;
};

/* What the kernel's header calls IORING_CQE_F_…; spelt here since the build machine's may be older. */
#define RING_F_BUFFER	     0x1u
#define RING_F_MORE	     0x2u
#define RING_F_SOCK_NONEMPTY 0x4u
#define RING_F_NOTIF	     0x8u
#define RING_F_BUF_MORE	     0x10u

/* "RECV"; "op 200" is written nowhere: "unknown" beyond the table. */
const char *ring_op_name(unsigned op);
/* What a completed request of that kind did. */
enum call_class ring_op_class(unsigned op);

/* The entry of an EV_RING event, NULL when it has none (RING_LOST, RING_UNSEEN, a foreign journal). */
const struct ring_entry *event_ring(const struct event *event);
/* What stands behind the entry, with its size; NULL and 0 when nothing does. */
const void *event_ring_rest(const struct event *event, uint32_t *ret_size);

/* Whether the request stays in flight when a completion has F_MORE: it was submitted as multishot. */
bool ring_multishot(const struct ring_entry *entry);
/*
 * Whether it is a poll that speaks when something changes and not because something is so: multishot without
 * IORING_POLL_ADD_LEVEL. Like an edge-triggered registration, it reports the present state once, when armed.
 */
bool ring_edge(const struct ring_entry *entry);

#endif
