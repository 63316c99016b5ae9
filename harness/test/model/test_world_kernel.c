/* SPDX-License-Identifier: MIT */
/*
 * The world and the model of the kernel side by side: calls at random are made of the model, what they come
 * to is told to the world as a journal would, and behind each the interest lists of both are the same: which
 * registrations live (closes, duplicates, children), which are spent (one-shot), which outlived their number.
 */
#include <signal.h>
#include <sys/epoll.h>
#include "base/rng.h"
#include "journal/event.h"
#include "model/kernel.h"
#include "model/promise.h"
#include "model/world.h"
#include "test/check.h"

enum { FIRST = 100, PROCS = 4, NUMBERS = 12, MEMBERS = 64, ROUNDS = 60, STEPS = 150 };

struct both {
	struct kernel *kernel;
	struct world *world;
	struct rng rng;
	uint64_t at, data;
	bool alive[PROCS];
	int32_t pids[PROCS], next_pid; /* never the same again */
};

static int any(struct both *both, int of)
{
	return (int)(rng_next(&both->rng) % (unsigned)of);
}

static void tell(struct both *both, struct event event, int proc)
{
	event.at = ++both->at;
	event.pid = event.tid = both->pids[proc];
	assert_int_equal(world_apply(both->world, &event), 0);
}

static void tell_call(struct both *both, int proc, enum call call, int fd, int64_t ret)
{
	struct event event = event_make(EV_CALL, call);

	event.fd = fd;
	event.ret = ret;
	tell(both, event, proc);
}

static void ctl(struct both *both, int proc)
{
	static const uint32_t ways[] = {0, 0, EPOLLET, EPOLLONESHOT, EPOLLONESHOT | EPOLLET, EPOLLEXCLUSIVE};
	uint32_t events = EPOLLIN | ways[any(both, COUNT_OF(ways))];
	int epoll = any(both, NUMBERS), fd = any(both, NUMBERS);
	int op = any(both, 2) ? KERNEL_ADD : 1 + any(both, 3);
	struct event event = event_make(EV_CALL, CALL_epoll_ctl);

	event.fd = fd;
	event.ret = kernel_epoll_ctl(both->kernel, proc, epoll, op, fd, events, ++both->data);
	event.arg[0] = (uint64_t)epoll;
	event.arg[1] = (uint64_t)op;
	event.arg[2] = events;
	event.arg[3] = both->data;
	tell(both, event, proc);
}

static void wait_for(struct both *both, int proc)
{
	struct kernel_event found[MEMBERS];
	struct ready ready[MEMBERS];
	int epoll = any(both, NUMBERS),
	    count = kernel_epoll_wait(both->kernel, proc, epoll, found, 1 + any(both, 8));
	struct event event = event_make(EV_CALL, CALL_epoll_wait);

	for (int i = 0; i < count; i++)
		ready[i] = (struct ready){.data = found[i].data, .events = found[i].events, .fd = -1};
	event.fd = epoll;
	event.ret = count;
	event.data = ready;
	event.size = count > 0 ? (uint32_t)((size_t)count * sizeof *ready) : 0;
	tell(both, event, proc);
}

static void fork_or_exit(struct both *both, int proc)
{
	if (proc && any(both, 2)) {
		struct event event = event_make(EV_PROC, PROC_EXIT);
		event.arg[0] = 1;
		both->alive[proc] = false;
		assert_int_equal(kernel_exit(both->kernel, proc), 0);
		tell(both, event, proc);
		return;
	}
	int child = kernel_fork(both->kernel, proc);
	if (child >= PROCS) {
		assert_int_equal(kernel_exit(both->kernel, child), 0);
		return;
	}
	struct event event = event_make(EV_PROC, PROC_FORK);
	both->pids[child] = both->next_pid++;
	event.arg[0] = (uint64_t)both->pids[child];
	event.arg[1] = SIGCHLD;
	both->alive[child] = true;
	tell(both, event, proc);
}

static void step(struct both *both)
{
	struct kernel *kernel = both->kernel;
	int proc = any(both, PROCS), fd = any(both, NUMBERS), to = any(both, NUMBERS);

	while (!both->alive[proc])
		proc = (proc + 1) % PROCS;
	switch (any(both, 16)) {
	case 0:
	case 1:
		tell_call(both, proc, CALL_eventfd2, -1, kernel_eventfd(kernel, proc, 1, false));
		break;
	case 2:
		tell_call(both, proc, CALL_epoll_create1, -1, kernel_epoll(kernel, proc));
		break;
	case 3:
		tell_call(both, proc, CALL_dup, fd, kernel_dup(kernel, proc, fd));
		break;
	case 4:
		tell_call(both, proc, CALL_dup2, fd, kernel_dup_to(kernel, proc, fd, to));
		break;
	case 5:
	case 6:
		tell_call(both, proc, CALL_close, fd, kernel_close(kernel, proc, fd));
		break;
	case 7:
		fork_or_exit(both, proc);
		break;
	case 8:
	case 9:
	case 10:
		wait_for(both, proc);
		break;
	default:
		ctl(both, proc);
		break;
	}
}

static const struct reg *find(const struct file *epoll, const struct kernel_interest *interest)
{
	for (const struct reg *reg = epoll->members; reg; reg = reg->epoll_next)
		if (reg->data == interest->data)
			return reg;
	return NULL;
}

/* -1: it has ended. */
static int proc_of(const struct both *both, int32_t pid)
{
	for (int proc = 0; proc < PROCS; proc++)
		if (both->alive[proc] && both->pids[proc] == pid)
			return proc;
	return -1;
}

static void compare_list(const struct both *both, int proc, int epoll)
{
	struct kernel_interest interests[MEMBERS];
	const struct file *set = world_file(both->world, both->pids[proc], epoll);
	int count = kernel_interests(both->kernel, proc, epoll, interests, MEMBERS), found = 0;

	assert_in_range(count, 0, MEMBERS);
	assert_non_null(set);
	for (const struct reg *reg = set->members; reg; reg = reg->epoll_next)
		found++;
	assert_int_equal(found, count);
	for (int i = 0; i < count; i++) {
		const struct reg *reg = find(set, &interests[i]);
		assert_non_null(reg);
		assert_int_equal(reg->fd, interests[i].fd);
		assert_int_equal(reg->disarmed, promise_is_spent(interests[i].events));
		if (!reg->disarmed)
			assert_int_equal(reg->events | PROMISE_UNASKED, interests[i].events);
		/* the number may lead to the same again, by dup2: that the world does not take back */
		int owner = proc_of(both, reg->pid);
		if (owner >= 0 && kernel_file(both->kernel, owner, reg->fd) != interests[i].file)
			assert_true(reg->zombie);
	}
}

static void test_interest_lists(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct both both = {.kernel = kernel_new(),
				    .world = world_new(),
				    .alive = {true},
				    .pids = {FIRST},
				    .next_pid = FIRST + 1};
		assert_true(both.kernel && both.world);
		assert_int_equal(kernel_limit(both.kernel, 0, NUMBERS), 0);
		rng_init(&both.rng, (uint64_t)round, "world and kernel");
		tell(&both, event_make(EV_PROC, PROC_START), 0);
		for (int i = 0; i < STEPS; i++) {
			step(&both);
			for (int proc = 0; proc < PROCS; proc++)
				for (int fd = 0; both.alive[proc] && fd < NUMBERS; fd++)
					if (kernel_is_epoll(both.kernel, proc, fd))
						compare_list(&both, proc, fd);
		}
		world_free(both.world);
		kernel_free(both.kernel);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_interest_lists)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
