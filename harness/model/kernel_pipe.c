/* SPDX-License-Identifier: MIT */
/* Pipes, after fs/pipe.c: 16 pages, whatever is in them. */
#include "model/kernel_impl.h"

static bool is_full(const struct pipe *pipe)
{
	return pipe->used == PIPE_SLOTS;
}

static void pipe_wake(struct kernel *kernel, struct pipe *pipe, int end, uint32_t key)
{
	if (pipe->ends[end])
		kernel_file_wake(kernel, pipe->ends[end], key);
}

uint32_t pipe_poll(struct file *file)
{
	struct pipe *pipe = file->pipe;
	uint32_t mask = 0;

	pipe->polled = true;
	if (file->kind == KIND_READER) {
		mask |= pipe->used ? EPOLLIN | EPOLLRDNORM : 0;
		mask |= pipe->ends[1] ? 0 : EPOLLHUP;
	} else {
		mask |= is_full(pipe) ? 0 : EPOLLOUT | EPOLLWRNORM;
		mask |= pipe->ends[0] ? 0 : EPOLLERR;
	}
	return mask;
}

/* Behind the last page's bytes, when all that is no whole page fits there; a packet has pages of its own. */
static size_t merge(struct pipe *pipe, size_t size)
{
	size_t part = size % PIPE_PAGE;
	unsigned last = (pipe->first + pipe->used + PIPE_SLOTS - 1) % PIPE_SLOTS;

	if (pipe->packets || !part || !pipe->used ||
	    pipe->slots[last].offset + pipe->slots[last].size + part > PIPE_PAGE)
		return 0;
	pipe->slots[last].size += (unsigned)part;
	return part;
}

static size_t fill(struct pipe *pipe, size_t size)
{
	size_t done = merge(pipe, size);

	while (done < size && !is_full(pipe)) {
		size_t part = size - done < PIPE_PAGE ? size - done : PIPE_PAGE;
		unsigned at = (pipe->first + pipe->used++) % PIPE_SLOTS;
		pipe->slots[at].offset = 0;
		pipe->slots[at].size = (unsigned)part;
		done += part;
	}
	return done;
}

/* pipe_write. Once somebody polled, every write wakes, even one that found no room. */
int64_t pipe_send(struct kernel *kernel, struct file *file, const void *bytes, size_t size)
{
	struct pipe *pipe = file->pipe;
	bool was_empty = !pipe->used;

	if (file->kind != KIND_WRITER)
		return -EBADF;
	if (!size)
		return 0;
	if (!pipe->ends[0])
		return -EPIPE;
	/* at most page by page, so what does not fit whole is cut */
	size_t done = fill(pipe, size);
	int r = flow_put(&pipe->flow, bytes, done);
	if (r < 0)
		return r;
	if (was_empty || pipe->polled)
		pipe_wake(kernel, pipe, 0, EPOLLIN | EPOLLRDNORM);
	return done ? (int64_t)done : -EAGAIN;
}

/* pipe_read. A writer is woken when the last reason to wait goes: a page that made it full. */
int64_t pipe_receive(struct kernel *kernel, struct file *file, void *ret_bytes, size_t size)
{
	struct pipe *pipe = file->pipe;
	bool freed = false;

	if (file->kind != KIND_READER)
		return -EBADF;
	if (!size)
		return 0;
	if (!pipe->used)
		return pipe->ends[1] ? -EAGAIN : 0;
	size_t most = pipe->packets ? pipe->slots[pipe->first].size : pipe->flow.size;
	size = size < most ? size : most;
	flow_copy(&pipe->flow, ret_bytes, size);
	size_t taken = pipe->packets ? most : size; /* PIPE_BUF_FLAG_PACKET: what is not read of it is lost */
	flow_drop(&pipe->flow, taken);
	for (size_t left = taken; left;) {
		unsigned part = pipe->slots[pipe->first].size;
		part = left < part ? (unsigned)left : part;
		left -= part;
		pipe->slots[pipe->first].offset += part;
		pipe->slots[pipe->first].size -= part;
		if (pipe->slots[pipe->first].size)
			break;
		freed |= is_full(pipe);
		pipe->first = (pipe->first + 1) % PIPE_SLOTS;
		pipe->used--;
	}
	if (freed)
		pipe_wake(kernel, pipe, 1, EPOLLOUT | EPOLLWRNORM);
	return (int64_t)size;
}

/* pipe_release: who is left is told, whichever way it waits. */
void pipe_close(struct kernel *kernel, struct file *file)
{
	struct pipe *pipe = file->pipe;
	int end = file->kind == KIND_WRITER;

	pipe->ends[end] = NULL;
	if (pipe->ends[!end]) {
		pipe_wake(kernel, pipe, !end, KEY_ALL);
		return;
	}
	pipe->next_free = kernel->free_pipes;
	kernel->free_pipes = pipe;
}

static struct pipe *pipe_new(struct kernel *kernel)
{
	struct pipe *pipe = kernel->free_pipes;

	if (pipe)
		kernel->free_pipes = pipe->next_free;
	else if (kernel->pipe_top < sizeof kernel->pipes / sizeof *kernel->pipes)
		pipe = &kernel->pipes[kernel->pipe_top++];
	else
		return NULL;
	pipe->ends[0] = pipe->ends[1] = NULL;
	pipe->polled = pipe->packets = false;
	pipe->first = pipe->used = 0;
	flow_clear(&pipe->flow);
	return pipe;
}

int kernel_packet_pipe(struct kernel *kernel, int proc, int ret_ends[2])
{
	int r = kernel_pipe(kernel, proc, ret_ends);

	if (r == 0)
		kernel_get(kernel, proc, ret_ends[0])->pipe->packets = true;
	return r;
}

int kernel_pipe(struct kernel *kernel, int proc, int ret_ends[2])
{
	struct pipe *pipe = pipe_new(kernel);
	int fds[2];

	if (!pipe)
		return -ENFILE;
	for (int i = 0; i < 2; i++) {
		struct file *file = kernel_file_new(kernel, i ? KIND_WRITER : KIND_READER);
		if (file) {
			file->pipe = pipe;
			pipe->ends[i] = file;
		}
		fds[i] = kernel_install(kernel, proc, file);
		if (fds[i] >= 0)
			continue;
		if (i)
			(void)kernel_close(kernel, proc, fds[0]);
		return fds[i];
	}
	ret_ends[0] = fds[0];
	ret_ends[1] = fds[1];
	return 0;
}
