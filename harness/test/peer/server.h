/* SPDX-License-Identifier: MIT */
/*
 * A server on the peers' own loop that serves well or has one bad habit. "ask TOKEN\n" or "last TOKEN\n"
 * gives "got TOKEN\n"; it checks that no token comes twice.
 */
#ifndef WRINGER_TEST_PEER_SERVER_H
#define WRINGER_TEST_PEER_SERVER_H

#include "test/peer/bench.h"

#include <stdio.h>
#include <sys/epoll.h>

enum habit {
	SERVES,
	SERVES_SLOWLY,	   /* byte by byte, a turn of the loop each */
	CLOSES_AFTERWARDS, /* after each answer */
	CLOSES_IDLE,	   /* with a word of farewell, some time after each answer */
	SAYS_IT_CLOSES,	   /* the protocol says so of its answers: nobody asks there again */
	ENDS_BY_CLOSE,	   /* the answer has no end but the FIN */
	DROPS_REUSED,	   /* a second request on a connection finds it closed */
	RESETS_REUSED,
	ANSWERS_ANOTHER, /* with somebody else's token */
	SAYS_MORE,	 /* junk behind the answer */
	TALKS_IDLE,	 /* junk between requests */
	IS_SILENT,
	CUTS, /* half an answer, then FIN */
	CUTS_BY_RESET,
	CLOSES_AT_ONCE, /* instead of answering */
	MUMBLES,	/* begins the answer and never ends it */
};

#define CONNS 16

struct server {
	struct bench *bench;
	enum habit habit;
	bool greets;
	bool (*asked)(void *); /* somebody waits for an answer now: no time for idle talk */
	void *arg;
	struct conn {
		struct server *server;
		int fd;
		uint32_t requests;
		char slow[64]; /* still to be said */
	} conns[CONNS];
	uint32_t accepted, requests, alive;
	uint32_t most_on_one; /* requests on one connection */
	char tokens[4096][16];
};

static inline void conn_end(struct conn *conn, bool reset)
{
	struct linger at_once = {.l_onoff = reset};

	assert_int_equal(setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
	loop_unwatch(conn->server->bench->loop, conn->fd);
	close(conn->fd);
	conn->fd = -1;
	conn->server->alive--;
}

static inline void say(struct conn *conn, const char *text)
{
	if (conn->fd >= 0)
		assert_int_equal(send(conn->fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static inline void on_late(void *arg)
{
	struct conn *conn = arg;

	if (conn->fd < 0)
		return;
	if (conn->server->asked && conn->server->asked(conn->server->arg)) {
		assert_non_null(loop_at(conn->server->bench->loop, clock_now() + NS_PER_MS, on_late, conn));
		return;
	}
	say(conn, "tired of you\n");
	if (conn->server->habit == CLOSES_IDLE)
		conn_end(conn, false);
}

static inline void on_slow(void *arg)
{
	struct conn *conn = arg;
	char one[2] = {conn->slow[0], 0};

	if (!one[0] || conn->fd < 0)
		return;
	say(conn, one);
	memmove(conn->slow, conn->slow + 1, sizeof conn->slow - 1);
	assert_non_null(loop_at(conn->server->bench->loop, 0, on_slow, conn));
}

static inline void answer(struct conn *conn, const char *token)
{
	struct server *server = conn->server;
	bool reused = conn->requests > 1;
	char text[64];

	snprintf(text, sizeof text, "got %s\n", token);
	switch (server->habit) {
	case SERVES:
		say(conn, text);
		return;
	case SERVES_SLOWLY:
		snprintf(conn->slow, sizeof conn->slow, "%s", text);
		on_slow(conn);
		return;
	case CLOSES_AFTERWARDS:
		say(conn, text);
		conn_end(conn, false);
		return;
	case SAYS_IT_CLOSES:
		assert_false(reused);
		say(conn, text);
		return;
	case CLOSES_IDLE:
	case TALKS_IDLE:
		say(conn, text);
		assert_non_null(loop_at(server->bench->loop, clock_now() + NS_PER_MS, on_late, conn));
		return;
	case ENDS_BY_CLOSE:
		text[strlen(text) - 1] = 0;
		say(conn, text);
		conn_end(conn, false);
		return;
	case DROPS_REUSED:
	case RESETS_REUSED:
		if (reused)
			conn_end(conn, server->habit == RESETS_REUSED);
		else
			say(conn, text);
		return;
	case ANSWERS_ANOTHER:
		say(conn, "got wrong\n");
		return;
	case SAYS_MORE:
		strcat(text, "and more\n");
		say(conn, text);
		return;
	case IS_SILENT:
		return;
	case CUTS:
	case CUTS_BY_RESET:
		say(conn, "got");
		conn_end(conn, server->habit == CUTS_BY_RESET);
		return;
	case CLOSES_AT_ONCE:
		conn_end(conn, false);
		return;
	case MUMBLES:
		say(conn, "g");
		return;
	}
}

static inline void on_bytes(void *arg, uint32_t events)
{
	struct conn *conn = arg;
	char text[256], token[32];
	ssize_t n = read(conn->fd, text, sizeof text - 1);

	(void)events;
	if (n <= 0) {
		conn_end(conn, false);
		return;
	}
	text[n] = 0;
	assert_int_equal(sscanf(text, "%*s %31s\n", token), 1);
	assert_true(strlen(token) < 16);
	for (uint32_t i = 0; i < conn->server->requests; i++)
		assert_string_not_equal(conn->server->tokens[i], token);
	assert_true(conn->server->requests < 4096);
	snprintf(conn->server->tokens[conn->server->requests++], 16, "%.15s", token);
	if (++conn->requests > conn->server->most_on_one)
		conn->server->most_on_one = conn->requests;
	answer(conn, token);
}

static inline void on_accept(void *arg, uint32_t events)
{
	struct server *server = arg;
	int fd = bench_accept(server->bench);

	(void)events;
	for (int i = 0; fd >= 0 && i < CONNS; i++) {
		struct conn *conn = &server->conns[i];
		if (conn->fd >= 0)
			continue;
		*conn = (struct conn){.server = server, .fd = fd};
		server->accepted++;
		server->alive++;
		assert_int_equal(loop_watch(server->bench->loop, fd, EPOLLIN, on_bytes, conn), 0);
		if (server->greets)
			say(conn, "welcome\n");
		return;
	}
	fail_msg("more connections than the test can hold");
}

static inline void server_open(struct server *server, struct bench *bench, enum habit habit, bool greets)
{
	memset(server, 0, sizeof *server);
	server->bench = bench;
	server->habit = habit;
	server->greets = greets;
	for (int i = 0; i < CONNS; i++)
		server->conns[i].fd = -1;
	assert_int_equal(loop_watch(bench->loop, bench->listener, EPOLLIN, on_accept, server), 0);
}

static inline void server_close(struct server *server)
{
	for (int i = 0; i < CONNS; i++)
		if (server->conns[i].fd >= 0)
			conn_end(&server->conns[i], false);
	loop_unwatch(server->bench->loop, server->bench->listener);
}

#endif
