/* SPDX-License-Identifier: MIT */
/*
 * Writes a journal of a busy HTTP server, through the journal's own writer, for bench.py's part `judge`.
 *
 *   make_journal PATH EVENTS REQUESTS LIVE PEERS
 *
 * REQUESTS are asked on each connection before it closes, LIVE connections are open at a time, PEERS 1: the
 * other side's acts stand beside the target's, as in a case; 0: the target's calls alone, as in `wringer
 * watch`; 2: as 1, and they end in all the ways there are: by FIN, reset, half-close, unread bytes, by the
 * target, and some are refused before they begin.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "journal/journal.h"

#define PID	 4242
#define LISTENER 3
#define EPOLL	 4
#define FIRST_FD 5
#define STEP_NS	 3000 /* between two events */
#define BATCH	 4    /* requests that one epoll_wait reports */
#define DRAIN	 4096 /* events between two drains */

struct conn {
	int32_t peer;
	uint16_t port;
	uint64_t requests, sent, received;
};

struct story {
	struct journal *journal;
	struct conn *conns;
	uint64_t live, requests, written, at;
	bool peers, mixed;
	int32_t next_peer;
	int error;
};

static void put(struct story *story, struct event event)
{
	event.at = story->at += STEP_NS;
	if (event.kind == EV_CALL || event.kind == EV_ENTER || event.kind == EV_PROC)
		event.pid = event.tid = PID;
	int r = journal_append(story->journal, &event);
	if (r == 0 && ++story->written % DRAIN == 0)
		r = journal_drain(story->journal, NULL, NULL);
	story->error = story->error ? story->error : r;
}

static void call(struct story *story, enum call what, int32_t fd, int64_t ret, uint64_t arg0)
{
	struct event event = event_make(EV_CALL, what);

	event.fd = fd;
	event.ret = ret;
	event.arg[0] = arg0;
	put(story, event);
}

static void act(struct story *story, enum peer_act what, struct conn *conn, int64_t ret, uint64_t arg0)
{
	struct event event = event_make(EV_PEER, what);
	char name[16];

	if (!story->peers)
		return;
	event.peer = conn->peer;
	event.ret = ret;
	event.arg[0] = arg0;
	if (what == PEER_CONNECT) {
		event.size = (uint32_t)snprintf(name, sizeof name, "c%d", conn->peer) + 1;
		event.data = name;
	}
	put(story, event);
}

static void control(struct story *story, int32_t fd, uint32_t events)
{
	struct event event = event_make(EV_CALL, CALL_epoll_ctl);

	event.fd = fd;
	event.arg[0] = EPOLL;
	event.arg[1] = EPOLL_CTL_ADD;
	event.arg[2] = events;
	event.arg[3] = 0x1000 + (uint64_t)fd;
	put(story, event);
}

static void wait_for(struct story *story, const int32_t *fds, int count, uint32_t mask)
{
	struct event event = event_make(EV_ENTER, CALL_epoll_wait);
	struct ready ready[BATCH];

	event.fd = EPOLL;
	event.arg[0] = 512;
	event.arg[1] = ~(uint64_t)0;
	put(story, event);
	for (int i = 0; i < count; i++)
		ready[i] = (struct ready){.data = 0x1000 + (uint64_t)fds[i], .events = mask, .fd = -1};
	event.kind = EV_CALL;
	event.ret = count;
	event.data = ready;
	event.size = (uint32_t)(sizeof ready[0] * (size_t)count);
	put(story, event);
}

static void open_conn(struct story *story, uint64_t index)
{
	static const int32_t listener = LISTENER;
	struct conn *conn = &story->conns[index];
	int32_t fd = FIRST_FD + (int32_t)index;

	*conn = (struct conn){.peer = story->next_peer, .port = (uint16_t)(20000 + story->next_peer % 40000)};
	story->next_peer++;
	act(story, PEER_CONNECT, conn, 0, conn->port);
	act(story, PEER_CONNECTED, conn, 0, 0);
	wait_for(story, &listener, 1, EPOLLIN);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(conn->port)};
	struct event event = event_make(EV_CALL, CALL_accept4);
	event.fd = LISTENER;
	event.ret = fd;
	event.arg[0] = SOCK_NONBLOCK;
	event.data = &address;
	event.size = sizeof address;
	put(story, event);
	control(story, fd, EPOLLIN | EPOLLRDHUP | EPOLLET);
	call(story, CALL_accept4, LISTENER, -EAGAIN, SOCK_NONBLOCK);
}

static void end_by_peer(struct story *story, struct conn *conn, int32_t fd, enum peer_act how)
{
	bool resets = how == PEER_RST || how == PEER_CLOSE_UNREAD;

	act(story, how, conn, 0, 0);
	wait_for(story, &fd, 1, EPOLLIN | EPOLLRDHUP | (resets ? EPOLLERR | EPOLLHUP : 0));
	call(story, CALL_recvfrom, fd, resets ? -ECONNRESET : 0, 1024);
	call(story, CALL_close, fd, 0, 0);
	if (how == PEER_HALF_CLOSE)
		act(story, PEER_GOT_FIN, conn, 0, 0);
	act(story, PEER_GONE, conn, 0, 0);
}

static void end_by_target(struct story *story, struct conn *conn, int32_t fd)
{
	call(story, CALL_close, fd, 0, 0);
	act(story, PEER_GOT_FIN, conn, 0, 0);
	act(story, PEER_FIN, conn, 0, 0);
	act(story, PEER_GONE, conn, 0, 0);
}

/* One more that is not let in. */
static void refuse(struct story *story)
{
	struct conn conn = {.peer = story->next_peer, .port = (uint16_t)(20000 + story->next_peer % 40000)};

	story->next_peer++;
	act(story, PEER_CONNECT, &conn, 0, conn.port);
	act(story, PEER_REFUSED, &conn, -ECONNREFUSED, 0);
	act(story, PEER_GONE, &conn, 0, 0);
}

static void close_conn(struct story *story, uint64_t index)
{
	static const enum peer_act ways[] = {PEER_FIN, PEER_RST, PEER_HALF_CLOSE, PEER_CLOSE_UNREAD};
	struct conn *conn = &story->conns[index];
	int32_t fd = FIRST_FD + (int32_t)index;
	int way = story->mixed ? conn->peer % 6 : 0;

	if (way == 5)
		refuse(story);
	if (way == 4)
		end_by_target(story, conn, fd);
	else
		end_by_peer(story, conn, fd, ways[way % 4]);
}

static void answer(struct story *story, struct conn *conn, int32_t fd)
{
	call(story, CALL_recvfrom, fd, 80, 1024);
	call(story, CALL_writev, fd, 200, 200);
	call(story, CALL_recvfrom, fd, -EAGAIN, 1024);
	act(story, PEER_RECV, conn, 200, conn->received += 200);
	act(story, PEER_ANSWER, conn, 0, conn->requests);
}

static void ask(struct story *story, uint64_t first)
{
	int32_t fds[BATCH];

	for (uint64_t i = 0; i < BATCH; i++) {
		struct conn *conn = &story->conns[(first + i) % story->live];
		fds[i] = FIRST_FD + (int32_t)((first + i) % story->live);
		act(story, PEER_SEND, conn, 80, conn->sent += 80);
		act(story, PEER_REQUEST, conn, 0, ++conn->requests);
	}
	wait_for(story, fds, BATCH, EPOLLIN);
	for (uint64_t i = 0; i < BATCH; i++)
		answer(story, &story->conns[(first + i) % story->live], fds[i]);
	for (uint64_t i = 0; i < BATCH; i++) {
		uint64_t index = (first + i) % story->live;
		if (story->conns[index].requests < story->requests)
			continue;
		close_conn(story, index);
		open_conn(story, index);
	}
}

static void begin(struct story *story)
{
	struct event start = event_make(EV_PROC, PROC_START);

	(void)journal_meta(story->journal, "scenario", "busy");
	(void)journal_meta(story->journal, "protocol", "http");
	put(story, start);
	call(story, CALL_socket, -1, LISTENER, AF_INET);
	call(story, CALL_listen, LISTENER, 0, 511);
	call(story, CALL_epoll_create1, -1, EPOLL, 0);
	control(story, LISTENER, EPOLLIN);
	struct event ready = event_make(EV_MARK, MARK_READY);
	ready.arg[0] = 8080;
	put(story, ready);
	for (uint64_t i = 0; i < story->live; i++)
		open_conn(story, i);
}

static int tell(struct story *story, uint64_t events)
{
	begin(story);
	for (uint64_t first = 0; story->written < events && !story->error; first += BATCH)
		ask(story, first);
	for (uint64_t i = 0; i < story->live; i++)
		close_conn(story, i);
	put(story, event_make(EV_MARK, MARK_STOP));
	put(story, event_make(EV_MARK, MARK_END));
	return story->error;
}

int main(int argc, char **argv)
{
	struct error error = {0};

	if (argc != 6)
		return 2;
	struct story story = {
	    .requests = strtoull(argv[3], NULL, 10),
	    .live = strtoull(argv[4], NULL, 10),
	    .peers = argv[5][0] != '0',
	    .mixed = argv[5][0] == '2',
	    .at = 1,
	};
	story.conns = calloc(story.live, sizeof *story.conns);
	if (!story.conns || story.live < BATCH || journal_create(argv[1], &story.journal, &error) < 0)
		return 2;
	int r = tell(&story, strtoull(argv[2], NULL, 10));
	journal_free(story.journal);
	free(story.conns);
	return r < 0 ? 1 : 0;
}
