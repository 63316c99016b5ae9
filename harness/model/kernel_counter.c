/* SPDX-License-Identifier: MIT */
/* What counts: eventfd, after fs/eventfd.c, and timerfd, after fs/timerfd.c. */
#include "model/kernel_impl.h"

#include <string.h>

uint32_t counter_poll(const struct file *file)
{
	uint32_t mask = file->count ? EPOLLIN : 0;

	if (file->kind == KIND_TIMER)
		return mask;
	if (file->count == UINT64_MAX)
		mask |= EPOLLERR;
	return file->count < UINT64_MAX - 1 ? mask | EPOLLOUT : mask;
}

/* eventfd_write: adding nothing wakes too. */
int64_t event_send(struct kernel *kernel, struct file *file, const void *bytes, size_t size)
{
	uint64_t more = 0;

	if (size != sizeof more) /* since 6.12 no more than 8 either */
		return -EINVAL;
	if (bytes)
		memcpy(&more, bytes, sizeof more);
	if (more == UINT64_MAX)
		return -EINVAL;
	if (UINT64_MAX - file->count <= more)
		return -EAGAIN;
	file->count += more;
	kernel_file_wake(kernel, file, EPOLLIN);
	return sizeof more;
}

int64_t counter_receive(struct kernel *kernel, struct file *file, void *ret_bytes, size_t size)
{
	uint64_t count = file->semaphore ? 1 : file->count;

	if (size < sizeof count)
		return -EINVAL;
	if (!file->count)
		return -EAGAIN;
	file->count -= count;
	if (ret_bytes)
		memcpy(ret_bytes, &count, sizeof count);
	if (file->kind == KIND_EVENT)
		kernel_file_wake(kernel, file, EPOLLOUT);
	return sizeof count;
}

int kernel_eventfd(struct kernel *kernel, int proc, uint64_t count, bool semaphore)
{
	struct file *file = kernel_file_new(kernel, KIND_EVENT);

	if (file) {
		file->count = count;
		file->semaphore = semaphore;
	}
	return kernel_install(kernel, proc, file);
}

int kernel_timerfd(struct kernel *kernel, int proc)
{
	return kernel_install(kernel, proc, kernel_file_new(kernel, KIND_TIMER));
}

/* timerfd_tmrproc. */
static void expire(struct kernel *kernel, struct file *file)
{
	uint64_t times = 1;

	if (file->interval)
		times += (kernel->now - file->at) / file->interval;
	file->count += times;
	file->at = file->interval ? file->at + times * file->interval : 0;
	kernel_file_wake(kernel, file, EPOLLIN);
}

/* What had expired before is forgotten: do_timerfd_settime, timerfd_setup. */
int kernel_timer(struct kernel *kernel, int proc, int fd, uint64_t at, uint64_t interval)
{
	struct file *file = kernel_get(kernel, proc, fd);

	if (!file)
		return -EBADF;
	if (file->kind != KIND_TIMER)
		return -EINVAL;
	file->count = 0;
	file->at = at;
	file->interval = at ? interval : 0;
	kernel->timed |= at > 0;
	if (at && at <= kernel->now)
		expire(kernel, file);
	return 0;
}

uint64_t kernel_now(const struct kernel *kernel)
{
	return kernel->now;
}

/* The next timer or SYN to be sent again: *ret_file or *ret_sock. */
static uint64_t next_due(const struct kernel *kernel, unsigned *ret_file, unsigned *ret_sock)
{
	uint64_t due = UINT64_MAX;

	if (!kernel->timed)
		return due;
	for (unsigned i = 0; i < kernel->file_top; i++) {
		const struct file *file = &kernel->files[i];
		if (file->kind != KIND_TIMER || !file->at || file->at >= due)
			continue;
		due = file->at;
		*ret_file = i;
	}
	for (unsigned i = 0; i < kernel->sock_top; i++) {
		const struct sock *sock = &kernel->socks[i];
		if (!sock->used || !sock->retry_at || sock->retry_at >= due)
			continue;
		due = sock->retry_at;
		*ret_file = KERNEL_FILES;
		*ret_sock = i;
	}
	return due;
}

uint64_t kernel_next(const struct kernel *kernel)
{
	unsigned file, sock;
	uint64_t due = next_due(kernel, &file, &sock);

	return due == UINT64_MAX ? due : due > kernel->now ? due - kernel->now : 0;
}

void kernel_advance(struct kernel *kernel, uint64_t ns)
{
	uint64_t end = kernel->now + ns, due;
	unsigned file = KERNEL_FILES, sock = 0;

	while ((due = next_due(kernel, &file, &sock)) <= end) {
		kernel->now = due > kernel->now ? due : kernel->now;
		if (file < KERNEL_FILES)
			expire(kernel, &kernel->files[file]);
		else
			(void)tcp_syn(kernel, &kernel->socks[sock]);
	}
	kernel->now = end;
	kernel->timed &= due != UINT64_MAX;
}
