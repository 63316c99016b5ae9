/* SPDX-License-Identifier: MIT */
/*
 * What the program in the kernel (bpf/sight.bpf.c) tells the watcher: one record for each thing that a thread
 * of the target did, copied at the moment it was done, memory included.
 *
 *     thread ── call ──► sight.bpf.c ── struct sight, pieces ──► ring ──► sighting.c ──► journal
 *
 * Both sides include this; there is no libc on the other one.
 */
#ifndef WRINGER_WATCH_SIGHT_H
#define WRINGER_WATCH_SIGHT_H

#ifndef __bpf__
#include <stdint.h>
#endif

enum sight_kind {
	SIGHT_ENTER = 1, /* number, arg: a call is entered */
	SIGHT_LEAVE,	 /* number, arg, ret: it returns, with the kernel's inner errnos */
	SIGHT_CLOSE,	 /* as SIGHT_ENTER: a close of a number that is open */
	SIGHT_BORN,	 /* arg[0] the child's thread, arg[1] clone flags */
	SIGHT_EXEC,	 /* arg[0] the number the thread had before */
	SIGHT_END,	 /* ret wait status, arg[0] 1: the last thread of its process */
	SIGHT_SIGNAL,	 /* ret signo; arg[0] 1: a handler runs, arg[1] 1: which restarts calls */
	SIGHT_THERE,	 /* the thread was there before; arg[0] its process's parent */
	/* of an io_uring, which arg[0] names as the kernel does */
	SIGHT_SUBMIT, /* arg[1] names the request (0: nothing does), behind it its SQE and what that points at
		       */
	SIGHT_COMPLETE, /* ret, arg[1] user_data, arg[2] flags; of an accept the peer's address behind it */
	SIGHT_URING_THERE, /* the ring was there before; arg[1] its fd */
	SIGHT_WAITING,	   /* as SIGHT_SUBMIT: the request was there before */
	SIGHT_UNSEEN,	   /* the kernel's tracepoints of io_uring are none of those known */
};

#define SIGHT_FOREIGN 0x1u /* the call is one of another architecture: its number is not ours */

struct sight {
	uint64_t at; /* CLOCK_MONOTONIC ns */
	uint32_t pid, tid;
	uint16_t kind, flags;
	uint32_t number;
	uint32_t lost; /* so many records before this one found no room */
	uint32_t size; /* bytes of pieces behind */
	int64_t ret;
	uint64_t arg[6];
};

/* A piece of memory as it was; its bytes follow, filled up to a multiple of 8. */
struct sight_piece {
	uint64_t from; /* the address in the target, or one of those below */
	uint32_t size, unused;
};

/* What the kernel itself knows of a socket. No pointer has these values. */
#define SIGHT_PEER   0xdead000000000001ULL /* struct sockaddr of the other end */
#define SIGHT_OWN    0xdead000000000002ULL /* struct sockaddr of this end */
#define SIGHT_QUEUES 0xdead000000000003ULL /* struct sight_queues */
#define SIGHT_URING  0xdead000000000004ULL /* uint64_t: names the ring that a call made or acts on */
#define SIGHT_SQE    0xdead000000000005ULL /* struct io_uring_sqe */

#define SIGHT_ANY_SLOT 0x7fffffff /* of direct descriptors: whichever is free */

struct sight_queues {
	uint32_t unread, unacked, state, unused;
};

/* What is copied beside the registers, at which moment. */
enum sight_memory {
	SIGHT_NOTHING,
	SIGHT_EPOLL,	/* leave: ret events behind argument 1 */
	SIGHT_EPOLL2,	/* and enter: a timespec behind argument 3 */
	SIGHT_POLL,	/* leave: arg[1] pollfds behind argument 0 */
	SIGHT_PPOLL,	/* and enter: a timespec behind argument 2 */
	SIGHT_SELECT,	/* both: the sets behind arguments 1 to 3; enter: a timeval behind argument 4 */
	SIGHT_SPEC0,	/* enter: a timespec behind argument 0 */
	SIGHT_SPEC2,	/* … behind argument 2 */
	SIGHT_IOV,	/* arg[2] iovecs behind argument 1 */
	SIGHT_MESSAGE,	/* a msghdr behind argument 1, with its iovecs and control data */
	SIGHT_MESSAGES, /* ret mmsghdrs behind argument 1 */
	SIGHT_ADDRESS,	/* arg[2] bytes behind argument 1 */
	SIGHT_ACCEPT,	/* an address behind argument 1 with its size behind 2, or what the socket says */
	SIGHT_LISTEN,	/* the socket's own address */
	SIGHT_QUEUED,	/* close: what the socket holds */
	SIGHT_SETOPT,	/* arg[4] bytes behind argument 3 */
	SIGHT_GETOPT,	/* 8 bytes behind argument 3, an int behind 4 */
	SIGHT_CTL,	/* an epoll_event behind argument 3 */
	SIGHT_INT2,	/* an int behind argument 2 */
	SIGHT_PAIR0,	/* two ints behind argument 0 */
	SIGHT_PAIR3,	/* … behind argument 3 */
	SIGHT_LIMIT1,	/* an rlimit behind argument 1 */
	SIGHT_LIMIT2,	/* … behind argument 2 */
	SIGHT_RING,	/* the parameters of a ring behind argument 1, and which it is */
	SIGHT_ENTERED,	/* enter: how long it is to wait, and which ring it is if by index */
	SIGHT_REGISTER, /* the fds, or rings, that it registers */
};

#define SIGHT_AT_ENTER 0x1u
#define SIGHT_AT_LEAVE 0x2u
#define SIGHT_AT_ERROR 0x4u /* leave: only when it fails */

/* What is told of one call number. */
struct sight_plan {
	uint8_t when, memory;
};

#define SIGHT_NUMBERS 512

/* Asked of the program by the watcher, in memory both have. */
struct sight_control {
	struct sight_plan plan[SIGHT_NUMBERS]; /* by the machine's number */
	uint32_t asleep;		       /* the watcher waits to be woken */
	uint32_t root;			       /* whose family is looked for: SIGHT_THERE */
	uint64_t lost;			       /* records without room that no other has told of yet */
	uint32_t event_size;		       /* of a struct epoll_event */
	uint32_t unseen;		       /* SIGHT_UNSEEN has been told */
};

#endif
