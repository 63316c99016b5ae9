/* SPDX-License-Identifier: MIT */
/* Descriptions on their way from one process to another by SCM_RIGHTS: held alive by the message (unix(7)).
 */
#include <errno.h>
#include <stdlib.h>
#include "model/world_impl.h"

#define PASSED_MAX 253 /* SCM_MAX_FD of the kernel: net/scm.h */

static uint32_t passed_count(const struct event *event)
{
	uint64_t told = event->arg[3], there = event->size / sizeof(int32_t);
	uint64_t count = told < there ? told : there;

	return (uint32_t)(count < PASSED_MAX ? count : PASSED_MAX);
}

static void queue(struct passed **queue_head, struct passed *message)
{
	while (*queue_head)
		queue_head = &(*queue_head)->next;
	*queue_head = message;
}

int world_pass(struct world *world, struct file *from, const struct event *event)
{
	uint32_t count = passed_count(event);
	const int32_t *fds = event->data;
	struct process *process = process_of(world, event->pid);

	if (!count || !process)
		return process ? 0 : -ENOMEM;
	struct passed *message = calloc(1, sizeof *message + count * sizeof message->files[0]);
	if (!message)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct file *file = file_of(world, process, fds[i]);
		if (!file)
			continue;
		file->refs++;
		message->files[message->count++] = file;
	}
	queue(from && from->mate ? &from->mate->inbox : &world->adrift, message);
	return 0;
}

/* Takes the reference that the message held over to the new number. */
static int unpack(struct world *world, struct process *process, int32_t fd, struct file *file)
{
	if (!file) {
		file = file_new(world, FILE_OTHER, process->pid, fd);
		return file ? table_set(world, process, fd, file, false) : -ENOMEM;
	}
	int r = table_set(world, process, fd, file, false);
	if (r == 0)
		file->refs--;
	return r;
}

int world_receive(struct world *world, struct file *to, const struct event *event)
{
	uint32_t count = passed_count(event);
	const int32_t *fds = event->data;
	struct process *process = process_of(world, event->pid);
	struct passed **from = to && to->inbox ? &to->inbox : &world->adrift;
	struct passed *message = *from;
	int r = 0;

	if (!count || !process)
		return process ? 0 : -ENOMEM;
	if (message)
		*from = message->next;
	for (uint32_t i = 0; i < count && r == 0; i++)
		r = unpack(world, process, fds[i], message && i < message->count ? message->files[i] : NULL);
	free(message);
	return r;
}

void passed_free(struct passed *passed)
{
	while (passed) {
		struct passed *next = passed->next;
		free(passed);
		passed = next;
	}
}
