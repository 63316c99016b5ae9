/* SPDX-License-Identifier: MIT */
/*
 * From registers and memory to an event. A row of the table (row.h) copies plain arguments by itself; what
 * points into memory has a decoder below. Entry decoders run for waits, before the thread sleeps; exit
 * decoders run when event->ret is known. An exit decoder that cannot read what it needs sets EVF_UNREADABLE
 * and leaves the event otherwise whole.
 */
#ifndef WRINGER_WATCH_DECODE_H
#define WRINGER_WATCH_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "journal/event.h"
#include "watch/seen.h"

#define ASKED_BITS  4096 /* select: fds beyond are not looked at */
#define ASKED_WORDS (ASKED_BITS / 64)

/* What select was asked; the kernel overwrites it in the target's memory. Read, write, except. */
struct asked {
	uint64_t set[3][ASKED_WORDS];
};

/* A call in the making: from its entry to its exit. */
struct call_state {
	const struct row *row;
	uint64_t number;
	uint64_t arg[6];
	uint64_t timeout;    /* waits and sleeps: ns, ~0 for ever */
	struct asked *asked; /* select only; kept from one to the next */
};

/* Room for what is read and what is made of it, one for a watcher. */
struct scratch {
	_Alignas(16) char raw[EVENT_DATA_MAX];
	_Alignas(16) char data[EVENT_DATA_MAX];
};

struct decoding {
	pid_t tid;
	int pidfd;
	const struct seen *seen; /* NULL: the thread stands still, and its memory is read */
	bool accepted;		 /* close: the number is a connection that was accepted */
	struct call_state *state;
	struct scratch *scratch;
	struct event *event;
};

typedef void (*decode_fn)(struct decoding *decoding);

/* decode.c: for decoders */
/* As memory_read and memory_get: from what was seen, or else from the target as it is now. */
size_t decode_read(const struct decoding *decoding, const struct piece *pieces, size_t count);
bool decode_get(const struct decoding *decoding, uint64_t from, void *to, size_t size);
/* A piece that the kernel made of what it knows (SIGHT_PEER …); NULL when there is none. */
const void *decode_told(const struct decoding *decoding, uint64_t name, size_t *ret_size);
void decode_unreadable(struct decoding *decoding);
/* event->data = size bytes of scratch->data. */
void decode_data(struct decoding *decoding, size_t size);

/* decode_io.c */
void decode_pair_first(struct decoding *decoding);  /* pipe: the fds behind argument 0 */
void decode_pair_fourth(struct decoding *decoding); /* socketpair: behind argument 3 */
void decode_cloexec(struct decoding *decoding);	    /* makes close-on-exec fds without being asked */
void decode_memfd(struct decoding *decoding);
void decode_iov(struct decoding *decoding);
void decode_ctl(struct decoding *decoding);
void decode_ioctl(struct decoding *decoding);
void decode_prlimit(struct decoding *decoding);
void decode_setrlimit(struct decoding *decoding);
void decode_register(struct decoding *decoding); /* io_uring_register: the slots that it changes */

/* decode_socket.c */
void decode_accept(struct decoding *decoding);
void decode_address(struct decoding *decoding);
void decode_listen(struct decoding *decoding);
void decode_close(struct decoding *decoding); /* before the kernel acts: what the socket still holds */
void decode_setsockopt(struct decoding *decoding);
void decode_getsockopt(struct decoding *decoding);
void decode_msg(struct decoding *decoding);
void decode_mmsg(struct decoding *decoding);

/* decode_wait.c: the timeout at entry … */
void decode_enter_ms3(struct decoding *decoding);    /* milliseconds in argument 3: epoll_wait */
void decode_enter_ms2(struct decoding *decoding);    /* … in argument 2: poll */
void decode_enter_spec3(struct decoding *decoding);  /* a timespec behind argument 3: epoll_pwait2 */
void decode_enter_spec2(struct decoding *decoding);  /* … behind argument 2: ppoll */
void decode_enter_spec0(struct decoding *decoding);  /* … behind argument 0: nanosleep */
void decode_enter_clock(struct decoding *decoding);  /* the same or a moment: clock_nanosleep */
void decode_enter_ring(struct decoding *decoding);   /* io_uring_enter; 0: it does not wait */
void decode_enter_select(struct decoding *decoding); /* a timeval, and the sets */
void decode_enter_pselect(struct decoding *decoding);
/* … and what is ready at the exit */
void decode_epoll(struct decoding *decoding);
void decode_poll(struct decoding *decoding);
void decode_select(struct decoding *decoding);
void decode_sleep(struct decoding *decoding);

#endif
