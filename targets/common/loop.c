/* SPDX-License-Identifier: MIT */
#include "common/loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/listener.h"
#include "common/options.h"
#include "common/signals.h"

#define BATCH 64

static int watch(struct loop *loop, int fd, uint32_t events, void *data)
{
	struct epoll_event event = {.events = events, .data.ptr = data};

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* What a connection's events carry: its address, or, odd so that it is none, its number. */
static epoll_data_t name_of(const struct loop *loop, struct conn *conn)
{
	epoll_data_t name = {.ptr = conn};

	if (loop->hooks->by_number)
		name.u64 = (uint64_t)conn->fd << 1 | 1;
	return name;
}

static struct conn *whose(const struct loop *loop, const struct epoll_event *event)
{
	return loop->hooks->by_number ? loop->numbers[event->data.u64 >> 1] : event->data.ptr;
}

static int watch_listener(struct loop *loop)
{
	uint32_t events = loop->hooks->listener ? loop->hooks->listener : EPOLLIN;

	if (watch(loop, loop->listener, events, &loop->listener) < 0)
		return -errno;
	loop->listening = true;
	loop->accept_at = 0;
	return 0;
}

uint32_t loop_interest(const struct conn *conn)
{
	return (conn_wants_read(conn) ? EPOLLIN : 0u) | (conn_wants_write(conn) ? EPOLLOUT : 0u);
}

static uint32_t interest(const struct loop *loop, const struct conn *conn)
{
	return loop->hooks->interest ? loop->hooks->interest(conn) : loop_interest(conn);
}

void loop_done(struct loop *loop, struct conn *conn, enum turn turn)
{
	struct epoll_event event = {.data = name_of(loop, conn)};

	if (turn == TURN_OVER) {
		pool_doom(&loop->pool, conn);
		return;
	}
	pool_note(&loop->pool, conn, loop->now);
	event.events = interest(loop, conn);
	if (event.events == conn->armed)
		return;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_MOD, conn->fd, &event) < 0)
		pool_doom(&loop->pool, conn);
	conn->armed = event.events;
}

void loop_serve(struct loop *loop, struct conn *conn)
{
	loop_done(loop, conn, conn_turn(conn));
}

void loop_event(struct loop *loop, struct conn *conn, uint32_t events)
{
	if ((events & (EPOLLERR | EPOLLHUP)) && (conn->resting || conn_error(conn) != 0)) {
		loop_done(loop, conn, TURN_OVER);
		return;
	}
	conn->readable |= (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0;
	conn->writable |= (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;
	loop_serve(loop, conn);
}

void loop_forget(struct loop *loop, struct conn *conn)
{
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, conn->fd, NULL);
	conn->fd = -1;
	pool_doom(&loop->pool, conn);
}

void loop_admit(struct loop *loop, int fd)
{
	struct conn *conn = pool_add(&loop->pool, fd, loop->now);

	if (!conn)
		return;
	conn->armed = interest(loop, conn);
	if (fd < LOOP_NUMBERS)
		loop->numbers[fd] = conn;
	if ((loop->hooks->by_number && fd >= LOOP_NUMBERS) ||
	    watch(loop, fd, conn->armed, name_of(loop, conn).ptr) < 0)
		pool_doom(&loop->pool, conn);
}

void loop_pause(struct loop *loop)
{
	if (epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->listener, NULL) == 0)
		loop->listening = false;
	loop->accept_at = loop->now + LISTENER_PAUSE;
}

static void take_in(void *server, int fd)
{
	struct loop *loop = server;

	loop->hooks->admit ? loop->hooks->admit(loop, fd) : loop_admit(loop, fd);
}

void loop_accept(struct loop *loop)
{
	if (listener_accept_some(loop->listener, take_in, loop) == ACCEPT_LATER)
		loop_pause(loop);
}

int loop_timeout(const struct loop *loop)
{
	int timeout = pool_patience(&loop->pool, loop->now);

	if (loop->accept_at)
		timeout = clock_sooner(timeout, loop->now, loop->accept_at);
	return loop->stopping ? clock_sooner(timeout, loop->now, loop->stop_at) : timeout;
}

int loop_wait(struct loop *loop, struct epoll_event *events, int most)
{
	int count = epoll_wait(loop->epoll, events, most, loop_timeout(loop));

	if (count >= 0)
		return count;
	return errno == EINTR ? 0 : -errno;
}

static void report(struct loop *loop, struct conn *conn, uint32_t events)
{
	if (loop->hooks->event)
		loop->hooks->event(loop, conn, events);
	else
		loop_event(loop, conn, events);
}

static void stop(struct loop *loop)
{
	if (signals_take(loop->signals) == 0 || loop->stopping)
		return;
	loop->stopping = true;
	loop->stop_at = loop->now + loop->hooks->drain;
	loop->accept_at = 0;
	/* Closing is not enough: another process may hold the listener too, and then it stays in the set. */
	if (loop->listening)
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, loop->listener, NULL);
	close(loop->listener);
	pool_stop(&loop->pool);
}

static void dispatch(struct loop *loop, const struct epoll_event *event)
{
	struct conn *conn;

	if (event->data.ptr == &loop->signals)
		stop(loop);
	else if (event->data.ptr == &loop->listener && loop->stopping)
		return;
	else if (event->data.ptr == &loop->listener)
		loop->hooks->accept ? loop->hooks->accept(loop) : loop_accept(loop);
	else if ((conn = whose(loop, event)) && !conn->doomed)
		report(loop, conn, event->events);
}

static void settle(struct loop *loop)
{
	struct conn *conn;

	while ((conn = pool_expired(&loop->pool, loop->now)))
		report(loop, conn, 0);
	if (pool_reap(&loop->pool) > 0 && loop->accept_at)
		loop->accept_at = loop->now;
	if (loop->accept_at && loop->accept_at <= loop->now && watch_listener(loop) < 0)
		loop->accept_at = loop->now + LISTENER_PAUSE;
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[BATCH];

	while (!loop->stopping || (loop->pool.count > 0 && loop->now < loop->stop_at)) {
		int count = loop->hooks->wait ? loop->hooks->wait(loop, events, BATCH)
					      : loop_wait(loop, events, BATCH);

		if (count < 0)
			return count;
		loop->now = clock_ms();
		for (int i = 0; i < count; i++)
			dispatch(loop, &events[i]);
		settle(loop);
	}
	pool_clear(&loop->pool);
	return 0;
}

int loop_open(struct loop *loop, int listener, enum speaks speaks)
{
	loop->listener = listener;
	loop->signals = signals_open();
	if (loop->signals < 0)
		return loop->signals;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0 || watch(loop, loop->signals, EPOLLIN, &loop->signals) < 0)
		return -errno;
	loop->now = clock_ms();
	pool_init(&loop->pool, speaks);
	if (loop->hooks->start)
		loop->hooks->start(loop);
	return watch_listener(loop);
}

int loop_status(const char *program, int error)
{
	if (error < 0)
		fprintf(stderr, "%s: %s\n", program, strerror(-error));
	return error < 0;
}

int loop_main(int argc, char **argv, const struct loop_hooks *hooks)
{
	struct loop loop = {.hooks = hooks};
	struct options options = options_parse(argc, argv);
	int error = listener_open(options.port, options.backlog);

	if (error >= 0)
		error = loop_open(&loop, error, options.speaks);
	if (error == 0)
		error = listener_announce(loop.listener);
	if (error == 0)
		error = loop_run(&loop);
	return loop_status(argv[0], error);
}
