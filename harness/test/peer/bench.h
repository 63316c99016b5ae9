/* SPDX-License-Identifier: MIT */
/*
 * What the peers' tests share: a loop, a journal kept in memory, a listener on a port of its own. Everything
 * is one thread:
 *
 *   peer ── loop (harness) ═══ TCP over loopback ═══ listener, accepted fds (played by the test itself)
 */
#ifndef WRINGER_TEST_PEER_BENCH_H
#define WRINGER_TEST_PEER_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/clock.h"
#include "journal/journal.h"
#include "peer/loop.h"
#include "peer/peer.h"

struct bench {
	struct loop *loop;
	struct journal *journal;
	int listener;
	struct sockaddr_in address;
	struct buf story;	 /* the acts so far, "CONNECT CONNECTED SEND FIN GONE" */
	struct event last;	 /* the last event drained, without data */
	struct event unanswered; /* the last PEER_UNANSWERED */
	uint32_t acts[PEER_ACTS];
	uint32_t flagged; /* of all events, those with EVF_CANARY */
	uint32_t events;
	uint64_t bytes_sent, bytes_received; /* sums of the journal's own figures */
	char text[256];			     /* data of the last event that had some */
};

static const char *const act_names[PEER_ACTS] = {
    [PEER_CONNECT] = "CONNECT", [PEER_CONNECTED] = "CONNECTED",
    [PEER_REFUSED] = "REFUSED", [PEER_SEND] = "SEND",
    [PEER_RECV] = "RECV",	[PEER_REQUEST] = "REQUEST",
    [PEER_ANSWER] = "ANSWER",	[PEER_WRONG] = "WRONG",
    [PEER_CUT] = "CUT",		[PEER_UNANSWERED] = "UNANSWERED",
    [PEER_GOT_FIN] = "GOT_FIN", [PEER_GOT_RST] = "GOT_RST",
    [PEER_FIN] = "FIN",		[PEER_HALF_CLOSE] = "HALF_CLOSE",
    [PEER_RST] = "RST",		[PEER_CLOSE_UNREAD] = "CLOSE_UNREAD",
    [PEER_VANISH] = "VANISH",	[PEER_STALL] = "STALL",
    [PEER_OOB] = "OOB",		[PEER_GONE] = "GONE",
};

static inline void bench_open(struct bench *bench)
{
	struct error error;
	socklen_t size = sizeof bench->address;

	memset(bench, 0, sizeof *bench);
	assert_int_equal(loop_new(&bench->loop, &error), 0);
	assert_int_equal(journal_create(NULL, &bench->journal, &error), 0);
	bench->address.sin_family = AF_INET;
	bench->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bench->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(bench->listener, (struct sockaddr *)&bench->address, size), 0);
	assert_int_equal(listen(bench->listener, 64), 0);
	assert_int_equal(getsockname(bench->listener, (struct sockaddr *)&bench->address, &size), 0);
}

/* The port refuses from now on: bound, not listening. */
static inline void bench_stop_listening(struct bench *bench)
{
	close(bench->listener);
	bench->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;
	assert_int_equal(setsockopt(bench->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
	assert_int_equal(bind(bench->listener, (struct sockaddr *)&bench->address, sizeof bench->address), 0);
}

/* Accepts what waits, non-blocking. -1 when nothing does. */
static inline int bench_accept(struct bench *bench)
{
	return accept4(bench->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* SEND SEND SEND is one SEND: how the kernel cuts bytes is its own affair. */
static inline void tell(struct bench *bench, enum peer_act act)
{
	const char *name = act_names[act];
	size_t length = strlen(name), size = bench->story.size;

	if ((act == PEER_SEND || act == PEER_RECV) && size >= length &&
	    strcmp(bench->story.data + size - length, name) == 0)
		return;
	assert_int_equal(buf_printf(&bench->story, "%s%s", size ? " " : "", name), 0);
}

static inline int sink(void *arg, const struct event *event)
{
	struct bench *bench = arg;

	assert_int_equal(event->kind, EV_PEER);
	assert_true(event->what < PEER_ACTS);
	tell(bench, (enum peer_act)event->what);
	bench->acts[event->what]++;
	bench->events++;
	bench->flagged += (event->flags & EVF_CANARY) != 0;
	if (event->what == PEER_SEND)
		bench->bytes_sent += (uint64_t)event->ret;
	if (event->what == PEER_RECV)
		bench->bytes_received += (uint64_t)event->ret;
	if (event->size)
		strncpy(bench->text, event->data, sizeof bench->text - 1);
	bench->last = *event;
	bench->last.data = NULL;
	if (event->what == PEER_UNANSWERED)
		bench->unanswered = bench->last;
	return 0;
}

/* Takes what the journal holds into story, acts and so on. */
static inline void bench_drain(struct bench *bench)
{
	assert_int_equal(journal_drain(bench->journal, sink, bench), 0);
}

/* The acts so far, repeated SEND and RECV folded. */
static inline const char *bench_story(struct bench *bench)
{
	bench_drain(bench);
	return bench->story.data ? bench->story.data : "";
}

static inline void bench_close(struct bench *bench)
{
	bench_drain(bench);
	if (bench->listener >= 0)
		close(bench->listener);
	loop_free(bench->loop);
	journal_free(bench->journal);
	buf_free(&bench->story);
}

/* Steps the loop until the condition holds; fails the test when it does not within 10 s. */
static inline void bench_until(struct bench *bench, bool (*holds)(void *arg), void *arg)
{
	uint64_t end = clock_now() + 10 * NS_PER_S;

	while (!holds(arg)) {
		if (clock_now() > end)
			fail_msg("waited 10 s in vain; so far: %s", bench_story(bench));
		assert_int_equal(loop_step(bench->loop, clock_now() + NS_PER_MS), 0);
		bench_drain(bench);
	}
}

/* Steps the loop for what is ready now, waiting for nothing. */
static inline void bench_settle(struct bench *bench)
{
	for (int i = 0; i < 8; i++)
		assert_int_equal(loop_step(bench->loop, 0), 0);
	bench_drain(bench);
}

#endif
