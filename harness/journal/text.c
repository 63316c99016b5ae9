/* SPDX-License-Identifier: MIT */
/* An event as one line for a person: `read(9, 4096) = 8`, `c3 resets`, `fd 9: IN|RDHUP`. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "base/names.h"
#include "journal/event.h"
#include "journal/text.h"

void text_add(struct text *text, const char *format, ...)
{
	va_list args;

	if (text->used >= text->size)
		return;
	va_start(args, format);
	int n = vsnprintf(text->out + text->used, text->size - text->used, format, args);
	va_end(args);
	text->used += n > 0 ? (size_t)n : 0;
}

void text_data(struct text *text, const struct event *event)
{
	const char *data = event->data;

	for (uint32_t i = 0; i < event->size && data[i]; i++)
		text_add(text, "%c", (unsigned char)data[i] >= ' ' ? data[i] : '.');
}

void text_mask(struct text *text, uint32_t mask)
{
	char name[MASK_TEXT];

	text_add(text, "%s", mask_short(mask, name, sizeof name));
}

void text_number(struct text *text, int64_t ret)
{
	if (ret < 0 && errno_name((int)ret))
		text_add(text, " = %s", errno_name((int)ret));
	else
		text_add(text, " = %lld", (long long)ret);
}

static void add_result(struct text *text, const struct event *event)
{
	text_number(text, event->ret);
	if (event->flags & EVF_INJECTED)
		text_add(text, " (injected)");
	if (event->flags & EVF_SHORTENED)
		text_add(text, " (shortened)");
	if (event->flags & EVF_RESTART)
		text_add(text, " (restarted)");
}

static void add_timeout(struct text *text, uint64_t ns)
{
	if (ns == UINT64_MAX)
		text_add(text, ", -1");
	else
		text_add(text, ", %g ms", (double)ns / 1e6);
}

void text_ready(struct text *text, const struct ready *ready, uint32_t count)
{
	for (uint32_t i = 0; i < count && i < 8; i++) {
		text_add(text, i ? ", " : " [");
		if (ready[i].fd >= 0)
			text_add(text, "fd %d: ", ready[i].fd);
		text_mask(text, ready[i].events);
	}
	if (count > 8)
		text_add(text, ", %u more", count - 8);
	if (count)
		text_add(text, "]");
}

void text_address(struct text *text, const void *data, uint32_t size)
{
	char name[INET6_ADDRSTRLEN] = "";
	struct sockaddr_storage address = {0};
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;

	if (!data || size < sizeof *v4)
		return;
	memcpy(&address, data, size < sizeof address ? size : sizeof address);
	if (address.ss_family == AF_INET)
		text_add(text, ", %s:%u", inet_ntop(AF_INET, &v4->sin_addr, name, sizeof name),
			 ntohs(v4->sin_port));
	else if (address.ss_family == AF_INET6)
		text_add(text, ", [%s]:%u", inet_ntop(AF_INET6, &v6->sin6_addr, name, sizeof name),
			 ntohs(v6->sin6_port));
}

static void add_ready(struct text *text, const struct event *event)
{
	uint32_t count;
	const struct ready *ready = event_ready(event, &count);

	text_ready(text, ready, count);
}

static void ctl_text(struct text *text, const struct event *event)
{
	static const char *const ops[] = {"?", "ADD", "DEL", "MOD"};

	text_add(text, "epoll_ctl(%lld, %s, %d", (long long)event->arg[0],
		 ops[event->arg[1] < 4 ? event->arg[1] : 0], event->fd);
	if (event->arg[1] != EPOLL_CTL_DEL) {
		text_add(text, ", ");
		text_mask(text, (uint32_t)event->arg[2]);
	}
	text_add(text, ")");
}

static void call_text(struct text *text, const struct event *event)
{
	enum call call = (enum call)event->what;
	const char *name = call_name(call);

	switch (call_class(call)) {
	case CLASS_CTL:
		ctl_text(text, event);
		break;
	case CLASS_WAIT:
		text_add(text, "%s(", name);
		if (event->fd >= 0)
			text_add(text, "%d", event->fd);
		else
			text_add(text, "%llu fds", (unsigned long long)event->arg[0]);
		add_timeout(text, event->arg[1]);
		text_add(text, ")");
		break;
	case CLASS_READ:
	case CLASS_WRITE:
		text_add(text, "%s(%d, %llu)", name, event->fd, (unsigned long long)event->arg[0]);
		break;
	case CLASS_ACCEPT:
	case CLASS_CONNECT:
	case CLASS_LISTEN:
		text_add(text, "%s(%d", name, event->fd);
		text_address(text, event->data, event->size);
		text_add(text, ")");
		break;
	case CLASS_SHUTDOWN:
		text_add(text, "shutdown(%d, %s)", event->fd,
			 event->arg[0] == 0   ? "RD"
			 : event->arg[0] == 1 ? "WR"
					      : "RDWR");
		break;
	case CLASS_CLOSE:
		if (call == CALL_close && event->arg[0]) {
			text_add(text, "close(%d) with %llu bytes unread", event->fd,
				 (unsigned long long)event->arg[0]);
			break;
		}
		__attribute__((fallthrough));
	case CLASS_CREATE:
	case CLASS_DUP:
	case CLASS_OPTION:
	case CLASS_RING:
	case CLASS_OTHER:
		if (call == CALL_unknown)
			text_add(text, "call %llu (not decoded)", (unsigned long long)event->arg[0]);
		else if (event->fd >= 0)
			text_add(text, "%s(%d)", name, event->fd);
		else
			text_add(text, "%s()", name);
		break;
	}
	add_result(text, event);
	if (call_class(call) == CLASS_WAIT)
		add_ready(text, event);
}

static void exit_text(struct text *text, const struct event *event)
{
	int status = (int)event->ret;
	char name[32];
	const char *who = event->arg[0] ? "process" : "thread";

	if (WIFSIGNALED(status))
		text_add(text, "%s %d is killed by %s", who, event->tid,
			 signal_name(WTERMSIG(status), name, sizeof name));
	else
		text_add(text, "%s %d exits with %d", who, event->tid, WEXITSTATUS(status));
}

static void proc_text(struct text *text, const struct event *event)
{
	char name[32];

	switch ((enum proc)event->what) {
	case PROC_START:
		text_add(text, "process %d starts", event->pid);
		break;
	case PROC_FORK:
		text_add(text, "%d makes %llu", event->tid, (unsigned long long)event->arg[0]);
		break;
	case PROC_EXEC:
		text_add(text, "execve ");
		text_data(text, event);
		break;
	case PROC_EXIT:
		exit_text(text, event);
		break;
	case PROC_SIGNAL:
		text_add(text, "%s is delivered", signal_name((int)event->ret, name, sizeof name));
		break;
	case PROC_LOST:
		text_add(text, "%lld of the target's calls were lost: they came faster than they were taken",
			 (long long)event->ret);
		break;
	}
}

static void fault_text_of(struct text *text, const struct event *event)
{
	char name[32];

	switch ((enum fault_what)event->what) {
	case FAULT_ARMED:
		text_add(text, "armed: ");
		text_data(text, event);
		break;
	case FAULT_DELIVERED:
		text_add(text, "delivered");
		if (event->arg[1])
			text_add(text, ": held back for %g ms", (double)event->arg[1] / NS_PER_MS);
		else
			add_result(text, event);
		break;
	case FAULT_LIFTED:
		text_add(text, "lifted after %llu", (unsigned long long)event->arg[1]);
		break;
	case FAULT_LIMIT:
		text_add(text, "RLIMIT_NOFILE of %d is now %llu", event->pid,
			 (unsigned long long)event->arg[0]);
		break;
	case FAULT_SIGNAL:
		text_add(text, "%s sent to %d", signal_name((int)event->ret, name, sizeof name), event->pid);
		break;
	}
}

static const char *const peer_texts[PEER_ACTS] = {
    [PEER_CONNECT] = "connects",
    [PEER_CONNECTED] = "is connected",
    [PEER_REFUSED] = "cannot connect",
    [PEER_SEND] = "sends",
    [PEER_RECV] = "receives",
    [PEER_REQUEST] = "has sent a whole request",
    [PEER_ANSWER] = "has got a whole answer",
    [PEER_WRONG] = "got a wrong answer",
    [PEER_CUT] = "got only a part of the answer",
    [PEER_UNANSWERED] = "got no answer",
    [PEER_GOT_FIN] = "is told: the target closed",
    [PEER_GOT_RST] = "is told: the target reset",
    [PEER_FIN] = "closes (FIN)",
    [PEER_HALF_CLOSE] = "shuts down writing (FIN)",
    [PEER_RST] = "resets (RST)",
    [PEER_CLOSE_UNREAD] = "closes with unread bytes (RST)",
    [PEER_VANISH] = "vanishes",
    [PEER_STALL] = "stops reading",
    [PEER_OOB] = "sends an urgent byte",
    [PEER_GONE] = "is gone",
};

static void peer_text(struct text *text, const struct event *event)
{
	const char *known = event->what < PEER_ACTS ? peer_texts[event->what] : NULL;

	if (event->what == PEER_STALL && event->arg[0] == 0)
		known = "reads again";
	text_add(text, "%s", known ? known : "does something unknown");
	switch ((enum peer_act)event->what) {
	case PEER_CONNECT:
		text_add(text, " from port %llu", (unsigned long long)event->arg[0]);
		break;
	case PEER_SEND:
	case PEER_RECV:
		text_add(text, " %lld bytes", (long long)event->ret);
		break;
	case PEER_ANSWER:
		text_add(text, " of %llu bytes", (unsigned long long)event->arg[1]);
		break;
	case PEER_WRONG:
		text_add(text, ": ");
		text_data(text, event);
		break;
	case PEER_CUT:
		text_add(text, ": %llu bytes", (unsigned long long)event->arg[0]);
		if (event->arg[1])
			text_add(text, " of %llu", (unsigned long long)event->arg[1]);
		break;
	case PEER_CLOSE_UNREAD:
		text_add(text, ": %llu", (unsigned long long)event->arg[0]);
		break;
	case PEER_REFUSED:
	case PEER_GOT_RST:
		if (event->ret < 0 && errno_name((int)event->ret))
			text_add(text, ": %s", errno_name((int)event->ret));
		break;
	case PEER_UNANSWERED:
		if (event->arg[1])
			text_add(text, " (%.2f s longer waited for, the machine was busy)",
				 clock_seconds(event->arg[1]));
		break;
	case PEER_CONNECTED:
	case PEER_REQUEST:
	case PEER_GOT_FIN:
	case PEER_FIN:
	case PEER_HALF_CLOSE:
	case PEER_RST:
	case PEER_VANISH:
	case PEER_STALL:
	case PEER_OOB:
	case PEER_GONE:
	case PEER_ACTS:
		break;
	}
}

/* Names of linux/tcp_states by number. */
static const char *const tcp_states[] = {
    "?",	 "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
    "TIME_WAIT", "CLOSE",	"CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING",
};

static void add_thread(struct text *text, const struct event *event)
{
	uint64_t state = event->arg[0];

	text_add(text, "thread %d: state %c in ", event->tid, state > ' ' && state < 127 ? (char)state : '?');
	if (event->arg[1] == CALL_unknown && event->size)
		text_data(text, event);
	else
		text_add(text, "%s", call_name((enum call)event->arg[1]));
	if (event->fd >= 0)
		text_add(text, "(%d)", event->fd);
	text_add(text, ", %g ms CPU", (double)event->arg[2] / 1e6);
}

static void probe_text(struct text *text, const struct event *event)
{
	const unsigned long long a[] = {event->arg[0], event->arg[1], event->arg[2], event->arg[3]};

	switch ((enum probe)event->what) {
	case PROBE_SOCKET:
		text_add(text, "fd %d: %llu bytes to read, %llu unacknowledged, ", event->fd, a[0], a[1]);
		text_mask(text, (uint32_t)a[2]);
		text_add(text, ", %s",
			 a[3] < sizeof tcp_states / sizeof *tcp_states ? tcp_states[a[3]] : "?");
		text_add(text, "%s", event->ret > 0 ? ", keep-alive" : "");
		break;
	case PROBE_LISTENER:
		text_add(text, "fd %d: %llu wait to be accepted (backlog %llu)", event->fd, a[0], a[1]);
		break;
	case PROBE_THREAD:
		add_thread(text, event);
		break;
	case PROBE_PROCESS:
		text_add(text, "process %d: %llu fds (limit %llu), %g ms CPU, %llu KiB", event->pid, a[0],
			 a[3], (double)a[1] / 1e6, a[2] / 1024);
		break;
	case PROBE_EPOLL:
		text_add(text, "epoll %d holds", event->fd);
		add_ready(text, event);
		break;
	}
}

static void mark_text(struct text *text, const struct event *event)
{
	static const char *const names[MARK_COUNT] = {
	    [MARK_READY] = "ready",   [MARK_BASE] = "base",   [MARK_FAULT] = "fault",
	    [MARK_SETTLE] = "settle", [MARK_QUIET] = "quiet", [MARK_RECOVERY] = "recovery",
	    [MARK_STOP] = "stop",     [MARK_END] = "end",     [MARK_NOTE] = "note",
	    [MARK_SAMPLE] = "sample",
	};

	text_add(text, "-- %s", event->what < MARK_COUNT ? names[event->what] : "?");
	if (event->what == MARK_SAMPLE)
		text_add(text, " round %llu: %llu fds", (unsigned long long)event->arg[0],
			 (unsigned long long)event->arg[2]);
	if (event->size > 1) {
		text_add(text, ": ");
		text_data(text, event);
	}
}

static void enter_text(struct text *text, const struct event *event)
{
	text_add(text, "%s(%d", call_name((enum call)event->what), event->fd);
	add_timeout(text, event->arg[1]);
	text_add(text, ") …");
}

char *event_text(const struct event *event, char *out, unsigned long size)
{
	static void (*const kinds[EV_KINDS])(struct text *, const struct event *) = {
	    [EV_META] = text_data,   [EV_MARK] = mark_text,   [EV_ENTER] = enter_text,
	    [EV_CALL] = call_text,   [EV_PROC] = proc_text,   [EV_FAULT] = fault_text_of,
	    [EV_PEER] = peer_text,   [EV_PROBE] = probe_text, [EV_RING] = text_ring,
	    [EV_FOUND] = text_found,
	};
	struct text text = {.out = out, .size = size};

	if (size)
		out[0] = 0;
	if (event->kind < EV_KINDS && kinds[event->kind])
		kinds[event->kind](&text, event);
	return out;
}
