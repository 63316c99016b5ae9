/* SPDX-License-Identifier: MIT */
/*
 * The world: what the target's processes, fds, connections and interest lists look like after the events so
 * far.
 *
 * Pure: a function of the journal. The same code follows a live case (for "until the target has read"),
 * serves the rules when they judge, and tells the report which fd belongs to which peer. Fields may be read
 * by anyone, written only by world_*.c.
 *
 * Objects stay valid for as long as the world: a closed file keeps its history (closed != 0), so a rule may
 * keep a pointer. Not so registrations, which are gone with the event after the one that removed them, and
 * requests; nor, in a world that forgets (world_forgets), closed files and peers that are gone, when nobody
 * holds them.
 */
#ifndef WRINGER_MODEL_WORLD_H
#define WRINGER_MODEL_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/map.h"
#include "journal/event.h"

enum file_kind {
	FILE_OTHER,
	FILE_SOCKET, /* made by socket(), neither listening nor connected */
	FILE_LISTENER,
	FILE_CONN,     /* accepted */
	FILE_OUTGOING, /* connect() was called */
	FILE_EPOLL,
	FILE_PIPE,
	FILE_EVENTFD,
	FILE_TIMERFD,
	FILE_SIGNALFD,
	FILE_RING,
};

/* An open file description: what dup and fork share, what close only ends with the last number. */
struct file {
	uint64_t id;	/* 1 …, never used again */
	size_t index;	/* the world's own */
	uint32_t holds; /* file_hold */
	enum file_kind kind;
	int32_t pid, fd; /* where it was born; fd -1: as a direct descriptor, in a slot of a ring */
	int32_t peer;	 /* whose other end it is, -1 nobody's */
	uint32_t refs;	 /* numbers that lead to it, in all processes, and slots of rings */
	bool nonblock;
	bool tcp;		 /* AF_INET or AF_INET6 stream */
	uint64_t opened, closed; /* ns; closed: when the last number went, 0 while open */
	uint64_t closed_turn;	 /* woke of the thread that closed it, 0 when it had not waited yet */

	/* what the target did with it */
	uint64_t touched;    /* time of the last call on it (epoll_ctl MOD without change excluded) */
	uint64_t touches;    /* how many such calls */
	uint64_t progressed; /* time of the last progress: bytes moved, accept or connect done, a ctl that
				changed something, shutdown */
	uint64_t bytes_in, bytes_out;
	uint64_t reads, writes;			    /* attempts */
	int64_t last_read, last_write;		    /* results, INT64_MIN before the first */
	uint64_t last_read_asked, last_write_asked; /* bytes asked for in that call */
	uint64_t last_read_at, last_write_at;
	bool eof_read;		     /* a read gave 0 (of a request for more than 0) */
	int read_error, write_error; /* last hard errno (not EAGAIN, not EINTR), positive, 0 none */
	bool shut_read, shut_write;
	int64_t last_accept; /* listener: result of the last accept, INT64_MIN before */
	uint64_t accepted;   /* listener: accepts that succeeded */
	int32_t backlog;
	uint16_t port; /* listener: local port; connection: the peer's */

	/* what the kernel reported to it, through any wait call */
	uint32_t reported;	/* last mask */
	uint32_t reported_ever; /* all bits ever */
	uint64_t reported_at;
	uint64_t reports;

	struct reg *regs;    /* its registrations, linked by file_next */
	struct map sets;     /* FILE_EPOLL only: data -> struct reg */
	struct reg *members; /* FILE_EPOLL only: linked by epoll_next */
	bool twins;	     /* FILE_EPOLL only: two of them had the same data once */

	struct request
	    *requests; /* in flight on it, linked by file_next: a ring holds it, whoever closes it */
	struct request *pending; /* FILE_RING only: all its requests in flight, linked by ring_next */
	struct map by_number;	 /* FILE_RING only: number -> struct request */
	uint64_t submissions;	 /* FILE_RING only: seen so far */
	bool unseen;		 /* FILE_RING only: none of it can be read */
	bool hides;	   /* FILE_RING only: it has direct descriptors, or entries of it were not seen */
	bool gaps;	   /* FILE_RING only: not just that it has direct descriptors */
	struct map direct; /* FILE_RING only: slot -> struct file, of those whose coming was seen */

	struct file *mate;    /* the other end of a socketpair */
	struct passed *inbox; /* fds on their way to this end by SCM_RIGHTS */
};

/* A registration in an interest list: keyed by (number, description), as the kernel does. */
struct reg {
	uint64_t id;
	struct file *epoll, *file;
	int32_t pid, fd; /* the number it was added under */
	uint32_t events; /* as armed now, raw */
	uint64_t data;
	uint64_t added, removed; /* removed: DEL, or the last close; 0 while there */
	uint64_t changed;	 /* last MOD that changed something */
	bool disarmed;		 /* one-shot, delivered, not armed again */
	bool zombie;		 /* its number was closed while the description lives on */
	uint32_t reported;
	uint64_t reported_at, reports;
	struct reg *file_next, *epoll_next, *epoll_prev;
};

/*
 * A request of an io_uring that is in flight: submitted, and its last completion not yet seen. Unlike the
 * other objects it is gone once it is over: touch.request of the completion that ends it is the last to show
 * it.
 */
struct request {
	uint64_t number; /* among the ring's submissions */
	struct file *ring;
	struct file *file; /* acted on; NULL: none, or none that has a number */
	int32_t pid, tid;  /* who submitted it */
	uint8_t op, sqe_flags;
	bool multishot;
	bool edge; /* a poll that speaks of changes only (ring_edge) */
	uint64_t user_data, length;
	uint64_t submitted;
	uint64_t completions; /* so far */
	struct request *file_next, *ring_next;
};

struct thread {
	int32_t tid;
	struct process *process;
	bool alive;
	enum call waiting;		   /* the wait call it sleeps in now; CALL_unknown while it runs */
	int32_t wait_fd;		   /* its epfd */
	uint64_t wait_since, wait_timeout; /* ns, ~0 for ever */
	uint64_t waits;			   /* finished waits so far */
	uint64_t empty_waits;		   /* of these, with nothing ready */
	uint64_t last_event;		   /* time of its last event of any kind */
	int64_t last_wait;		   /* result of its last wait */
	uint64_t woke;			   /* when that ended, 0 before: its turn began then */
};

struct process {
	int32_t pid, parent;
	struct fd_table *table;
	bool alive;
	bool first;	 /* the one the harness started */
	int exit_status; /* as waitpid gives it, once !alive */
	uint64_t started, ended;
	uint32_t threads; /* alive */
};

#define PEER_NAME 16

/* What a peer did, from the journal's PEER events. */
struct peer_view {
	int32_t id;
	char name[PEER_NAME];
	size_t index;	/* the world's own */
	uint32_t holds; /* view_hold */
	uint16_t port;	/* its local port: how a connection of the target becomes this peer */
	bool canary;
	bool connected, fin, half_closed, reset, vanished, stalled, gone; /* fin: closed in an orderly way */
	bool got_fin, got_rst;
	uint64_t began, connected_at, ended_at; /* ended_at: its fin, reset, vanish */
	uint64_t half_closed_at;
	uint64_t sent, received, requests, answers;
	struct file *conn; /* the target's end, NULL while unknown */
};

/* A ready fd of the wait that ended in the last applied event. */
struct report {
	struct file *file; /* NULL when it could not be told */
	struct reg *reg;   /* NULL for poll and select */
	uint32_t events, asked;
	uint64_t data;
};

/* What the last applied event was about; anything may be NULL. */
struct touch {
	struct process *process;
	struct thread *thread;
	struct file *file;	 /* the description behind event->fd, as it was before a close */
	struct file *made;	 /* accept, socket, dup …: the new one (dup: the same as file) */
	struct reg *reg;	 /* epoll_ctl */
	struct request *request; /* of a submission or completion; NULL when that was not seen */
	bool reg_changed;	 /* epoll_ctl that changed something */
	bool last_close;	 /* this close ended the description */
	struct peer_view *peer;
	const struct report *reports;
	uint32_t report_count;
};

struct world;

struct world *world_new(void); /* NULL: out of memory */
void world_free(struct world *world);

/* Follows one event. 0 or -ENOMEM. Events that do not fit (unknown pids, fds from before the trace) make the
 * objects they need. */
int world_apply(struct world *world, const struct event *event);

/* Who hears of it, while an event is applied, right before something is forgotten. All may be NULL. */
struct world_farewells {
	void (*file)(void *arg, const struct file *file);
	/* The peer of a connection is told of before that, and both are there still. */
	void (*peer)(void *arg, const struct peer_view *peer);
	void *arg;
	bool at_once; /* with the next event, not when there are a few hundred: for tests */
};

/*
 * From here on what is over is forgotten when nothing more can come of it and nobody holds it: a closed file
 * that is neither listener, epoll nor ring; a peer that is gone, together with its connection when that is
 * closed, or alone when none can become its any more (another peer has its port). A closed connection that
 * no peer is known of waits for one a little. farewells is copied; NULL: nobody hears.
 */
void world_forgets(struct world *world, const struct world_farewells *farewells);
/* Whoever keeps a pointer to a file beyond the event holds it, any number of times, or hears the farewell. */
static inline void file_hold(struct file *file)
{
	file->holds++;
}
static inline void file_drop(struct file *file) /* NULL is fine */
{
	if (file)
		file->holds--;
}

/* The same for a peer; its connection is kept with it. */
static inline void view_hold(struct peer_view *peer)
{
	peer->holds++;
}
static inline void view_drop(struct peer_view *peer) /* NULL is fine */
{
	if (peer)
		peer->holds--;
}

/* About the event applied last; valid until the next. */
const struct touch *world_touch(const struct world *world);

uint64_t world_now(const struct world *world);	  /* time of the last event */
enum mark world_phase(const struct world *world); /* last of READY … END seen (not NOTE, SAMPLE) */
uint64_t world_phase_since(const struct world *world);
uint64_t world_mark_time(const struct world *world, enum mark mark); /* when it was seen (last), 0 never */
uint16_t world_port(const struct world *world);			     /* from MARK_READY, 0 unknown */
const char *world_meta(const struct world *world, const char *key);  /* NULL: not said */

struct process *world_process(const struct world *world, int32_t pid);
struct thread *world_thread(const struct world *world, int32_t tid);
struct file *world_file(const struct world *world, int32_t pid, int32_t fd);
struct peer_view *world_peer(const struct world *world, int32_t peer);

/* Walks: start with *at = 0; NULL at the end. Files: open and closed ones, in order of birth. */
struct file *world_next_file(const struct world *world, size_t *at);
struct thread *world_next_thread(const struct world *world, size_t *at);
struct process *world_next_process(const struct world *world, size_t *at);
struct peer_view *world_next_peer(const struct world *world, size_t *at);

/* A number under which an open file can be reached now: 0 with *ret_pid, *ret_fd, or -ENOENT. */
int world_locate(const struct world *world, const struct file *file, int32_t *ret_pid, int32_t *ret_fd);

/* Whether some number of that process leads to the file. */
bool world_holds(const struct world *world, int32_t pid, const struct file *file);

/* Every live thread sits in a wait call (or, if threads of the target never wait, in nothing we saw). False
 * with none alive. */
bool world_asleep(const struct world *world);
/*
 * The same seen from a later moment (ns since the case began): a thread that is in no wait we saw, but of
 * which nothing was heard for a quarter of a second, rests somewhere out of sight (joined, sigsuspend, a
 * lock) and does not count.
 */
bool world_asleep_at(const struct world *world, uint64_t now);
/*
 * Whether something the target did by io_uring stays unseen: a ring that cannot be read, direct descriptors,
 * lost entries. Then "nobody did" cannot be concluded from the journal.
 */
bool world_hides(const struct world *world);
/* The same, but for direct descriptors whose coming and going was seen. */
bool world_has_gaps(const struct world *world);
/* How many of the target's doings were lost before they were seen; of what is concluded from that time on
 * (ns since the case began) nothing is certain. futile: waits and calls that achieved nothing, without which
 * "nobody did" cannot be concluded. 0: none, *ret_since is untouched. */
uint64_t world_lost(const struct world *world, bool futile, uint64_t *ret_since);
/* Whether a write to it is in flight in a ring: what waits for room there needs nobody to arm anything. */
bool file_is_sending(const struct file *file);
/* Whether a request of that kind was ever submitted to a ring. */
bool world_by_ring(const struct world *world, enum call_class class);
/* Open fds of all live processes, as far as the journal tells. */
uint32_t world_fd_count(const struct world *world);
/* Processes of the target alive. */
uint32_t world_alive(const struct world *world);

#endif
