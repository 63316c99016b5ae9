/* SPDX-License-Identifier: MIT */
/* Processes, numbers, descriptions: fs/file.c. */
#include "model/kernel_impl.h"

#include <stdlib.h>
#include <string.h>

static void begin(struct kernel *kernel)
{
	kernel->now = 1;
	kernel->timed = false;
	link_init(&kernel->woken);
	kernel->buffer = KERNEL_BUFFER;
	kernel->next_port = 32768;
	(void)kernel_process(kernel);
}

struct kernel *kernel_new(void)
{
	struct kernel *kernel = calloc(1, sizeof *kernel);

	if (kernel)
		begin(kernel);
	return kernel;
}

void kernel_free(struct kernel *kernel)
{
	if (!kernel)
		return;
	for (unsigned i = 0; i < kernel->sock_top; i++)
		free(kernel->socks[i].in.data);
	for (unsigned i = 0; i < kernel->pipe_top; i++)
		free(kernel->pipes[i].flow.data);
	free(kernel);
}

/* Everything goes when its last number does; what is left then travels in a circle, or is an end that nobody
 * has. */
void kernel_reset(struct kernel *kernel)
{
	kernel_interrupt_all(kernel);
	for (int proc = 0; proc < KERNEL_PROCS; proc++)
		(void)kernel_exit(kernel, proc);
	for (unsigned i = 0; i < kernel->sock_top; i++)
		if (kernel->socks[i].used && kernel->socks[i].kind != KIND_TCP)
			unix_flush(kernel, &kernel->socks[i]);
	for (unsigned i = 0; i < kernel->sock_top; i++)
		if (kernel->socks[i].used)
			sock_free(kernel, &kernel->socks[i]);
	begin(kernel);
}

int kernel_process(struct kernel *kernel)
{
	for (int proc = 0; proc < KERNEL_PROCS; proc++) {
		struct process *process = &kernel->procs[proc];
		if (process->alive)
			continue;
		process->alive = true;
		process->limit = KERNEL_FDS;
		process->most = 0;
		return proc;
	}
	return -EAGAIN; /* fork(2) */
}

static struct process *living(const struct kernel *kernel, int proc)
{
	const struct process *process = proc < 0 || proc >= KERNEL_PROCS ? NULL : &kernel->procs[proc];

	return process && process->alive ? (struct process *)process : NULL;
}

int kernel_fork(struct kernel *kernel, int proc)
{
	struct process *parent = living(kernel, proc);
	int child = parent ? kernel_process(kernel) : -ESRCH;

	if (child < 0)
		return child;
	kernel->procs[child].limit = parent->limit;
	kernel->procs[child].most = parent->most;
	for (int fd = 0; fd < parent->most; fd++) {
		kernel->procs[child].fds[fd] = parent->fds[fd];
		if (parent->fds[fd])
			parent->fds[fd]->refs++;
	}
	return child;
}

int kernel_exit(struct kernel *kernel, int proc)
{
	struct process *process = living(kernel, proc);

	if (!process)
		return -ESRCH;
	for (int fd = 0; fd < process->most; fd++)
		(void)kernel_close(kernel, proc, fd);
	process->alive = false;
	process->most = 0;
	return 0;
}

int kernel_limit(struct kernel *kernel, int proc, int files)
{
	struct process *process = living(kernel, proc);

	if (!process)
		return -ESRCH;
	process->limit = files < 0 ? 0 : files > KERNEL_FDS ? KERNEL_FDS : files;
	return 0;
}

struct file *kernel_get(const struct kernel *kernel, int proc, int fd)
{
	const struct process *process = living(kernel, proc);

	return process && fd >= 0 && fd < process->most ? process->fds[fd] : NULL;
}

int kernel_top(const struct kernel *kernel, int proc)
{
	const struct process *process = living(kernel, proc);

	return process ? process->most : 0;
}

bool kernel_is_open(const struct kernel *kernel, int proc, int fd)
{
	return kernel_get(kernel, proc, fd) != NULL;
}

int kernel_file(const struct kernel *kernel, int proc, int fd)
{
	const struct file *file = kernel_get(kernel, proc, fd);

	return file ? (int)(file - kernel->files) + 1 : -EBADF;
}

struct file *kernel_file_new(struct kernel *kernel, enum kind kind)
{
	struct file *file = kernel->free_files;

	if (file)
		kernel->free_files = file->next_free;
	else if (kernel->file_top < KERNEL_FILES)
		file = &kernel->files[kernel->file_top++];
	else
		return NULL;
	*file = (struct file){.kind = kind, .refs = 1};
	link_init(&file->watchers);
	link_init(&file->members);
	link_init(&file->ready);
	link_init(&file->sleepers);
	link_init(&file->pollers);
	return file;
}

/* The last close: registrations go first, so nobody is told of what closing does to the description itself.
 * fs/file_table.c, __fput. */
void kernel_file_put(struct kernel *kernel, struct file *file)
{
	if (--file->refs)
		return;
	epoll_forget(kernel, file);
	if (file->kind == KIND_EPOLL)
		epoll_clear(kernel, file);
	if (file->sock)
		sock_close(kernel, file->sock);
	if (file->pipe)
		pipe_close(kernel, file);
	file->kind = KIND_NONE;
	file->next_free = kernel->free_files;
	kernel->free_files = file;
}

int kernel_free_fd(const struct kernel *kernel, int proc)
{
	const struct process *process = living(kernel, proc);
	int fd = 0;

	if (!process)
		return -ESRCH;
	while (fd < process->most && process->fds[fd])
		fd++;
	return fd < process->limit ? fd : -EMFILE;
}

static void set_fd(struct process *process, int fd, struct file *file)
{
	process->fds[fd] = file;
	if (fd >= process->most)
		process->most = fd + 1;
}

int kernel_install(struct kernel *kernel, int proc, struct file *file)
{
	int fd = file ? kernel_free_fd(kernel, proc) : -ENFILE;

	if (fd >= 0)
		set_fd(&kernel->procs[proc], fd, file);
	else if (file)
		kernel_file_put(kernel, file);
	return fd;
}

int kernel_close(struct kernel *kernel, int proc, int fd)
{
	struct file *file = kernel_get(kernel, proc, fd);
	struct process *process = &kernel->procs[file ? proc : 0];

	if (!file)
		return -EBADF;
	process->fds[fd] = NULL;
	while (process->most && !process->fds[process->most - 1])
		process->most--;
	kernel_file_put(kernel, file);
	return 0;
}

int kernel_dup(struct kernel *kernel, int proc, int fd)
{
	struct file *file = kernel_get(kernel, proc, fd);

	if (!file)
		return -EBADF;
	file->refs++;
	return kernel_install(kernel, proc, file);
}

/* dup2(2): the same number is no change, a number past the limit is no number. */
int kernel_dup_to(struct kernel *kernel, int proc, int fd, int to)
{
	struct file *file = kernel_get(kernel, proc, fd);

	if (!file || to < 0 || to >= kernel->procs[proc].limit)
		return -EBADF;
	if (fd == to)
		return fd;
	file->refs++;
	(void)kernel_close(kernel, proc, to);
	set_fd(&kernel->procs[proc], to, file);
	return to;
}

int kernel_plain_file(struct kernel *kernel, int proc)
{
	return kernel_install(kernel, proc, kernel_file_new(kernel, KIND_PLAIN));
}
