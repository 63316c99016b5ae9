/* SPDX-License-Identifier: MIT */
/* Sequences that Linux promises: each is a row of model/story.c, performed. */
#include "run/truth_play.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <unistd.h>
#include "run/truth_ask.h"

#define ALL (EPOLLIN | EPOLLOUT | EPOLLRDHUP)

static void oneshot(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2];

	play_pair(play, pair);
	play_send(play, pair[1], pair[0], 3);
	play_add(play, epoll, pair[0], EPOLLIN | EPOLLONESHOT);
	told_wait(play, "", epoll);
	told_wait(play, "again", epoll);
	play_reset(play, pair);
	told_wait(play, "peer resets", epoll);
	if (play->rc == 0)
		must(play, play_ctl(epoll, EPOLL_CTL_MOD, pair[0], EPOLLIN | EPOLLONESHOT));
	told_wait(play, "MOD", epoll);
}

static void edge_read(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2];
	char byte;

	play_pair(play, pair);
	play_send(play, pair[1], pair[0], 3);
	play_add(play, epoll, pair[0], EPOLLIN | EPOLLET);
	told_wait(play, "", epoll);
	told_wait(play, "again", epoll);
	play_send(play, pair[1], pair[0], 6);
	told_wait(play, "3 more bytes", epoll);
	if (play->rc == 0)
		must(play, read(pair[0], &byte, 1) == 1 ? 0 : -EIO);
	told_wait(play, "read 1", epoll);
	if (play->rc == 0)
		must(play, play_ctl(epoll, EPOLL_CTL_MOD, pair[0], EPOLLIN | EPOLLET));
	told_wait(play, "MOD", epoll);
}

/* A UNIX pair: what the peer reads makes room at once, no acknowledgement is awaited. */
static void edge_write(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2];
	char block[4096];

	play_unix_pair(play, pair);
	play_add(play, epoll, pair[0], EPOLLOUT | EPOLLET);
	told_wait(play, "", epoll);
	if (play->rc < 0 || !must(play, fill(pair[0])))
		return;
	told_wait(play, "full", epoll);
	while (read(pair[1], block, sizeof block) > 0)
		;
	told_wait(play, "peer reads", epoll);
	told_wait(play, "again", epoll);
}

/* A listener in that epoll with two finished handshakes in its queue. */
static int queue_two(struct play_state *play, int epoll, uint32_t events)
{
	int listener = stand_tcp_bound(&play->stand);

	if (!must(play, listener) || !must(play, listen(listener, 4) < 0 ? -errno : 0))
		return -1;
	for (int i = 0; i < 2 && play->rc == 0; i++)
		must(play, stand_tcp_connect(&play->stand, listener));
	if (play->rc == 0)
		must(play, until_accepting(listener, 2));
	play_add(play, epoll, listener, events);
	return listener;
}

static int accept_one(struct play_state *play, int listener)
{
	int fd = play->rc < 0
		     ? -1
		     : stand_hold(&play->stand, accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));

	return play->rc == 0 && must(play, fd) ? fd : -1;
}

static void edge_accept(struct play_state *play)
{
	int epoll = play_epoll(play), listener = queue_two(play, epoll, EPOLLIN | EPOLLET);

	told_wait(play, "", epoll);
	(void)accept_one(play, listener);
	told_wait(play, "accept 1 of 2", epoll);
}

static void level_accept(struct play_state *play)
{
	int epoll = play_epoll(play), listener = queue_two(play, epoll, EPOLLIN);

	told_wait(play, "", epoll);
	(void)accept_one(play, listener);
	told_wait(play, "accept 1 of 2", epoll);
	(void)accept_one(play, listener);
	told_wait(play, "accept 2 of 2", epoll);
}

static void edge_eventfd(struct play_state *play)
{
	int epoll = play_epoll(play), fd = play_counter(play, 1);

	play_add(play, epoll, fd, EPOLLIN | EPOLLET);
	told_wait(play, "", epoll);
	told_wait(play, "again", epoll);
	if (play->rc == 0)
		must(play, eventfd_write(fd, 1) < 0 ? -errno : 0);
	told_wait(play, "write", epoll);
}

static void forked(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2];

	play_pair(play, pair);
	play_send(play, pair[1], pair[0], 3);
	play_add(play, epoll, pair[0], EPOLLIN);
	if (play->rc < 0 || !must(play, stand_child(&play->stand, pair[0])))
		return;
	stand_close(&play->stand, pair[0]);
	told_wait(play, "close", epoll);
	must(play, stand_child_end(&play->stand, true));
	told_wait(play, "child ends", epoll);
}

static void add_twice(struct play_state *play)
{
	struct epoll_event events[4];
	int epoll = play_epoll(play), fd = play_counter(play, 1);
	int copy = play->rc < 0 ? -1 : stand_hold(&play->stand, dup(fd));

	if (!must(play, copy))
		return;
	told_call(play, "ADD", play_ctl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN));
	told_call(play, "ADD", play_ctl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN));
	told_call(play, "ADD its dup", play_ctl(epoll, EPOLL_CTL_ADD, copy, EPOLLIN));
	told_call(play, "events", epoll_wait(epoll, events, 4, 0));
}

static void number_reused(struct play_state *play)
{
	int epoll = play_epoll(play), fd = play_counter(play, 1), next;

	play_add(play, epoll, fd, EPOLLIN);
	told_wait(play, "", epoll);
	if (play->rc < 0)
		return;
	stand_close(&play->stand, fd);
	told_wait(play, "close", epoll);
	next = play_counter(play, 1);
	told(play, "same number", "%s", next == fd ? "yes" : "no");
	told_wait(play, "events", epoll);
	told_call(play, "MOD", play_ctl(epoll, EPOLL_CTL_MOD, next, EPOLLIN));
	told_call(play, "ADD", play_ctl(epoll, EPOLL_CTL_ADD, next, EPOLLIN));
}

static void ctl_errors(struct play_state *play)
{
	int epoll = play_epoll(play), other = play_epoll(play), fd = play_counter(play, 0),
	    closed = play_counter(play, 0);
	int regular = stand_hold(&play->stand, open("/proc/self/exe", O_RDONLY | O_CLOEXEC));

	if (!must(play, regular))
		return;
	told_call(play, "MOD", play_ctl(epoll, EPOLL_CTL_MOD, fd, EPOLLIN));
	told_call(play, "DEL", play_ctl(epoll, EPOLL_CTL_DEL, fd, EPOLLIN));
	stand_close(&play->stand, closed);
	told_call(play, "closed number", play_ctl(epoll, EPOLL_CTL_ADD, closed, EPOLLIN));
	told_call(play, "itself", play_ctl(epoll, EPOLL_CTL_ADD, epoll, EPOLLIN));
	told_call(play, "regular file", play_ctl(epoll, EPOLL_CTL_ADD, regular, EPOLLIN));
	told_call(play, "no epoll", play_ctl(fd, EPOLL_CTL_ADD, epoll, EPOLLIN));
	play_add(play, epoll, other, EPOLLIN);
	told_call(play, "in a circle", play_ctl(other, EPOLL_CTL_ADD, epoll, EPOLLIN));
}

static void nested_depth(struct play_state *play)
{
	int inner = play_epoll(play);

	for (int depth = 2; depth <= 6; depth++) {
		char label[24];
		int outer = play_epoll(play);
		(void)snprintf(label, sizeof label, "depth %d", depth);
		told_call(play, label, play_ctl(outer, EPOLL_CTL_ADD, inner, EPOLLIN));
		inner = outer;
	}
}

static void nested_edge(struct play_state *play)
{
	int inner = play_epoll(play), edge = play_epoll(play), level = play_epoll(play),
	    fd = play_counter(play, 1);
	eventfd_t count;

	play_add(play, inner, fd, EPOLLIN);
	play_add(play, edge, inner, EPOLLIN | EPOLLET);
	play_add(play, level, inner, EPOLLIN);
	told_wait(play, "edge", edge);
	told_wait(play, "again", edge);
	told_wait(play, "level", level);
	told_wait(play, "again", level);
	if (play->rc == 0)
		must(play, eventfd_read(fd, &count) < 0 ? -errno : 0);
	told_wait(play, "drained", level);
}

static void exclusive_refused(struct play_state *play)
{
	int epoll = play_epoll(play), inner = play_epoll(play), fd = play_counter(play, 0);

	if (play->rc < 0)
		return;
	told_call(play, "ONESHOT",
		  play_ctl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT));
	told_call(play, "RDHUP", play_ctl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLRDHUP));
	told_call(play, "an epoll", play_ctl(epoll, EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLEXCLUSIVE));
	told_call(play, "ADD", play_ctl(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE));
	told_call(play, "MOD", play_ctl(epoll, EPOLL_CTL_MOD, fd, EPOLLIN));
}

static void exclusive_both(struct play_state *play)
{
	int first = play_epoll(play), second = play_epoll(play), listener, peer;

	if (play->rc < 0)
		return;
	listener = stand_tcp_bound(&play->stand);
	if (!must(play, listener) || !must(play, listen(listener, 4) < 0 ? -errno : 0))
		return;
	play_add(play, first, listener, EPOLLIN | EPOLLEXCLUSIVE);
	play_add(play, second, listener, EPOLLIN | EPOLLEXCLUSIVE);
	peer = play->rc < 0 ? -1 : stand_tcp_connect(&play->stand, listener);
	if (must(play, peer))
		must(play, until_accepting(listener, 1));
	told_wait(play, "first", first);
	told_wait(play, "second", second);
	(void)accept_one(play, listener);
	told_wait(play, "accepted", first);
	told_wait(play, "accepted", second);
}

static void max_events(struct play_state *play)
{
	int epoll = play_epoll(play), a = play_counter(play, 1), b = play_counter(play, 1);
	struct epoll_event events[2] = {{0}, {0}};
	char turns[5] = "";

	play_add(play, epoll, a, EPOLLIN);
	play_add(play, epoll, b, EPOLLIN);
	if (play->rc < 0)
		return;
	told_call(play, "none", epoll_wait(epoll, events, 0, 0));
	for (int i = 0; i < 4; i++)
		turns[i] = epoll_wait(epoll, events, 1, 0) != 1 ? '-' : events[0].data.fd == a ? 'a' : 'b';
	told(play, "one at a time", "%s", turns);
	told_call(play, "two", epoll_wait(epoll, events, 2, 0));
}

static void urgent_read(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2];
	char byte;

	play_pair(play, pair);
	if (play->rc == 0 && must(play, send(pair[1], "!", 1, MSG_OOB | MSG_NOSIGNAL) == 1 ? 0 : -errno))
		must(play, until_polled(pair[0], POLLPRI));
	play_add(play, epoll, pair[0], EPOLLIN | EPOLLPRI);
	told_wait(play, "", epoll);
	told_wait(play, "again", epoll);
	if (play->rc < 0)
		return;
	told_call(play, "recv MSG_OOB", recv(pair[0], &byte, 1, MSG_OOB));
	told_wait(play, "after", epoll);
	told_call(play, "recv MSG_OOB", recv(pair[0], &byte, 1, MSG_OOB));
}

static void rst_read(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2];

	play_pair(play, pair);
	play_send(play, pair[1], pair[0], 3);
	play_reset(play, pair);
	play_add(play, epoll, pair[0], ALL);
	told_wait(play, "", epoll);
	for (int i = 0; i < 3; i++)
		told_read(play, "read", pair[0], 16);
}

static void fin_then_shut(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2];

	play_pair(play, pair);
	play_add(play, epoll, pair[0], ALL);
	play_fin(play, pair);
	told_wait(play, "FIN", epoll);
	if (play->rc == 0)
		must(play, shutdown(pair[0], SHUT_WR) < 0 ? -errno : 0);
	told_wait(play, "shutdown", epoll);
}

static void closed_number(struct play_state *play)
{
	int epoll = play_epoll(play), fd = play_counter(play, 1);
	struct pollfd entry = {.fd = fd, .events = POLLIN};
	uint32_t mask;

	play_add(play, epoll, fd, EPOLLIN);
	if (play->rc < 0)
		return;
	stand_close(&play->stand, fd);
	told_wait(play, "epoll", epoll);
	must(play, poll(&entry, 1, 0) < 0 ? -errno : 0);
	told(play, "poll", "%s", entry.revents == POLLNVAL ? "NVAL" : "something else");
	told_call(play, "select", truth_select(fd, &mask));
}

static void queued_rst(struct play_state *play)
{
	int epoll = play_epoll(play), listener = play->rc < 0 ? -1 : stand_tcp_bound(&play->stand), peer, fd;

	if (!must(play, listener) || !must(play, listen(listener, 4) < 0 ? -errno : 0))
		return;
	peer = stand_tcp_connect(&play->stand, listener);
	if (!must(play, peer) || !must(play, until_accepting(listener, 1)) || !must(play, arm_reset(peer)))
		return;
	stand_close(&play->stand, peer);
	play_add(play, epoll, listener, EPOLLIN);
	told_wait(play, "", epoll);
	fd = accept_one(play, listener);
	told(play, "accept", "ok");
	if (play->rc == 0)
		must(play, until_tcp(fd, TCP_CLOSE));
	told_read(play, "read", fd, 16);
}

const struct truth_story truth_stories[] = {
    {"oneshot", oneshot},
    {"edge-read", edge_read},
    {"edge-write", edge_write},
    {"edge-accept", edge_accept},
    {"level-accept", level_accept},
    {"edge-eventfd", edge_eventfd},
    {"fork", forked},
    {"add-twice", add_twice},
    {"number-reused", number_reused},
    {"ctl-errors", ctl_errors},
    {"nested-depth", nested_depth},
    {"nested-edge", nested_edge},
    {"exclusive-refused", exclusive_refused},
    {"exclusive-both", exclusive_both},
    {"maxevents", max_events},
    {"urgent-read", urgent_read},
    {"rst-read", rst_read},
    {"fin-then-shut", fin_then_shut},
    {"closed-number", closed_number},
    {"queued-rst", queued_rst},
    {NULL, NULL},
};
