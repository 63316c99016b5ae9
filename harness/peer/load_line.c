/* SPDX-License-Identifier: MIT */
/*
 * One connection of the load. Edge-triggered, registered once for everything: what is reported is read until
 * the kernel has no more, and room to send is asked for only after EAGAIN, so an exchange costs a send, a
 * receive and its share of a wait.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/names.h"
#include "peer/load_impl.h"
#include "peer/source.h"

#define SCRATCH 65536
#define REST	(10 * NS_PER_MS) /* before a connect that failed is tried again */

bool line_free(const struct load *load, const struct line *line)
{
	if (line->wake || line->pending >= load->options->pipeline)
		return false;
	return load->options->once ? line->state == LINE_DOWN : line->state == LINE_OPEN;
}

void line_close(struct line *line)
{
	if (line->fd >= 0)
		(void)close(line->fd);
	line->fd = -1;
	line->state = LINE_DOWN;
	line->answered = line->unsent = 0;
	line->at = 0;
	buf_clear(&line->inbox);
}

static void rest(struct load *load, struct line *line)
{
	line->wake = load->now + REST;
	load->resting++;
}

/* What it was asked is lost; with a rate and without, the line goes on. */
static void drop_pending(struct load *load, struct line *line)
{
	load->figures->cut += line->pending;
	line->pending = 0;
}

static void failed_connect(struct load *load, struct line *line, int code)
{
	const char *name = errno_name(code);

	load->figures->refused++;
	load_complain(load, "connecting: %s", name ? name : "failed");
	line_close(line);
	drop_pending(load, line);
	rest(load, line);
}

static int open_socket(struct load *load, struct line *line)
{
	const int one = 1;
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = line};
	int family = load->options->address->sa_family;

	line->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (line->fd < 0)
		return load_broke(load, -errno, "a socket");
	(void)setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (load->source && source_bind(line->fd, load->options->address, load->source) < 0)
		return load_broke(load, -errno, "a source address");
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, line->fd, &event) < 0)
		return load_broke(load, -errno, "epoll");
	return 0;
}

void line_connect(struct load *load, struct line *line)
{
	if (open_socket(load, line) < 0)
		return;
	line->state = LINE_CONNECTING;
	if (connect(line->fd, load->options->address, load->options->address_size) == 0 ||
	    errno == EINPROGRESS)
		return;
	/* every port towards the server is in use, or waits for its time to pass: from another address */
	if (errno == EADDRNOTAVAIL && load->source < SOURCE_MOST)
		load->source++;
	failed_connect(load, line, errno);
}

/* The connection is over; what was asked on it is asked again where the server may just have closed an idle
 * one. */
static void lost(struct load *load, struct line *line)
{
	bool idle = line->answered > 0 && !line->inbox.size;

	if (idle && !load->options->once) {
		load->figures->closed++;
		load->figures->repeated += line->pending;
	} else {
		if (line->pending)
			load_complain(load, "the connection ended instead of an answer");
		drop_pending(load, line);
		if (!line->answered)
			rest(load, line);
	}
	line_close(line);
	if (!line->wake && !load->options->once)
		line_connect(load, line);
	else
		load_offer(load, line);
}

/* Returns false when the connection is gone. */
static bool flush(struct load *load, struct line *line)
{
	while (line->unsent) {
		size_t size = load->request.size - line->at;
		if (size > line->unsent)
			size = (size_t)line->unsent;
		ssize_t sent = send(line->fd, load->request.data + line->at, size, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			return true;
		if (sent < 0)
			return false; /* the read that follows its event finds the end too */
		line->unsent -= (uint64_t)sent;
		line->at = (line->at + (size_t)sent) % load->request.size;
		load->figures->sent += (uint64_t)sent;
	}
	return true;
}

void line_ask(struct load *load, struct line *line, uint32_t count, uint64_t due)
{
	uint32_t pipeline = load->options->pipeline;

	for (uint32_t i = 0; i < count; i++)
		line->dues[(line->first + line->pending++) % pipeline] = due;
	line->unsent += count * (uint64_t)load->request_size;
	if (line->state == LINE_OPEN)
		(void)flush(load, line);
	else if (line->state == LINE_DOWN)
		line_connect(load, line);
}

/* It can be asked now: first what a lost connection left behind, or all at once without a rate. */
static void opened(struct load *load, struct line *line)
{
	line->state = LINE_OPEN;
	line->unsent = line->pending * (uint64_t)load->request_size;
	(void)flush(load, line);
	load_offer(load, line);
}

static void connected(struct load *load, struct line *line)
{
	load->figures->connects++;
	line->state = LINE_GREETED;
	if (!(load->options->protocol->offers & PROTOCOL_GREETS))
		opened(load, line);
}

static void took_answer(struct load *load, struct line *line)
{
	uint64_t due = line->dues[line->first];

	histogram_add(&load->figures->latency, load->now > due ? load->now - due : 0);
	atomic_store_explicit(&load->figures->answers,
			      atomic_load_explicit(&load->figures->answers, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	line->first = (line->first + 1) % load->options->pipeline;
	line->pending--;
	line->answered++;
}

/* How much of data is done with, or -EBADMSG. */
static int64_t take_answers(struct load *load, struct line *line, const char *data, size_t size, bool closed)
{
	size_t used = 0;

	while (used < size && line->pending) {
		int64_t length = load_answer(load, data + used, size - used, closed);
		if (length < 0)
			return length;
		if (length == 0)
			break;
		used += (size_t)length;
		took_answer(load, line);
	}
	if (used < size && !line->pending) {
		load->figures->wrong++;
		load_complain(load, "%zu bytes that nobody asked for", size - used);
		return -EBADMSG;
	}
	return (int64_t)used;
}

static int64_t take(struct load *load, struct line *line, const char *data, size_t size, bool closed)
{
	if (line->state != LINE_GREETED)
		return take_answers(load, line, data, size, closed);
	int64_t length = load_greeting(load, data, size);
	if (length > 0)
		opened(load, line);
	return length;
}

/* Looks at what arrived: in place, and only the beginning of an answer is kept. Returns false when it was
 * wrong. */
static bool arrived(struct load *load, struct line *line, const char *data, size_t size)
{
	load->figures->received += size;
	load->now = clock_now();
	if (!line->inbox.size) {
		int64_t used = take(load, line, data, size, false);
		if (used < 0)
			return false;
		return (size_t)used == size ||
		       buf_append(&line->inbox, data + used, size - (size_t)used) == 0;
	}
	if (buf_append(&line->inbox, data, size) < 0)
		return false;
	int64_t used = take(load, line, line->inbox.data, line->inbox.size, false);
	if (used > 0)
		buf_consume(&line->inbox, (size_t)used);
	return used >= 0;
}

/* An answer may be one that ends with the connection. */
static void ended(struct load *load, struct line *line)
{
	if (line->state == LINE_OPEN && line->pending && line->inbox.size) {
		int64_t used = take_answers(load, line, line->inbox.data, line->inbox.size, true);
		if (used < 0)
			drop_pending(load, line);
		if (used > 0)
			buf_consume(&line->inbox, (size_t)used);
	}
	lost(load, line);
}

static void wrong(struct load *load, struct line *line)
{
	line->pending -= line->pending ? 1 : 0; /* counted already */
	drop_pending(load, line);
	line->answered = 0;
	lost(load, line);
}

/* Reads what there is. Returns false when the line has been closed. */
static bool drain(struct load *load, struct line *line, uint32_t events)
{
	bool to_the_end = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
	ssize_t got;

	do {
		got = recv(line->fd, load->scratch, SCRATCH, 0);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			return errno == EAGAIN || drain(load, line, events);
		if (got <= 0) {
			ended(load, line);
			return false;
		}
		if (!arrived(load, line, load->scratch, (size_t)got)) {
			wrong(load, line);
			return false;
		}
	} while (to_the_end || got == SCRATCH);
	return true;
}

static int connect_result(const struct line *line)
{
	int code = 0;
	socklen_t size = sizeof code;

	return getsockopt(line->fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0 ? errno : code;
}

void line_ready(struct load *load, struct line *line, uint32_t events)
{
	if (line->state == LINE_CONNECTING) {
		int code = connect_result(line);
		if (code) {
			failed_connect(load, line, code);
			return;
		}
		if (!(events & EPOLLOUT))
			return;
		connected(load, line);
	}
	if (events & EPOLLOUT && line->unsent)
		(void)flush(load, line);
	if (!(events & ~(uint32_t)EPOLLOUT) || line->state < LINE_GREETED || !drain(load, line, events))
		return;
	if (load->options->once && line->state == LINE_OPEN && !line->pending)
		line_close(line);
	load_offer(load, line);
}
