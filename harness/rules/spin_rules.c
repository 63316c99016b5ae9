/* SPDX-License-Identifier: MIT */
/* What `wringer explain` says about the five spins. */
#include "rules/spin.h"

#define COMMON_HOW                                                                                           \
	"Counted for each registration (for each file with poll and select), 200 reports within one second " \
	"of the "                                                                                            \
	"case's own time line. What other connections do in between is no excuse. An epoll_ctl MOD to the "  \
	"same mask "                                                                                         \
	"is not progress, a mask that really differs is. An edge-triggered registration counts only when "   \
	"the target "                                                                                        \
	"re-arms it itself, because otherwise every report is a new event; so do polls of an io_uring "      \
	"(POLL_ADD), by a new request. Reports that wringer invented "                                       \
	"do not "                                                                                            \
	"count, nor do those after the harness asked the target to stop."

const struct rule spin_rules[SPIN_KINDS] = {
    [SPIN_HUP] =
	{
	    .id = "hup-spin",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "ERR or HUP is reported over and over and nobody touches the fd",
	    .why = "The kernel reports ERR and HUP whether they were asked for or not, even with an interest "
		   "mask of 0, "
		   "and with level triggering it goes on until the fd is closed or taken out of the set. A "
		   "loop that "
		   "only looks at the bits it asked for wakes up at once, finds nothing to do and waits "
		   "again: one "
		   "reset connection costs a whole core, for as long as the process lives.",
	    .how =
		"ERR or HUP is in the mask and between two reports there is no call on that fd, by any "
		"thread, that could have changed anything: getsockopt, fcntl and ioctl only ask. " COMMON_HOW,
	    .mend = "Treat ERR and HUP as a reason to act on every registration: read (which gives the errno "
		    "or the end) "
		    "or ask SO_ERROR, then close. A handler that is not interested in the fd at the moment "
		    "must take it "
		    "out with EPOLL_CTL_DEL; an empty mask does not silence these two.",
	    .seen = "h2o PR #603 and d96437a84; libuv 0b26af376; CUPS #4605; seastar #1785",
	},
    [SPIN_EOF] =
	{
	    .id = "eof-spin",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "the end of the stream was read, and the loop is woken for it over and over",
	    .why = "After the peer's FIN a socket stays readable for ever: IN and RDHUP are reported by "
		   "every wait until "
		   "the fd is closed or the interest is dropped. A client that closes, or only shuts down "
		   "its writing "
		   "side while it waits for the answer, then costs a core.",
	    .how = "A read gave 0 before, IN or RDHUP is reported again, and nothing moved on that fd since "
		   "the last "
		   "report: reading 0 once more is not progress, sending bytes or shutting down is. RDHUP "
		   "without IN, "
		   "on an fd that is never read, counts as well. " COMMON_HOW,
	    .mend = "On 0 either close, or, if an answer is still owed, take EPOLLIN and EPOLLRDHUP out of "
		    "the mask until "
		    "the answer is sent.",
	    .seen = "lighttpd 3a2ddc6c; netty PR #4082; nginx 39386c951",
	},
    [SPIN_URGENT] =
	{
	    .id = "urgent-spin",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "PRI is reported over and over after an urgent byte",
	    .why = "A single TCP urgent byte, which any client can send, keeps PRI raised until something is "
		   "read. A "
		   "server that polls for PRI without handling it spins from then on.",
	    .how = "PRI is in the mask and between two reports there is no call on that fd. " COMMON_HOW,
	    .mend = "Do not ask for EPOLLPRI unless urgent data means something to the protocol. If it does, "
		    "take the "
		    "byte with recv(MSG_OOB); a plain read clears the state too.",
	    .seen = "Varnish 8822c846c",
	},
    [SPIN_READABLE] =
	{
	    .id = "readable-spin",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "IN is reported over and over and nobody reads (or accepts)",
	    .why = "Something waits on the fd (bytes, a connection, a counter, an end of stream) and the "
		   "loop does not "
		   "take it, so that level triggering wakes it at once again. Often it is a reader paused on "
		   "purpose, "
		   "for back-pressure or because a worker is busy, that forgot to drop its interest.",
	    .how = "IN is in the mask, the end was not read yet, and between two reports nobody tried to "
		   "read, accept or "
		   "wait on it; a peek takes nothing and is no attempt. Bytes sent on the same fd count as "
		   "progress. "
		   "Rings are left out, their completions are taken without a call. " COMMON_HOW,
	    .mend = "Pausing a reader means EPOLL_CTL_MOD without EPOLLIN (or EPOLL_CTL_DEL, or one-shot), "
		    "resuming means "
		    "arming it again. An eventfd or a pipe used as a wakeup has to be drained, or registered "
		    "with EPOLLET.",
	    .seen = "libuv be8b3513d, ed2b91540",
	},
    [SPIN_WRITABLE] =
	{
	    .id = "writable-spin",
	    .severity = SEVERITY_ERROR,
	    .by_absence = true,
	    .doc = "OUT is reported over and over and nobody writes",
	    .why = "A socket with room in its buffer is writable all the time. OUT left armed after the last "
		   "byte was "
		   "sent turns the loop into a busy one, at full speed, with every client served: it shows "
		   "only in "
		   "the CPU bill and in the latency of everything else on the machine.",
	    .how = "OUT is the only reason of the wakeup (no IN, RDHUP, PRI, ERR or HUP beside it) and "
		   "between two "
		   "reports nobody tried to write to that fd, shut it down or connect it. Reads do not "
		   "count. " COMMON_HOW,
	    .mend = "Arm EPOLLOUT only while output is pending, after a write gave EAGAIN or less than was "
		    "offered, and "
		    "drop it once the buffer is empty. With edge triggering it may stay armed.",
	    .seen = "pelikan #116; pikiwidb #251; redis 78c162355",
	},
};
