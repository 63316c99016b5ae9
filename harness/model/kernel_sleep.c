/* SPDX-License-Identifier: MIT */
/* Threads asleep in epoll_wait, after ep_poll of fs/eventpoll.c, and in poll(2), after do_poll of
 * fs/select.c. */
#include "model/kernel_impl.h"

#include <string.h>

/* One of them, the latest, and it is out of the queue at once: ep_autoremove_wake_function. */
bool epoll_wake_one(struct kernel *kernel, struct file *set)
{
	if (link_alone(&set->sleepers))
		return false;
	struct sleeper *sleeper = LINK_OF(struct sleeper, queue, set->sleepers.next);
	link_out(&sleeper->queue);
	link_last(&kernel->woken, &sleeper->queue);
	return true;
}

/* All of them: __pollwait does not queue exclusively. pollwake. */
void epoll_wake_pollers(struct kernel *kernel, struct file *set)
{
	while (!link_alone(&set->pollers)) {
		struct link *at = set->pollers.next;
		link_out(at);
		link_last(&kernel->woken, at);
	}
}

/* poll(2) asks the number, whatever that stands for by now; the set it fell asleep on is only what wakes it.
 */
static int poll_and_take(struct kernel *kernel, struct sleeper *sleeper)
{
	uint32_t mask = 0;
	int r = kernel_mask(kernel, sleeper->proc, sleeper->fd, &mask);

	if (r < 0)
		return r;
	return mask & EPOLLIN
		   ? kernel_epoll_wait(kernel, sleeper->proc, sleeper->fd, sleeper->events, sleeper->most)
		   : 0;
}

/*
 * Takes what there is, or goes to sleep: for epoll_wait in front of the others (__add_wait_queue_exclusive),
 * for poll where order is nothing.
 */
static void look(struct kernel *kernel, struct sleeper *sleeper)
{
	struct file *set = sleeper->set;

	if (sleeper->polls)
		sleeper->count = poll_and_take(kernel, sleeper);
	else if (!link_alone(&set->ready))
		sleeper->count = epoll_take(kernel, set, sleeper->events, sleeper->most);
	if (!sleeper->count) {
		link_behind(sleeper->polls ? &set->pollers : &set->sleepers, &sleeper->queue);
		return;
	}
	sleeper->is_back = true;
	kernel_file_put(kernel, set);
}

static int fall_asleep(struct kernel *kernel, int proc, int epoll, int most, bool polls)
{
	struct file *set = kernel_get(kernel, proc, epoll);
	int number = 0;

	if (!set)
		return -EBADF;
	if (set->kind != KIND_EPOLL || most <= 0)
		return -EINVAL;
	while (number < KERNEL_SLEEPERS && kernel->sleepers[number].set)
		number++;
	if (number == KERNEL_SLEEPERS)
		return -EAGAIN;
	struct sleeper *sleeper = &kernel->sleepers[number];
	*sleeper = (struct sleeper){.set = set,
				    .polls = polls,
				    .proc = proc,
				    .fd = epoll,
				    .most = most < KERNEL_TAKEN ? most : KERNEL_TAKEN};
	link_init(&sleeper->queue);
	set->refs++;
	look(kernel, sleeper);
	return number;
}

int kernel_sleep(struct kernel *kernel, int proc, int epoll, int most)
{
	return fall_asleep(kernel, proc, epoll, most, false);
}

int kernel_sleep_poll(struct kernel *kernel, int proc, int epoll, int most)
{
	return fall_asleep(kernel, proc, epoll, most, true);
}

void kernel_run(struct kernel *kernel)
{
	while (!link_alone(&kernel->woken)) {
		struct sleeper *sleeper = LINK_OF(struct sleeper, queue, kernel->woken.next);
		link_out(&sleeper->queue);
		look(kernel, sleeper);
	}
}

static struct sleeper *sleeper_of(struct kernel *kernel, int number)
{
	return number >= 0 && number < KERNEL_SLEEPERS && kernel->sleepers[number].set
		   ? &kernel->sleepers[number]
		   : NULL;
}

bool kernel_is_back(const struct kernel *kernel, int number)
{
	return number >= 0 && number < KERNEL_SLEEPERS && kernel->sleepers[number].set &&
	       kernel->sleepers[number].is_back;
}

int kernel_peek_slept(struct kernel *kernel, int number, struct kernel_event *ret_events)
{
	const struct sleeper *sleeper = sleeper_of(kernel, number);

	if (!sleeper)
		return -ESRCH;
	if (!sleeper->is_back)
		return -EAGAIN;
	if (sleeper->count > 0)
		memcpy(ret_events, sleeper->events, (size_t)sleeper->count * sizeof *ret_events);
	return sleeper->count;
}

int kernel_slept(struct kernel *kernel, int number, struct kernel_event *ret_events)
{
	struct sleeper *sleeper = sleeper_of(kernel, number);
	int r = kernel_peek_slept(kernel, number, ret_events);

	if (sleeper && sleeper->is_back)
		sleeper->set = NULL;
	return r;
}

int kernel_interrupt(struct kernel *kernel, int number)
{
	struct sleeper *sleeper = sleeper_of(kernel, number);

	if (!sleeper)
		return -ESRCH;
	link_out(&sleeper->queue);
	if (!sleeper->is_back)
		kernel_file_put(kernel, sleeper->set);
	sleeper->set = NULL;
	return 0;
}

void kernel_interrupt_all(struct kernel *kernel)
{
	for (int number = 0; number < KERNEL_SLEEPERS; number++)
		(void)kernel_interrupt(kernel, number);
}
