/* SPDX-License-Identifier: MIT */
/*
 * The loop: what is ready is called, what was removed is not, timers come in order and never early.
 *
 *   pair[0][0] ─┐
 *   pair[1][0] ─┼─ one epoll, both ready before the step, so both are in the same batch
 *   timers ─────┘
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/clock.h"
#include "peer/loop.h"

struct end {
	struct loop *loop;
	int fd, other, calls;
	uint32_t events;
	struct end *victim; /* its twin, to be removed */
	void (*act)(struct end *self);
};

struct fixture {
	struct loop *loop;
	struct end ends[2];
};

static void make_ready(struct end *end)
{
	assert_int_equal(write(end->other, "x", 1), 1);
}

static void on_ready(void *arg, uint32_t events)
{
	struct end *end = arg;

	end->calls++;
	end->events |= events;
	if (end->act)
		end->act(end);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct error error;

	assert_int_equal(loop_new(&f->loop, &error), 0);
	for (int i = 0; i < 2; i++) {
		int pair[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
		f->ends[i] =
		    (struct end){.loop = f->loop, .fd = pair[0], .other = pair[1], .victim = &f->ends[1 - i]};
		assert_int_equal(loop_watch(f->loop, pair[0], EPOLLIN, on_ready, &f->ends[i]), 0);
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		loop_unwatch(f->loop, f->ends[i].fd);
		close(f->ends[i].fd);
		close(f->ends[i].other);
	}
	loop_free(f->loop);
	free(f);
	return 0;
}

static void calls_what_is_ready(void **state)
{
	struct fixture *f = *state;

	make_ready(&f->ends[0]);
	assert_int_equal(loop_step(f->loop, UINT64_MAX), 0);
	assert_int_equal(f->ends[0].calls, 1);
	assert_int_equal(f->ends[1].calls, 0);
	assert_int_equal(loop_step(f->loop, 0), 0); /* level-triggered: nobody read it */
	assert_int_equal(f->ends[0].calls, 2);
}

static void change_drops_interest(void **state)
{
	struct fixture *f = *state;

	make_ready(&f->ends[0]);
	assert_int_equal(loop_change(f->loop, f->ends[0].fd, 0), 0);
	assert_int_equal(loop_step(f->loop, 0), 0);
	assert_int_equal(f->ends[0].calls, 0);
	assert_int_equal(loop_change(f->loop, f->ends[0].fd, EPOLLIN | EPOLLOUT), 0);
	assert_int_equal(loop_step(f->loop, 0), 0);
	assert_int_equal(f->ends[0].events, EPOLLIN | EPOLLOUT);
	assert_int_equal(loop_change(f->loop, f->ends[0].other, EPOLLIN), -ENOENT);
	assert_int_equal(loop_watch(f->loop, -1, EPOLLIN, on_ready, NULL), -EINVAL);
	assert_int_equal(loop_watch(f->loop, 1 << 20, EPOLLIN, on_ready, NULL), -EBADF);
}

static void remove_twin(struct end *self)
{
	loop_unwatch(self->loop, self->victim->fd);
}

static void close_twin(struct end *self)
{
	loop_unwatch(self->loop, self->victim->fd);
	close(self->victim->fd);
	self->victim->fd = -1;
}

/* The number comes back for another connection, which is watched and not ready. */
static void reuse_twin(struct end *self)
{
	int number = self->victim->fd;

	close_twin(self);
	int fd = dup(self->other);
	assert_int_equal(dup2(fd, number), number);
	if (fd != number)
		close(fd);
	self->victim->fd = number;
	assert_int_equal(loop_watch(self->loop, number, EPOLLIN, on_ready, self->victim), 0);
}

static void mute_twin(struct end *self)
{
	assert_int_equal(loop_change(self->loop, self->victim->fd, 0), 0);
}

/* Registered anew under the same number: the old event is not the new registration's, whose own comes with
 * the next step. */
static void rewatch_twin(struct end *self)
{
	loop_unwatch(self->loop, self->victim->fd);
	assert_int_equal(loop_watch(self->loop, self->victim->fd, EPOLLIN, on_ready, self->victim), 0);
	self->act = NULL;
}

/* So many new fds that the table moves while the batch is handed out. */
static void grow_table(struct end *self)
{
	struct rlimit fds;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &fds), 0);
	int most = fds.rlim_cur > 1500 ? 1500 : (int)fds.rlim_cur - 1;
	int fd = fcntl(self->other, F_DUPFD, most);

	assert_true(fd >= most);
	remove_twin(self);
	assert_int_equal(loop_watch(self->loop, fd, EPOLLIN, on_ready, self), 0);
	loop_unwatch(self->loop, fd);
	close(fd);
}

static void nested_step(struct end *self)
{
	self->act = NULL;
	assert_int_equal(loop_step(self->loop, 0),
			 0); /* calls both again, level-triggered; the twin steps once more */
	loop_unwatch(self->loop, self->fd);
	remove_twin(self);
}

static void same_batch(void **state)
{
	static const struct {
		const char *name;
		void (*act)(struct end *self);
		int calls; /* of both together in that step */
	} rows[] = {
	    {"remove", remove_twin, 1}, {"close", close_twin, 1},	    {"reuse", reuse_twin, 1},
	    {"mute", mute_twin, 1},	{"register anew", rewatch_twin, 1}, {"grow", grow_table, 1},
	    {"nested", nested_step, 5},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture *f;
		(void)state;
		setup((void **)&f);
		for (int j = 0; j < 2; j++) {
			f->ends[j].act = rows[i].act;
			make_ready(&f->ends[j]);
		}
		assert_int_equal(loop_step(f->loop, UINT64_MAX), 0);
		if (f->ends[0].calls + f->ends[1].calls != rows[i].calls)
			fail_msg("%s: %d and %d calls", rows[i].name, f->ends[0].calls, f->ends[1].calls);
		teardown((void **)&f);
	}
}

struct tick {
	struct loop *loop;
	struct loop_timer *timer, *other;
	int *sequence, place, again;
};

static void on_due(void *arg)
{
	struct tick *tick = arg;

	tick->place = ++*tick->sequence;
	loop_cancel(tick->loop, tick->timer); /* its own: harmless */
	loop_cancel(tick->loop, tick->other);
	if (tick->again-- > 0)
		tick->timer = loop_at(tick->loop, 0, on_due, tick);
}

static void timers_in_order(void **state)
{
	struct fixture *f = *state;
	struct tick ticks[64];
	int sequence = 0;
	uint64_t base = clock_now() - NS_PER_S;

	/* 17 is prime to 64: every millisecond once, out of order. */
	for (int i = 0; i < 64; i++) {
		ticks[i] = (struct tick){.loop = f->loop, .sequence = &sequence};
		ticks[i].timer =
		    loop_at(f->loop, base + (uint64_t)i * 17 % 64 * NS_PER_MS, on_due, &ticks[i]);
		assert_non_null(ticks[i].timer);
	}
	for (int i = 0; i < 64; i += 3) {
		loop_cancel(f->loop, ticks[i].timer);
		ticks[i].timer = NULL;
	}
	assert_int_equal(loop_step(f->loop, 0), 0);
	assert_int_equal(sequence, 42);
	for (int i = 0; i < 64; i++)
		for (int j = 0; j < 64; j++)
			if (ticks[i].place && ticks[j].place && i * 17 % 64 < j * 17 % 64)
				assert_true(ticks[i].place < ticks[j].place);
}

static void timers_of_one_batch_cancel_each_other(void **state)
{
	struct fixture *f = *state;
	int sequence = 0;
	struct tick first = {.loop = f->loop, .sequence = &sequence}, second = first;

	first.timer = loop_at(f->loop, 1, on_due, &first);
	second.timer = loop_at(f->loop, 1, on_due, &second);
	first.other = second.timer;
	assert_int_equal(loop_step(f->loop, UINT64_MAX), 0);
	assert_int_equal(first.place, 1);
	assert_int_equal(second.place, 0);
}

/* One that sets itself again for a time past neither keeps the step from ending nor overtakes the others. */
static void eager_timer_starves_nobody(void **state)
{
	struct fixture *f = *state;
	int sequence = 0;
	struct tick eager = {.loop = f->loop, .sequence = &sequence, .again = 5}, calm = eager;

	calm.again = 0;
	eager.timer = loop_at(f->loop, 0, on_due, &eager);
	assert_int_equal(loop_step(f->loop, 0), 0);
	assert_int_equal(sequence, 1);
	calm.timer = loop_at(f->loop, clock_now(), on_due, &calm);
	make_ready(&f->ends[0]);
	assert_int_equal(loop_step(f->loop, 0), 0);
	assert_int_equal(sequence, 3);
	assert_true(calm.place > 0);
	assert_int_equal(f->ends[0].calls, 1);
}

static void waits_no_longer_than_told(void **state)
{
	struct fixture *f = *state;
	int sequence = 0;
	struct tick tick = {.loop = f->loop, .sequence = &sequence};
	uint64_t start = clock_now();

	assert_int_equal(loop_step(f->loop, start + 20 * NS_PER_MS), 0);
	assert_true(clock_now() >= start + 20 * NS_PER_MS);
	start = clock_now();
	tick.timer = loop_at(f->loop, start + 10 * NS_PER_MS + 300 * NS_PER_US, on_due, &tick);
	while (!sequence) /* a step may end just before the timer, never long after */
		assert_int_equal(loop_step(f->loop, UINT64_MAX), 0);
	assert_true(clock_now() >= start + 10 * NS_PER_MS + 300 * NS_PER_US);
	assert_true(clock_now() < start + 5 * NS_PER_S);
}

static void ignore(int signo)
{
	(void)signo;
}

static void a_signal_is_just_a_wake(void **state)
{
	struct fixture *f = *state;
	struct sigaction old, action = {.sa_handler = ignore};
	struct itimerval soon = {.it_value.tv_usec = 5000}, off = {0};

	assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(loop_step(f->loop, clock_now() + 60 * NS_PER_S), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
}

static void no_fd_for_the_epoll(void **state)
{
	struct rlimit old, none;
	struct loop *loop = NULL;
	struct error error = {0};

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int r = loop_new(&loop, &error);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(r, -EMFILE);
	assert_null(loop);
	assert_non_null(strstr(error.text, "epoll_create1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(calls_what_is_ready, setup, teardown),
	    cmocka_unit_test_setup_teardown(change_drops_interest, setup, teardown),
	    cmocka_unit_test(same_batch),
	    cmocka_unit_test_setup_teardown(timers_in_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(timers_of_one_batch_cancel_each_other, setup, teardown),
	    cmocka_unit_test_setup_teardown(eager_timer_starves_nobody, setup, teardown),
	    cmocka_unit_test_setup_teardown(waits_no_longer_than_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_signal_is_just_a_wake, setup, teardown),
	    cmocka_unit_test(no_fd_for_the_epoll),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
