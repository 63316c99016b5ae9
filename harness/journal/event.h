/* SPDX-License-Identifier: MIT */
/*
 * The event: one record of the journal. Everything that happens in a case, on either side, is one of these.
 *
 *   kind        what             fd / peer            ret            arg[0..3], data
 *   ---------   --------------   ------------------   ------------   ------------------------------------------------
 *   EV_META     -                                                    data "key=value"
 *   EV_MARK     enum mark                                            data: free text
 *   EV_ENTER    enum call        epfd or -1                          arg[0] maxevents/nfds, arg[1] timeout (ns, ~0 for ever)
 *   EV_CALL     enum call        the fd acted on      result or      see below
 *                                                     -errno
 *   EV_PROC     enum proc                             see enum       see enum
 *   EV_FAULT    enum fault_what  fd it hit            see enum       see enum; data: the fault's own text
 *   EV_PEER     enum peer_act    peer                 see enum       see enum
 *   EV_PROBE    enum probe       fd                   see enum       see enum
 *   EV_RING     enum ring_what   the fd acted on      see below      data: struct ring_entry (journal/ring.h), and more
 *   EV_FOUND    enum found       the fd found         see enum       see enum; what was there before anybody looked
 *
 * EV_ENTER is written for calls of CLASS_WAIT when they are entered, so that "asleep in epoll_wait" is known;
 * and for io_uring_enter that waits for completions (fd the ring, arg[0] how many, arg[1] timeout).
 *
 * EV_CALL, by call (ret is always the call's result, or the negative errno):
 *   socket            arg: domain, type, protocol
 *   socketpair, pipe* arg[2], arg[3]: the two fds                      pidfd_getfd, open …: nothing more
 *   epoll_create*     arg[0] flags          eventfd*, timerfd_create, signalfd*: arg[0] flags; signalfd: fd = the fd argument
 *   accept, accept4   fd listener, arg[0] flags (accept: 0); data: the peer's struct sockaddr ("" when unknown)
 *   connect, bind     data: struct sockaddr; listen: arg[0] backlog, data: the local struct sockaddr (asked of the socket)
 *   CLASS_READ        arg[0] bytes asked for (0: unknown), arg[1] flags (MSG_PEEK …), recvmmsg: ret messages, arg[2] bytes in all
 *   CLASS_WRITE       arg[0] bytes offered, arg[1] flags, sendmmsg as recvmmsg; sendfile: arg[2] source fd;
 *                     splice: fd = out fd, arg[2] in fd
 *   recvmsg           arg[3]: fds received by SCM_RIGHTS (count), data: those fds as int32_t[]; sendmsg: the same for sent ones
 *   close             fd; of an accepted stream socket with bytes waiting to be read (0: none, or not asked): arg[0] how many,
 *                     arg[1] bytes not yet acknowledged by the peer, arg[2] TCP state, as they are just before the close
 *   close_range       arg[0] first, arg[1] last, arg[2] flags
 *   dup*              fd old, ret new, arg[0] flags; dup2/dup3: ret new
 *   fcntl             arg[0] command, arg[1] argument (F_DUPFD*: ret new fd)
 *   shutdown          arg[0] how
 *   set/getsockopt    arg[0] level, arg[1] name, arg[2] the first 8 bytes of the value
 *   epoll_ctl         fd = the fd registered, arg[0] epfd, arg[1] op, arg[2] events (raw), arg[3] data (raw)
 *   epoll_*wait*      fd = epfd, arg[0] maxevents, arg[1] timeout (ns, ~0 for ever);
 *                     data: the returned struct epoll_event[] as struct ready[] (raw masks and data; fd -1)
 *   poll, select …    fd = -1, arg[0] nfds, arg[1] timeout as above; data: struct ready[] of every fd *asked about* whose
 *                     result mask is not 0 (select: IN, OUT, PRI), `data` member = events asked for
 *   io_uring_setup    arg[0] entries; enter: fd, arg[0] to_submit, arg[1] min_complete, arg[2] flags; register: arg[0] opcode;
 *                     where that changes direct descriptors, arg[1] the first slot, arg[2] how many (~0: all)
 *   prlimit64,        arg[0] resource, arg[1] new soft limit (~0: only asked)
 *   alarm             arg[0] seconds; setitimer: arg[0] which timer; timer_settime: nothing more
 *   unknown           arg[0] the machine's own call number
 *
 * EV_RING. RING_SUBMIT: a request is handed to the kernel (pid, tid: by whom; a ring polled by the kernel: whoever made the
 * ring); ret 0. RING_COMPLETE: its completion was posted; ret is its res. A submission stands before all its completions, the
 * completions of a ring stand in their order; both are stamped when they are seen, which may be later than they happened. Of
 * struct ring_entry, a completion repeats what its submission said (op OP_UNKNOWN, fd -1: that was not seen). By op:
 *   READ, RECV, SEND, WRITE …      fd; length: bytes asked for or offered (0: the provided buffer decides), extra: file offset
 *                                  (READ, WRITE and kin). Fds in their SCM_RIGHTS are not followed
 *   ACCEPT                         fd listener; complete: ret the new fd, behind the entry the peer's struct sockaddr ("" when
 *                                  unknown). Into a direct slot: index is the one asked for (INT32_MAX: any, which is ret), and
 *                                  ret is no fd
 *   CONNECT, BIND                  fd; behind the entry struct sockaddr. LISTEN: length backlog
 *   CLOSE                          fd, or index. SHUTDOWN: length how
 *   POLL_ADD                       length: mask asked for, extra: IORING_POLL_… flags (1 multishot, 8 level); ret: mask
 *   EPOLL_CTL                      fd registered, length op, behind the entry one struct ready {data, events, fd = epfd}
 *   EPOLL_WAIT                     fd epfd; complete: behind the entry struct ready[], as epoll_wait's
 *   ASYNC_CANCEL, POLL_REMOVE,     extra: user_data of the request meant; op_flags: IORING_ASYNC_CANCEL_… (fd when it is by fd);
 *   TIMEOUT_REMOVE                 POLL_REMOVE that updates: length the new mask
 *   TIMEOUT, LINK_TIMEOUT          length: ns
 *   FILES_UPDATE                   extra: the first slot; complete: ret how many. FIXED_FD_INSTALL: index; complete: ret the new fd
 *   MSG_RING                       fd the other ring, extra: IORING_MSG_…
 *   SOCKET, OPENAT                 complete: ret the new fd, or index as for ACCEPT; SOCKET: length domain, extra: type |
 *                                  protocol << 32
 *   SPLICE, TEE                    fd out, length bytes, extra: in fd
 */
#ifndef WRINGER_JOURNAL_EVENT_H
#define WRINGER_JOURNAL_EVENT_H

#include <stdint.h>
#include "journal/calls.h"

enum event_kind { EV_META = 1, EV_MARK, EV_ENTER, EV_CALL, EV_PROC, EV_FAULT, EV_PEER, EV_PROBE, EV_RING, EV_FOUND, EV_KINDS };

/* Where the case is. The order of a case is the order here; RECOVERY may be missing when the target is dead. */
enum mark {
	MARK_READY,    /* the target listens: arg[0] port; data: its address as text */
	MARK_BASE,     /* control run begins: the canary asks, nothing is wrong */
	MARK_FAULT,    /* the scenario begins */
	MARK_SETTLE,   /* the scenario's own steps are over; the target gets its window to clean up */
	MARK_QUIET,    /* settled: probes of every fd follow */
	MARK_RECOVERY, /* the base request again */
	MARK_STOP,     /* the harness asks the target to stop: whatever ends now ends by our hand */
	MARK_END,      /* last record of a whole journal */
	MARK_NOTE,     /* data: a remark for the time line */
	MARK_SAMPLE,   /* a round of a repeating scenario is over and everything of it should be gone (fd-growth): arg[0] round
	                  (0 first), arg[1] peers used in it, arg[2] the target's open fds (all processes) */
	MARK_COUNT
};

enum proc {
	PROC_START,  /* pid: the first process of the target */
	PROC_FORK,   /* pid/tid the parent, arg[0] the child's pid or tid, arg[1] clone flags (CLONE_FILES, CLONE_THREAD, CLONE_VFORK) */
	PROC_EXEC,   /* fds with close-on-exec are gone; data: the program's path */
	PROC_EXIT,   /* a thread ended; ret: wait status (as waitpid gives it); arg[0] 1 when it was the process's last thread */
	PROC_SIGNAL, /* a signal is delivered: ret signo */
	PROC_LOST,   /* ret: so many things that the target did before this one were not seen; rules that need them abstain.
	                arg[0] 1: all of them were waits and calls that achieved nothing */
};

enum fault_what {
	FAULT_ARMED,     /* arg[0] fault id; data: e.g. "accept4: EMFILE 1..40" */
	FAULT_DELIVERED, /* the same id; what it did to which call follows as an EV_CALL with EVF_INJECTED; ret -errno. A delay:
	                    arg[1] how many ns the thread is held back from here on, before it enters the call */
	FAULT_LIFTED,    /* the same id, arg[1] how often it was delivered */
	FAULT_LIMIT,     /* RLIMIT_NOFILE of pid set: arg[0] soft, arg[1] hard, arg[2] 1 when set before the start */
	FAULT_SIGNAL,    /* the harness sent signal ret to pid */
};

/* The canary's own connections are peers too, with EVF_CANARY on each of their events. */
enum peer_act {
	PEER_CONNECT,    /* begins; arg[0] local port (host order), data: the peer's name ("c3") */
	PEER_CONNECTED,  /* handshake finished */
	PEER_REFUSED,    /* connect failed: ret -errno */
	PEER_SEND,       /* ret bytes handed to the kernel; arg[0] total so far */
	PEER_RECV,       /* ret bytes received; arg[0] total so far */
	PEER_REQUEST,    /* a whole request has been sent now; an answer is owed; arg[0] its ordinal (1 …); data: its token */
	PEER_ANSWER,     /* a whole and right answer arrived; arg[0] its ordinal, arg[1] its bytes, arg[2] latency ns */
	PEER_WRONG,      /* a wrong answer arrived; data: "expected …, received …", NUL, then
	                   the beginning of what was received */
	PEER_CUT,        /* the connection ended inside an answer: arg[0] bytes of it got, arg[1] bytes announced (0 unknown) */
	PEER_UNANSWERED, /* the connection ended, or patience did, and an owed answer had not begun; arg[0] 1: patience ended,
	                   arg[1] ns it had been extended by because the machine was busy */
	PEER_GOT_FIN,    /* the target closed or shut down its side */
	PEER_GOT_RST,    /* the target reset; ret -errno */
	PEER_FIN,        /* fault or normal end: close() with nothing unread */
	PEER_HALF_CLOSE, /* shutdown(SHUT_WR) */
	PEER_RST,        /* SO_LINGER 0 and close(): a reset at once */
	PEER_CLOSE_UNREAD, /* close() with received bytes unread: the kernel resets; arg[0] bytes unread */
	PEER_VANISH,     /* gone without a packet (TCP_REPAIR) */
	PEER_STALL,      /* stops reading; arg[0] 1 stop, 0 reads again */
	PEER_OOB,        /* one urgent byte sent */
	PEER_GONE,       /* our end of it is closed for whatever reason; nothing more comes from this peer */
	PEER_ACTS
};

enum probe {
	PROBE_SOCKET,   /* a stream socket, asked of the socket itself: arg[0] bytes waiting to be read, arg[1] bytes not yet
	                   acknowledged by the peer (SIOCOUTQ), arg[2] poll() mask (all bits asked), arg[3] TCP state (tcp_info);
	                   ret 1: keep-alive or a user timeout is set */
	PROBE_LISTENER, /* arg[0] connections waiting to be accepted, arg[1] backlog, arg[2] poll() mask */
	PROBE_THREAD,   /* tid: arg[0] its state letter ('S', 'R' …), arg[1] enum call it is in (CALL_unknown: another or none),
	                   arg[2] CPU ns it has used; fd: the number that call is about, -1 none; data: the name of a call that
	                   has no number of ours ("futex") */
	PROBE_PROCESS,  /* pid: arg[0] open fds, arg[1] CPU ns used, arg[2] resident bytes, arg[3] RLIMIT_NOFILE soft */
	PROBE_EPOLL,    /* fd = epfd; data: struct ready[]: fd, mask (events armed), data; from /proc/PID/fdinfo */
};

/*
 * What a server that was attached to already had. Processes stand before their threads, these before the fds, and a list behind
 * all fds of its process. Of an fd: arg[2] its O_NONBLOCK and O_CLOEXEC, ret 1 when it is a TCP socket.
 */
enum found {
	FOUND_PROCESS,  /* pid; arg[0] its parent, arg[1] 1: the one that was named; data: the program's path */
	FOUND_THREAD,   /* pid, tid */
	FOUND_SAME,     /* fd leads to what fd arg[1] of process arg[0] leads to */
	FOUND_SOCKET,   /* neither listening nor connected, or one end of a pair */
	FOUND_LISTENER, /* data: its own struct sockaddr */
	FOUND_CONN,     /* accepted: its own address is that of a listener of the target; data: the peer's struct sockaddr */
	FOUND_OUTGOING, /* any other connection; data: the peer's struct sockaddr */
	FOUND_EPOLL,
	FOUND_PIPE,
	FOUND_EVENTFD,
	FOUND_TIMERFD,
	FOUND_SIGNALFD,
	FOUND_RING,
	FOUND_OTHER,
	FOUND_LIST,     /* fd = epfd; data: its registrations as of PROBE_EPOLL; one-shot without any event: delivered, not re-armed */
	FOUNDS
};

/* What was seen of an io_uring. */
enum ring_what {
	RING_SUBMIT,
	RING_COMPLETE,
	RING_LOST,   /* fd: the ring; ret: how many entries were overwritten before they were seen; arg[0] 0 submissions,
			1 completions */
	RING_UNSEEN, /* fd: the ring, of which something stays unseen from here on; arg[0] enum ring_gap; data: in words */
};

/* What stays unseen. Rules that need it abstain. */
enum ring_gap {
	RING_GAP_ALL,	 /* neither submissions nor completions can be read */
	RING_GAP_DIRECT, /* the ring holds direct descriptors: connections without a number */
};

#define EVF_INJECTED 0x1u /* the result was made by wringer, the kernel never saw the call */
#define EVF_SHORTENED 0x2u /* wringer cut the length before the kernel saw it */
#define EVF_RESTART 0x4u /* interrupted and restarted by the kernel itself (ERESTART…): the target saw no result; ret -EINTR */
#define EVF_UNREADABLE 0x8u /* the target's memory could not be read: data is missing */
#define EVF_CANARY 0x10u
#define EVF_TRUNCATED 0x20u /* data was cut at EVENT_DATA_MAX */
#define EVF_GUESSED 0x40u /* a completion that several different requests in flight could have had: which is a guess */

#define EVENT_DATA_MAX 65536u
#define EVENT_PID_NONE 0

/* One ready fd, as the kernel gave it. Also the layout in a journal file. */
struct ready {
	uint64_t data;   /* epoll: the registration's data; poll and select: the events asked for */
	uint32_t events; /* raw mask */
	int32_t fd;      /* poll, select, PROBE_EPOLL, FOUND_LIST: the fd; epoll waits: -1, the model finds it by data and ADD record */
};

struct event {
	uint64_t at; /* ns since the case began */
	uint16_t kind, flags;
	uint32_t what;
	int32_t pid, tid; /* 0 on our own side */
	int32_t fd;       /* the target's number, -1 none */
	int32_t peer;     /* our number for it, -1 none */
	int64_t ret;
	uint64_t arg[4];
	uint32_t size; /* bytes behind data */
	const void *data;
};

/* An event of that kind with fd and peer -1 and everything else 0. */
static inline struct event event_make(enum event_kind kind, uint32_t what)
{
	return (struct event){.kind = (uint16_t)kind, .what = what, .fd = -1, .peer = -1};
}

/* ready[] behind an EV_CALL of CLASS_WAIT, a PROBE_EPOLL or a FOUND_LIST; *ret_count is 0 when there is none. */
const struct ready *event_ready(const struct event *event, uint32_t *ret_count);

/* "key=value" of an EV_META: the value when the key fits, else NULL. NUL-terminated in the journal. */
const char *event_meta(const struct event *event, const char *key);

/* One line for a person, without the time: `epoll_wait(5) = 1 [IN|RDHUP]`. Returns out. */
char *event_text(const struct event *event, char *out, unsigned long size);

/* Whether ret bytes/fds/… mean success. */
static inline int event_ok(const struct event *event)
{
	return event->ret >= 0;
}

#endif
