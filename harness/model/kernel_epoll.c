/* SPDX-License-Identifier: MIT */
/* epoll, after fs/eventpoll.c: the functions named there are named here. */
#include "model/kernel_impl.h"
#include "model/promise.h"

/* What may be asked for together with EPOLLEXCLUSIVE: EPOLLEXCLUSIVE_OK_BITS. */
#define WITH_EXCLUSIVE (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)
/* do_epoll_wait, EP_MAX_EVENTS: what an int can count in bytes. */
#define MOST_EVENTS (INT32_MAX / 12)

/* Of those who wait exclusively the first who can use it ends the walk: what it asked for must be what came.
 */
static bool is_enough(const struct item *item, uint32_t key)
{
	switch (key & (EPOLLIN | EPOLLOUT)) {
	case EPOLLIN:
	case EPOLLOUT:
		return (item->events & key & (EPOLLIN | EPOLLOUT)) != 0;
	case 0:
		return true;
	}
	return false;
}

/* ep_poll_safewake: whoever polls the set, and the sets that it stands in. */
static void set_woken(struct kernel *kernel, struct file *set)
{
	epoll_wake_pollers(kernel, set);
	kernel_file_wake(kernel, set, EPOLLIN);
}

/*
 * ep_poll_callback: what a wake-up does to a registration. Whether it is really ready is asked later. Returns
 * whether it was told to somebody who sleeps and can use it.
 */
static bool item_woken(struct kernel *kernel, struct item *item, uint32_t key)
{
	if (!(item->events & ~PROMISE_WAYS) || (key && !(key & item->events)))
		return false;
	if (link_alone(&item->ready))
		link_last(&item->set->ready, &item->ready);
	bool told = epoll_wake_one(kernel, item->set) && is_enough(item, key);
	set_woken(kernel, item->set);
	return told;
}

/* __wake_up_common: the latest registered first, the exclusive ones last and in their order, until one of
 * them took it. What comes without bits (wake_up_all) is for everybody. */
void kernel_file_wake(struct kernel *kernel, struct file *file, uint32_t key)
{
	for (struct link *at = file->watchers.next, *next; at != &file->watchers; at = next) {
		struct item *item = LINK_OF(struct item, watch, at);
		next = at->next;
		if (item_woken(kernel, item, key) && item->events & EPOLLEXCLUSIVE && key)
			break;
	}
}

/* ep_item_poll. */
static uint32_t item_poll(struct kernel *kernel, const struct item *item)
{
	return kernel_file_poll(kernel, item->file) & item->events;
}

/* __ep_eventpoll_poll: a set is readable while one of its own is ready; on the way those that are not lose
 * their place in the list. */
uint32_t epoll_poll(struct kernel *kernel, struct file *set)
{
	while (!link_alone(&set->ready)) {
		struct item *item = LINK_OF(struct item, ready, set->ready.next);
		if (item_poll(kernel, item))
			return EPOLLIN | EPOLLRDNORM;
		link_out(&item->ready);
	}
	return 0;
}

static struct item *item_find(const struct file *set, const struct file *file, int fd)
{
	for (struct link *at = file->watchers.next; at != &file->watchers; at = at->next) {
		struct item *item = LINK_OF(struct item, watch, at);
		if (item->set == set && item->fd == fd)
			return item;
	}
	return NULL;
}

/* ep_remove. */
static void item_free(struct kernel *kernel, struct item *item)
{
	link_out(&item->watch);
	link_out(&item->ready);
	link_out(&item->member);
	item->next_free = kernel->free_items;
	kernel->free_items = item;
}

void epoll_forget(struct kernel *kernel, struct file *file)
{
	while (!link_alone(&file->watchers))
		item_free(kernel, LINK_OF(struct item, watch, file->watchers.next));
}

void epoll_clear(struct kernel *kernel, struct file *set)
{
	while (!link_alone(&set->members))
		item_free(kernel, LINK_OF(struct item, member, set->members.next));
}

static struct item *item_new(struct kernel *kernel)
{
	struct item *item = kernel->free_items;

	if (item)
		kernel->free_items = item->next_free;
	else if (kernel->item_top < KERNEL_ITEMS)
		item = &kernel->items[kernel->item_top++];
	return item;
}

/* Ready at once, also without a wake-up: ep_insert and ep_modify end alike. */
static void item_look(struct kernel *kernel, struct item *item)
{
	if (!item_poll(kernel, item) || !link_alone(&item->ready))
		return;
	link_last(&item->set->ready, &item->ready);
	(void)epoll_wake_one(kernel, item->set);
	set_woken(kernel, item->set);
}

static int item_add(struct kernel *kernel, struct file *set, struct file *file, int fd, uint32_t events,
		    uint64_t data)
{
	struct item *item = item_new(kernel);
	int r;

	if (!item)
		return -ENOSPC;
	*item = (struct item){
	    .set = set, .file = file, .fd = fd, .events = events | PROMISE_UNASKED, .data = data};
	link_init(&item->ready);
	link_last(&set->members, &item->member);
	/* ep_ptable_queue_proc */
	if (events & EPOLLEXCLUSIVE)
		link_last(&file->watchers, &item->watch);
	else
		link_behind(&file->watchers, &item->watch);
	r = nest_paths(kernel, file);
	if (r < 0) {
		item_free(kernel, item);
		return r;
	}
	item_look(kernel, item);
	return 0;
}

static int item_change(struct kernel *kernel, struct item *item, uint32_t events, uint64_t data)
{
	if (item->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	item->events = events | PROMISE_UNASKED;
	item->data = data;
	item_look(kernel, item);
	return 0;
}

int kernel_epoll(struct kernel *kernel, int proc)
{
	return kernel_install(kernel, proc, kernel_file_new(kernel, KIND_EPOLL));
}

bool kernel_is_epoll(const struct kernel *kernel, int proc, int fd)
{
	const struct file *file = kernel_get(kernel, proc, fd);

	return file && file->kind == KIND_EPOLL;
}

/* What is refused before the interest list is looked at: do_epoll_ctl, in its order. */
static int ctl_check(const struct file *set, const struct file *file, int op, uint32_t events)
{
	if (!set || !file)
		return -EBADF;
	if (file->kind == KIND_PLAIN)
		return -EPERM;
	if (set == file || set->kind != KIND_EPOLL)
		return -EINVAL;
	if (!(events & EPOLLEXCLUSIVE) || op == KERNEL_DEL)
		return 0;
	if (op == KERNEL_MOD || (op == KERNEL_ADD && (file->kind == KIND_EPOLL || events & ~WITH_EXCLUSIVE)))
		return -EINVAL;
	return 0;
}

int kernel_epoll_ctl(struct kernel *kernel, int proc, int epoll, int op, int fd, uint32_t events,
		     uint64_t data)
{
	struct file *set = kernel_get(kernel, proc, epoll), *file = kernel_get(kernel, proc, fd);
	int r = ctl_check(set, file, op, events);

	if (r == 0 && op == KERNEL_ADD)
		r = nest_check(kernel, set, file); /* before it is asked whether it is there already */
	if (r < 0)
		return r;
	struct item *item = item_find(set, file, fd);
	switch (op) {
	case KERNEL_ADD:
		return item ? -EEXIST : item_add(kernel, set, file, fd, events, data);
	case KERNEL_MOD:
		return item ? item_change(kernel, item, events, data) : -ENOENT;
	case KERNEL_DEL:
		if (!item)
			return -ENOENT;
		item_free(kernel, item);
		return 0;
	}
	return -EINVAL;
}

/* ep_show_fdinfo. */
int kernel_interests(const struct kernel *kernel, int proc, int epoll, struct kernel_interest *ret_interests,
		     int most)
{
	struct file *set = kernel_get(kernel, proc, epoll);
	int count = 0;

	if (!set)
		return -EBADF;
	if (set->kind != KIND_EPOLL)
		return -EINVAL;
	for (struct link *at = set->members.next; at != &set->members; at = at->next, count++) {
		const struct item *item = LINK_OF(struct item, member, at);
		if (count < most)
			ret_interests[count] = (struct kernel_interest){
			    item->fd, (int)(item->file - kernel->files) + 1, item->events, item->data};
	}
	return count;
}

/* What only the size of buffers decides, within the interest. */
static uint32_t item_may(const struct item *item)
{
	return kernel_file_may(item->file) & item->events;
}

/*
 * ep_send_events: the list is taken away and walked. Who is not ready any more drops out; a level goes back
 * to the end, so that many take turns with few places; who was not reached stays in front. ep_done_scan: for
 * what is ready then another is woken.
 */
int epoll_take(struct kernel *kernel, struct file *set, struct kernel_event *ret_events, int most)
{
	struct link again;
	int count = 0;

	link_init(&again);
	while (count < most && !link_alone(&set->ready)) {
		struct item *item = LINK_OF(struct item, ready, set->ready.next);
		uint32_t events = item_poll(kernel, item);
		link_out(&item->ready);
		if (!events)
			continue;
		ret_events[count++] = (struct kernel_event){events, item_may(item), item->data};
		if (promise_spends(item->events))
			item->events &= PROMISE_WAYS;
		else if (promise_is_level(item->events))
			link_last(&again, &item->ready);
	}
	while (!link_alone(&again)) {
		struct link *at = again.next;
		link_out(at);
		link_last(&set->ready, at);
	}
	if (!link_alone(&set->ready))
		(void)epoll_wake_one(kernel, set);
	return count;
}

int kernel_epoll_wait(struct kernel *kernel, int proc, int epoll, struct kernel_event *ret_events, int most)
{
	struct file *set = kernel_get(kernel, proc, epoll);

	if (!set)
		return -EBADF;
	if (most <= 0 || most > MOST_EVENTS)
		return -EINVAL;
	if (set->kind != KIND_EPOLL)
		return -EINVAL;
	return link_alone(&set->ready) ? 0 : epoll_take(kernel, set, ret_events, most);
}
