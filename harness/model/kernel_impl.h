/* SPDX-License-Identifier: MIT */
/* What the parts of the kernel model share. Only kernel*.c include it. */
#ifndef WRINGER_MODEL_KERNEL_IMPL_H
#define WRINGER_MODEL_KERNEL_IMPL_H

#include <errno.h>
#include <sys/epoll.h>
#include "model/kernel.h"

/* A ring with a head, as the kernel's own lists: order is what much of readiness is about. */
struct link {
	struct link *next, *prev;
};

static inline void link_init(struct link *link)
{
	link->next = link->prev = link;
}

static inline bool link_alone(const struct link *link)
{
	return link->next == link;
}

static inline void link_out(struct link *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link_init(link);
}

/* Behind at: at the front of a list when at is its head. */
static inline void link_behind(struct link *at, struct link *link)
{
	link->next = at->next;
	link->prev = at;
	at->next->prev = link;
	at->next = link;
}

static inline void link_last(struct link *head, struct link *link)
{
	link_behind(head->prev, link);
}

#define LINK_OF(type, member, link) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Bytes on the way to one reader. A UNIX socket keeps its messages apart: each is freed, and its sender told,
 * when its last byte was read. */
enum { FLOW_CUTS = 256 };
struct cut {
	uint32_t size;	     /* as sent */
	struct file *passed; /* with a reference; NULL: none */
};
struct flow {
	unsigned char *data;
	size_t allocated, start, size;
	struct cut cuts[FLOW_CUTS];
	unsigned first, count; /* of cuts */
	size_t read;	       /* of the first cut */
};

/* So many bytes of those that are there, copied to ret_bytes (may be NULL): from the front, or from further
 * on. */
void flow_copy(const struct flow *flow, void *ret_bytes, size_t size);
void flow_copy_at(const struct flow *flow, void *ret_bytes, size_t at, size_t size);
int flow_put(struct flow *flow, const void *bytes, size_t size);
void flow_drop(struct flow *flow, size_t size);
void flow_clear(struct flow *flow);

enum { SHUT_IN = 1, SHUT_OUT = 2, SHUT_BOTH = 3 };			/* of sk_shutdown */
enum { SS_UNCONNECTED, SS_CONNECTING, SS_CONNECTED, SS_DISCONNECTING }; /* of struct socket */
enum kind {
	KIND_NONE,
	KIND_PLAIN,
	KIND_TCP,
	KIND_UNIX,
	KIND_PACKET,   /* UNIX, messages in order */
	KIND_DATAGRAM, /* UNIX */
	KIND_READER,
	KIND_WRITER,
	KIND_EVENT,
	KIND_TIMER,
	KIND_EPOLL
};

enum urgent { URGENT_NONE, URGENT_VALID, URGENT_READ }; /* read by MSG_OOB, and still in its place */

struct sock {
	struct sock *next_free;
	bool used;
	enum kind kind;
	struct file *file; /* NULL: closed, TCP may go on; or not yet accepted */
	struct sock *peer; /* NULL: none, or nobody who answers */
	int state;	   /* TCP_… */
	int connected;	   /* SS_… */
	int shut, error;
	bool done;    /* a FIN arrived */
	bool nospace; /* somebody learnt that there is no room: tell when there is */
	bool gone;    /* the other end of datagrams was closed, and nobody found out yet */
	bool linger;
	bool inlined;  /* SO_OOBINLINE */
	int low_water; /* SO_RCVLOWAT */
	enum urgent urgent;
	size_t urgent_at; /* bytes in front of it */
	unsigned char urgent_byte;
	int port, peer_port;
	size_t capacity;   /* of what we send */
	size_t unanswered; /* sent to nobody */
	struct flow in;

	struct link queue; /* a listener's connections; or our place in one */
	unsigned queued, backlog;
	struct sock *listener;
	uint64_t retry_at, retry_after; /* of a SYN that was dropped */
};

enum { PIPE_SLOTS = 16, PIPE_PAGE = 4096 };
struct pipe {
	struct pipe *next_free;
	struct file *ends[2]; /* reading, writing; NULL: closed */
	bool polled;	      /* somebody asked about it: every write wakes from then on */
	bool packets;	      /* O_DIRECT */
	struct {
		unsigned offset, size;
	} slots[PIPE_SLOTS];
	unsigned first, used;
	struct flow flow;
};

/* An open file description. */
struct file {
	struct file *next_free;
	enum kind kind;
	unsigned refs;	      /* numbers of all processes, and messages under way */
	struct link watchers; /* items, in the order in which a wake-up calls them */
	struct sock *sock;
	struct pipe *pipe;
	uint64_t count; /* eventfd's, or a timer's expirations */
	bool semaphore;
	uint64_t at, interval;
	/* epoll's */
	struct link members, ready;
	struct link sleepers; /* the latest first */
	struct link pollers;  /* threads in poll(2), which are all woken */
	unsigned visit;	      /* of the search for loops */
	int depth;
};

/* A registration. */
struct item {
	struct item *next_free;
	struct link watch, ready, member;
	struct file *set, *file;
	int fd;
	uint32_t events;
	uint64_t data;
};

/* A thread in epoll_wait, or in poll(2) of a set. */
struct sleeper {
	struct file *set; /* with a reference until it is back; NULL: nobody */
	bool polls;
	int proc, fd; /* where poll looks each time anew */
	bool is_back; /* with count events, or a negative errno */
	int most, count;
	struct link queue; /* of the set's sleepers or pollers, or of those who were woken */
	struct kernel_event events[KERNEL_TAKEN];
};

struct process {
	bool alive;
	int limit, most; /* numbers in use are below most */
	struct file *fds[KERNEL_FDS];
};

struct kernel {
	struct process procs[KERNEL_PROCS];
	struct file files[KERNEL_FILES];
	struct sock socks[KERNEL_FILES * 2]; /* orphans and queued ones have no description */
	struct pipe pipes[KERNEL_FILES / 2];
	struct item items[KERNEL_ITEMS];
	unsigned file_top, sock_top, pipe_top, item_top; /* never used above these */
	struct file *free_files;
	struct sock *free_socks;
	struct pipe *free_pipes;
	struct item *free_items;
	struct sleeper sleepers[KERNEL_SLEEPERS];
	struct link woken; /* in the order in which they were */
	uint64_t now;
	bool timed; /* something may be due one day: a timer, or a SYN to be sent again */
	size_t buffer;
	int next_port;
	unsigned visit;
	int paths[5]; /* of reverse_path_check */
};

/* kernel.c */
struct file *kernel_get(const struct kernel *kernel, int proc, int fd); /* NULL: -EBADF */
struct file *kernel_file_new(struct kernel *kernel, enum kind kind);	/* NULL: -ENFILE; one reference */
void kernel_file_put(struct kernel *kernel, struct file *file);
/* A number for it, which takes over the reference; on failure it is put. */
int kernel_install(struct kernel *kernel, int proc, struct file *file);
/* The lowest free number, or -EMFILE. */
int kernel_free_fd(const struct kernel *kernel, int proc);

/* kernel_epoll.c. key: the bits that a wake-up comes with, 0: for everybody. */
void kernel_file_wake(struct kernel *kernel, struct file *file, uint32_t key);
void epoll_forget(struct kernel *kernel, struct file *file); /* its last number was closed */
void epoll_clear(struct kernel *kernel, struct file *set);
uint32_t kernel_file_poll(struct kernel *kernel, struct file *file);
uint32_t kernel_file_may(const struct file *file);
uint32_t epoll_poll(struct kernel *kernel, struct file *set);
/* Takes what is ready; whoever sleeps is woken for what is left. */
int epoll_take(struct kernel *kernel, struct file *set, struct kernel_event *ret_events, int most);
/* kernel_sleep.c */
bool epoll_wake_one(struct kernel *kernel, struct file *set); /* whether anybody slept */
void epoll_wake_pollers(struct kernel *kernel, struct file *set);
void kernel_interrupt_all(struct kernel *kernel);
/* kernel_nest.c: 0, -ELOOP or -EINVAL. */
int nest_check(struct kernel *kernel, struct file *set, struct file *file);
int nest_paths(struct kernel *kernel, struct file *file);

/* kernel_socket.c */
struct sock *sock_new(struct kernel *kernel, enum kind kind); /* NULL: -ENFILE */
void sock_free(struct kernel *kernel, struct sock *sock);
void sock_wake(struct kernel *kernel, struct sock *sock, uint32_t key);
int sock_take_error(struct sock *sock); /* negative, or 0 */
void sock_join(struct sock *one, struct sock *other);
void sock_close(struct kernel *kernel, struct sock *sock);
struct sock *sock_listening(struct kernel *kernel, enum kind kind, int port);
size_t sock_in_flight(const struct sock *sock); /* sent and not yet read */

/* kernel_tcp.c, kernel_unix.c */
uint32_t tcp_poll(struct sock *sock);
int tcp_connect(struct kernel *kernel, struct sock *sock, int port);
int tcp_syn(struct kernel *kernel, struct sock *sock); /* tries, or tries again, to be let in */
int64_t tcp_send(struct kernel *kernel, struct sock *sock, const void *bytes, size_t size, bool urgent);
int64_t tcp_receive(struct kernel *kernel, struct sock *sock, void *ret_bytes, size_t size, bool peek);
int tcp_shutdown(struct kernel *kernel, struct sock *sock, int how);
void tcp_close(struct kernel *kernel, struct sock *sock);
int tcp_listen(struct sock *sock);
bool tcp_has_room(const struct sock *sock);
bool tcp_has_enough(const struct sock *sock); /* to tell of it */

/* kernel_urgent.c */
bool urgent_is_next(const struct sock *sock);
size_t urgent_queued(const struct sock *sock);
void urgent_arrives(struct sock *sock, const void *bytes, size_t size);
size_t urgent_read(struct sock *sock, void *ret_bytes, size_t size, bool peek);

uint32_t unix_poll(struct sock *sock);
int unix_connect(struct kernel *kernel, struct sock *sock, int port);
int64_t unix_send(struct kernel *kernel, struct sock *sock, const void *bytes, size_t size,
		  struct file *passed);
int64_t unix_receive(struct kernel *kernel, struct sock *sock, void *ret_bytes, size_t size, bool peek,
		     struct file **ret_passed);
int unix_shutdown(struct kernel *kernel, struct sock *sock, int how);
void unix_close(struct kernel *kernel, struct sock *sock);
void unix_flush(struct kernel *kernel, struct sock *sock);
bool unix_has_room(const struct sock *sock);
/* The first message was read: the descriptor that came with it, or NULL. */
struct file *unix_free_message(struct kernel *kernel, struct sock *sock);

/* kernel_message.c */
uint32_t message_poll(const struct sock *sock);
int64_t message_send(struct kernel *kernel, struct sock *sock, const void *bytes, size_t size);
int64_t message_receive(struct kernel *kernel, struct sock *sock, void *ret_bytes, size_t size, bool peek);

/* kernel_pipe.c */
uint32_t pipe_poll(struct file *file);
int64_t pipe_send(struct kernel *kernel, struct file *file, const void *bytes, size_t size);
int64_t pipe_receive(struct kernel *kernel, struct file *file, void *ret_bytes, size_t size);
void pipe_close(struct kernel *kernel, struct file *file);

/* kernel_counter.c: eventfd and timerfd. */
uint32_t counter_poll(const struct file *file);
int64_t event_send(struct kernel *kernel, struct file *file, const void *bytes, size_t size);
int64_t counter_receive(struct kernel *kernel, struct file *file, void *ret_bytes, size_t size);

#define KEY_IN	(EPOLLIN | EPOLLPRI | EPOLLRDNORM | EPOLLRDBAND) /* net/core/sock.c, sock_def_readable */
#define KEY_OUT (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND) /* net/core/stream.c, sk_stream_write_space */
#define KEY_ALL 0u				       /* sock_def_wakeup: no bits, so everybody */

#endif
