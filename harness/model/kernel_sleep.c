/* SPDX-License-Identifier: MIT */
/* Threads asleep in epoll_wait, after ep_poll of fs/eventpoll.c. */
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

/* Takes what there is, or goes to sleep in front of the others: __add_wait_queue_exclusive. */
static void look(struct kernel *kernel, struct sleeper *sleeper)
{
	struct file *set = sleeper->set;

	sleeper->count =
	    link_alone(&set->ready) ? 0 : epoll_take(kernel, set, sleeper->events, sleeper->most);
	if (!sleeper->count) {
		link_behind(&set->sleepers, &sleeper->queue);
		return;
	}
	sleeper->is_back = true;
	kernel_file_put(kernel, set);
}

int kernel_sleep(struct kernel *kernel, int proc, int epoll, int most)
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
	*sleeper = (struct sleeper){.set = set, .most = most < KERNEL_TAKEN ? most : KERNEL_TAKEN};
	link_init(&sleeper->queue);
	set->refs++;
	look(kernel, sleeper);
	return number;
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

int kernel_slept(struct kernel *kernel, int number, struct kernel_event *ret_events)
{
	struct sleeper *sleeper = sleeper_of(kernel, number);

	if (!sleeper)
		return -ESRCH;
	if (!sleeper->is_back)
		return -EAGAIN;
	memcpy(ret_events, sleeper->events, (size_t)sleeper->count * sizeof *ret_events);
	sleeper->set = NULL;
	return sleeper->count;
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
