/* SPDX-License-Identifier: MIT */
/*
 * Two ways to the same interest lists: the model's, from what was done to them by calls and in batches by a
 * ring (as libuv does), and the kernel's own, from /proc/PID/fdinfo. The target makes some, changes them, and
 * sleeps.
 *
 *     epoll A: by epoll_ctl          epoll B: by IORING_OP_EPOLL_CTL, several in one call
 */
#include "../watch/ringed.h"

#include "target/target.h"

#define FDS 6

static void ctl(struct ringed *ring, int epoll, int op, int fd, struct epoll_event *event)
{
	struct io_uring_sqe *sqe = ring_op(ring, IORING_OP_EPOLL_CTL, epoll, (uint64_t)fd);

	sqe->addr = (uintptr_t)event;
	sqe->len = (uint32_t)op;
	sqe->off = (__u64)fd;
}

static void all_done(struct ringed *ring, unsigned count)
{
	ring_go(ring, count);
	for (unsigned i = 0; i < count; i++)
		CHECK(ring_take(ring).res == 0);
}

static int part_interest(void)
{
	struct epoll_event events[FDS], none;
	int fds[FDS], a = epoll_create1(0), b = epoll_create1(0);
	struct ringed ring;

	ring_make(&ring, 16, 0);
	for (int i = 0; i < FDS; i++) {
		fds[i] = eventfd(0, 0);
		events[i] = (struct epoll_event){.events = EPOLLIN | (i % 2 ? EPOLLET : 0),
						 .data.u64 = 1000 + (uint64_t)i};
		CHECK(epoll_ctl(a, EPOLL_CTL_ADD, fds[i], &events[i]) == 0);
		ctl(&ring, b, EPOLL_CTL_ADD, fds[i], &events[i]);
	}
	all_done(&ring, FDS);
	events[0].events = EPOLLOUT | EPOLLRDHUP;
	events[0].events &= ~(uint32_t)EPOLLOUT; /* must not be ready */
	CHECK(epoll_ctl(a, EPOLL_CTL_MOD, fds[0], &events[0]) == 0);
	CHECK(epoll_ctl(a, EPOLL_CTL_DEL, fds[1], &none) == 0);
	ctl(&ring, b, EPOLL_CTL_MOD, fds[0], &events[0]);
	ctl(&ring, b, EPOLL_CTL_DEL, fds[2], &none);
	all_done(&ring, 2);
	ring_op(&ring, IORING_OP_CLOSE, fds[3], 1);
	all_done(&ring, 1);
	CHECK(close(fds[4]) == 0);
	return epoll_wait(a, &none, 1, -1) == 1;
}

struct watched {
	struct world *world;
	bool sleeps;
	uint32_t lists, compared;
};

/* The probe's list against the model's, member by member. */
static void compare(struct watched *watched, const struct event *event)
{
	const struct file *epoll = world_file(watched->world, event->pid, event->fd);
	uint32_t count, members = 0;
	const struct ready *ready = event_ready(event, &count);

	assert_non_null(epoll);
	for (const struct reg *reg = epoll->members; reg; reg = reg->epoll_next) {
		uint32_t i = 0;

		while (i < count && ready[i].fd != reg->fd)
			i++;
		if (i == count)
			fail_msg("fd %d is in epoll %d for the model only", reg->fd, event->fd);
		/* the kernel adds ERR and HUP, which nobody has to ask for */
		assert_int_equal(ready[i].events & ~(uint32_t)(EPOLLERR | EPOLLHUP), reg->events);
		assert_int_equal(ready[i].data, reg->data);
		members++;
	}
	assert_int_equal(members, count);
	watched->lists++;
	watched->compared += members;
}

static int follow(void *arg, const struct event *event)
{
	struct watched *watched = arg;

	if (event->kind == EV_ENTER && event->what == CALL_epoll_wait)
		watched->sleeps = true;
	assert_int_equal(world_apply(watched->world, event), 0);
	if (event->kind == EV_PROBE && event->what == PROBE_EPOLL)
		compare(watched, event);
	return 0;
}

static void test_the_model_and_the_kernel_agree(void **state)
{
	static const char *const argv[] = {"/proc/self/exe", "--play", "interest", NULL};
	const struct target_options options = {.argv = (char *const *)argv, .watch = watch_find("ptrace")};
	struct watched watched = {.world = world_new()};
	struct fault_set *faults = fault_set_new();
	struct journal *journal;
	struct target *target;
	struct error error = {0};

	(void)state;
	assert_int_equal(journal_create(NULL, &journal, &error), 0);
	if (target_start(&options, journal, faults, &target, &error) < 0)
		fail_msg("%s", error.text);
	while (!watched.sleeps && target_alive(target)) {
		struct pollfd ready = {journal_fd(journal), POLLIN, 0};

		assert_true(poll(&ready, 1, PLAY_PATIENCE_MS) > 0);
		assert_int_equal(journal_drain(journal, follow, &watched), 0);
	}
	if (!watched.sleeps) { /* no rings here */
		target_free(target, false);
		skip();
	}
	assert_true(target_probe(target, watched.world) > 0);
	assert_int_equal(journal_drain(journal, follow, &watched), 0);
	assert_int_equal(watched.lists, 2);
	assert_int_equal(watched.compared, 2 * (FDS - 3));
	target_free(target, false);
	journal_free(journal);
	fault_set_free(faults);
	world_free(watched.world);
}

int main(int argc, char **argv)
{
	static const struct play_part parts[] = {{"interest", part_interest}};
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_model_and_the_kernel_agree),
	};

	play_main(argc, argv, parts, sizeof parts / sizeof *parts);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
