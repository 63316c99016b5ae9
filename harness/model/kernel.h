/* SPDX-License-Identifier: MIT */
/*
 * The part of Linux that decides about readiness, as a state machine: descriptors and what they stand for,
 * sockets, pipes, eventfd, timerfd, epoll. Pure: no system call, no clock, no randomness; time passes when
 * kernel_advance says so, and packets arrive at once. fuzz/fuzz_model holds it against the running kernel,
 * fuzz/sim lets servers run on it.
 *
 * Every call is made by a process (proc: 0 is there from the start) and answers as the system call of that
 * name does for a non-blocking descriptor: a result, or a negative errno. Who wants to block asks again after
 * the next event. The kernel's own limits are in the enum below; past them the answer is -ENFILE, -ENOMEM or
 * -ENOSPC, as Linux's would be.
 */
#ifndef WRINGER_MODEL_KERNEL_H
#define WRINGER_MODEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	KERNEL_PROCS = 16,
	KERNEL_FDS = 1024,	/* numbers a process may have, see kernel_limit */
	KERNEL_FILES = 2048,	/* open file descriptions */
	KERNEL_ITEMS = 4096,	/* registrations of all epoll instances */
	KERNEL_SLEEPERS = 32,	/* threads asleep in epoll_wait or poll */
	KERNEL_TAKEN = 16,	/* events that one of them comes back with at most */
	KERNEL_BUFFER = 262144, /* bytes between two sockets, unless kernel_buffer says otherwise */
};

struct kernel;

/* NULL: out of memory. Later only the bytes in flight need more; -ENOMEM where they do not get it. */
struct kernel *kernel_new(void);
void kernel_free(struct kernel *kernel);
/* As new, keeping memory: costs what was used, not what could be. */
void kernel_reset(struct kernel *kernel);

/* Processes and their numbers. */
int kernel_process(struct kernel *kernel);		      /* one with no descriptors: its number */
int kernel_fork(struct kernel *kernel, int proc);	      /* one with the same descriptors */
int kernel_exit(struct kernel *kernel, int proc);	      /* closes all it has */
int kernel_limit(struct kernel *kernel, int proc, int files); /* RLIMIT_NOFILE, for new numbers */
int kernel_close(struct kernel *kernel, int proc, int fd);
int kernel_dup(struct kernel *kernel, int proc, int fd);
int kernel_dup_to(struct kernel *kernel, int proc, int fd, int to);
/* Numbers in use are below it. */
int kernel_top(const struct kernel *kernel, int proc);
bool kernel_is_open(const struct kernel *kernel, int proc, int fd);
/* Which description a number stands for: the same for a dup. Never 0; -EBADF. For the caller's own tables. */
int kernel_file(const struct kernel *kernel, int proc, int fd);

/* Sockets. */
/* The last two are UNIX sockets that keep messages apart (SOCK_SEQPACKET, SOCK_DGRAM); those only come in
 * pairs. */
enum kernel_family { KERNEL_TCP, KERNEL_UNIX, KERNEL_PACKET, KERNEL_DATAGRAM };
enum kernel_how { KERNEL_SHUT_RD, KERNEL_SHUT_WR, KERNEL_SHUT_RDWR };
int kernel_socket(struct kernel *kernel, int proc, enum kernel_family family);
/* Two that are connected: socketpair, and for TCP what connect and accept come to. 0. */
int kernel_pair(struct kernel *kernel, int proc, enum kernel_family family, int ret_fds[2]);
/* One name space of ports for each family; 0 takes a free one. Returns the port. */
int kernel_bind(struct kernel *kernel, int proc, int fd, int port);
int kernel_listen(struct kernel *kernel, int proc, int fd, int backlog);
/* The handshake is done at once: -EINPROGRESS for TCP all the same, as Linux says it before it looks. */
int kernel_connect(struct kernel *kernel, int proc, int fd, int port);
int kernel_accept(struct kernel *kernel, int proc, int fd);
int kernel_shutdown(struct kernel *kernel, int proc, int fd, enum kernel_how how);
/* SO_LINGER with 0 seconds: close resets. */
int kernel_linger(struct kernel *kernel, int proc, int fd, bool on);
/* SO_RCVLOWAT: a TCP socket is readable with so many bytes, or at its end. Reading takes less all the same.
 */
int kernel_low_water(struct kernel *kernel, int proc, int fd, int bytes);
/* SO_ERROR: a positive errno or 0, which it takes away. */
int kernel_so_error(struct kernel *kernel, int proc, int fd);
/* The port a socket is bound to, or that of its other end; 0: none. */
int kernel_port(const struct kernel *kernel, int proc, int fd);
int kernel_peer_port(const struct kernel *kernel, int proc, int fd);
/* SIOCINQ: bytes to read. And those sent that the other end has not read, in how many messages (UNIX). */
int kernel_queued(const struct kernel *kernel, int proc, int fd);
int kernel_unread(const struct kernel *kernel, int proc, int fd);
int kernel_messages(const struct kernel *kernel, int proc, int fd);
/* A listener's connections that nobody accepted yet. */
int kernel_waiting(const struct kernel *kernel, int proc, int fd);
/* An enum kernel_family; -ENOTSOCK. */
int kernel_family_of(const struct kernel *kernel, int proc, int fd);
/* The peer's machine loses power: its end is gone without a packet, whoever had it open. */
int kernel_vanish(struct kernel *kernel, int proc, int fd);
/* How many bytes fit between two sockets that are made from now on. */
void kernel_buffer(struct kernel *kernel, size_t bytes);
/* TCP_ESTABLISHED and so on, of netinet/tcp.h, once all packets arrived; of a UNIX socket likewise. */
int kernel_state(const struct kernel *kernel, int proc, int fd);

/*
 * read and write, recv and send alike. bytes may be NULL: zeros are sent, what is received goes nowhere.
 * -EPIPE is returned without a signal. eventfd and timerfd take and give 8 bytes. To receive none of a socket
 * is read's 0, whatever there is.
 */
int64_t kernel_send(struct kernel *kernel, int proc, int fd, const void *bytes, size_t size);
int64_t kernel_receive(struct kernel *kernel, int proc, int fd, void *ret_bytes, size_t size);
int64_t kernel_peek(struct kernel *kernel, int proc, int fd, void *ret_bytes, size_t size); /* MSG_PEEK */
/* The bytes that the next kernel_receive of a socket takes away; theirs until something is sent to it again.
 */
const void *kernel_front(const struct kernel *kernel, int proc, int fd);
/*
 * Urgent data of TCP (MSG_OOB): the last byte sent is urgent, and read by kernel_receive_urgent: 1, -EINVAL
 * where there is none. SO_OOBINLINE leaves it among the others. SIOCATMARK: 1 when it is the next.
 */
int64_t kernel_send_urgent(struct kernel *kernel, int proc, int fd, const void *bytes, size_t size);
int64_t kernel_receive_urgent(struct kernel *kernel, int proc, int fd, void *ret_byte);
int kernel_inline(struct kernel *kernel, int proc, int fd, bool on);
int kernel_at_mark(const struct kernel *kernel, int proc, int fd);
/* SCM_RIGHTS over a UNIX socket: one byte and one descriptor. Taking returns the new number. */
int kernel_pass(struct kernel *kernel, int proc, int fd, int passed);
int kernel_take(struct kernel *kernel, int proc, int fd);

/* Others. */
int kernel_pipe(struct kernel *kernel, int proc, int ret_ends[2]);	  /* reading, writing */
int kernel_packet_pipe(struct kernel *kernel, int proc, int ret_ends[2]); /* O_DIRECT */
int kernel_eventfd(struct kernel *kernel, int proc, uint64_t count, bool semaphore);
int kernel_timerfd(struct kernel *kernel, int proc);
/* Expires at that time of kernel_now, and every interval from then on (0: once); at 0: disarmed. */
int kernel_timer(struct kernel *kernel, int proc, int fd, uint64_t at, uint64_t interval);
int kernel_plain_file(struct kernel *kernel, int proc); /* a regular file: always ready, not for epoll */

/* Time in ns, from 1. */
uint64_t kernel_now(const struct kernel *kernel);
void kernel_advance(struct kernel *kernel, uint64_t ns);
/* ns until the next timer expires; UINT64_MAX: none is armed. */
uint64_t kernel_next(const struct kernel *kernel);

/*
 * What poll(2) says of a descriptor: must is set, may is what only the sizes of buffers decide, all other
 * bits are not set. Of the bits of poll.h: IN PRI OUT ERR HUP RDHUP RDNORM RDBAND WRNORM WRBAND.
 */
int kernel_poll(struct kernel *kernel, int proc, int fd, uint32_t *ret_must, uint32_t *ret_may);
/* The same for buffers of exactly the size given: nothing is left open. */
int kernel_mask(struct kernel *kernel, int proc, int fd, uint32_t *ret_mask);

struct kernel_event {
	uint32_t events, may; /* as above, within the interest */
	uint64_t data;
};
enum kernel_ctl { KERNEL_ADD = 1, KERNEL_DEL, KERNEL_MOD }; /* as EPOLL_CTL_… */
int kernel_epoll(struct kernel *kernel, int proc);
bool kernel_is_epoll(const struct kernel *kernel, int proc, int fd);
/* op is a number so that others than the three can be refused. */
int kernel_epoll_ctl(struct kernel *kernel, int proc, int epoll, int op, int fd, uint32_t events,
		     uint64_t data);
/* What /proc/PID/fdinfo shows of an interest list, in the order in which it was added to: the number at that
 * time, the description (as kernel_file), the events as they are kept. Returns how many there are; at most so
 * many are written. */
struct kernel_interest {
	int fd, file;
	uint32_t events;
	uint64_t data;
};
int kernel_interests(const struct kernel *kernel, int proc, int epoll, struct kernel_interest *ret_interests,
		     int most);
/* In the order in which Linux reports; 0: nobody is ready. */
int kernel_epoll_wait(struct kernel *kernel, int proc, int epoll, struct kernel_event *ret_events, int most);

/*
 * Threads asleep in epoll_wait. One that is woken runs when kernel_run says so: it comes back with what it
 * finds, or sleeps on. A sleeper keeps the set alive, whoever closes it.
 */
int kernel_sleep(struct kernel *kernel, int proc, int epoll, int most); /* its number */
/* One that polls the set for IN and then takes what is there, without patience; where another was faster it
 * polls again. -EBADF is what it comes back with when it is woken and the number is closed. */
int kernel_sleep_poll(struct kernel *kernel, int proc, int epoll, int most);
void kernel_run(struct kernel *kernel);
/* What it came back with, as kernel_epoll_wait: then it is gone. -EAGAIN: it sleeps. */
int kernel_slept(struct kernel *kernel, int sleeper, struct kernel_event *ret_events);
int kernel_peek_slept(struct kernel *kernel, int sleeper, struct kernel_event *ret_events); /* and is not */
bool kernel_is_back(const struct kernel *kernel, int sleeper);
/* A signal ends the sleep. */
int kernel_interrupt(struct kernel *kernel, int sleeper);

#endif
