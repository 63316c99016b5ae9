/* SPDX-License-Identifier: MIT */
/*
 * What rings did: requests in flight, and what their completions did to fds and connections. A completion
 * acts on the description its submission named, whatever has become of the number since; it is the kernel's
 * way, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "journal/ring.h"
#include "model/world_impl.h"

#define SKIP_SUCCESS	   0x40u /* IOSQE_CQE_SKIP_SUCCESS */
#define INSTALL_NO_CLOEXEC 1u	 /* IORING_FIXED_FD_NO_CLOEXEC */
#define MESSAGE_SEND_FD	   1u	 /* IORING_MSG_SEND_FD */

struct done {
	const struct event *event;
	struct file *ring;
	const struct ring_entry *entry;
	struct process *process;
	const void *rest;
	uint32_t rest_size;
	int64_t ret;
};

static void unlink_from(struct request **at, struct request *request, size_t next)
{
	while (*at && *at != request)
		at = (struct request **)((char *)*at + next);
	if (*at)
		*at = *(struct request **)((char *)request + next);
}

static void request_end(struct request *request)
{
	if (request->file)
		unlink_from(&request->file->requests, request, offsetof(struct request, file_next));
	unlink_from(&request->ring->pending, request, offsetof(struct request, ring_next));
	(void)map_remove(&request->ring->by_number, request->number);
}

void requests_of_closed_ring(struct world *world, struct file *ring)
{
	(void)world;
	while (ring->pending) {
		struct request *request = ring->pending;

		request_end(request);
		if (request != world->touch.request)
			free(request);
		else
			world->ended = request;
	}
}

static struct request *request_new(struct world *world, struct file *ring, const struct event *event,
				   const struct ring_entry *entry)
{
	struct request *request = calloc(1, sizeof *request);

	if (!request || map_put(&ring->by_number, entry->request, request) < 0) {
		free(request);
		return NULL;
	}
	*request = (struct request){
	    .number = entry->request,
	    .ring = ring,
	    .file = world->touch.file,
	    .pid = event->pid,
	    .tid = event->tid,
	    .op = entry->op,
	    .sqe_flags = entry->sqe_flags,
	    .multishot = ring_multishot(entry),
	    .edge = ring_edge(entry),
	    .user_data = entry->user_data,
	    .length = entry->length,
	    .submitted = world->now,
	    .ring_next = ring->pending,
	};
	ring->pending = request;
	if (request->file) {
		request->file_next = request->file->requests;
		request->file->requests = request;
	}
	return request;
}

static int done_read(struct world *world, const struct done *done)
{
	struct transfer transfer = {
	    .ret = done->ret,
	    .asked = done->entry->length,
	    .bytes = done->ret > 0 ? (uint64_t)done->ret : 0,
	    .peeked = done->entry->op != OP_READ && (done->entry->op_flags & MSG_PEEK),
	    .may_end = true,
	};

	if (!world->touch.file)
		return 0;
	if (done->ret == -ENOBUFS) { /* no buffer was provided: nothing was tried on the connection */
		file_touch(world, world->touch.file, false);
		return 0;
	}
	transfer_in(world, world->touch.file, &transfer);
	return 0;
}

/* The second completion of a zero-copy send only says that the memory is free again. */
static int done_write(struct world *world, const struct done *done)
{
	struct transfer transfer = {
	    .ret = done->ret,
	    .asked = done->entry->length,
	    .bytes = done->ret > 0 ? (uint64_t)done->ret : 0,
	};

	if (world->touch.file && !(done->entry->cqe_flags & RING_F_NOTIF))
		transfer_out(world, world->touch.file, &transfer);
	return 0;
}

/* Where a descriptor was made: the slot that was asked for, or the one that was free. */
static int32_t slot_made(const struct done *done)
{
	return done->entry->index == INT32_MAX ? (int32_t)done->ret : done->entry->index;
}

static int done_accept(struct world *world, const struct done *done)
{
	const struct acceptance acceptance = {
	    .ret = done->ret,
	    .flags = done->entry->op_flags,
	    .address = done->rest,
	    .size = done->rest_size,
	    .ring = done->entry->index >= 0 ? done->ring : NULL,
	    .slot = slot_made(done),
	};

	return world_accept(world, done->process, &acceptance);
}

/* It acts on the number, or slot, as well: but only while that still leads to what was meant. */
static int done_close(struct world *world, const struct done *done)
{
	struct file *file = world->touch.file;
	int32_t slot = done->event->fd < 0 ? done->entry->index : -1;
	struct file *now =
	    slot >= 0 ? direct_at(done->ring, slot) : world_file(world, done->process->pid, done->event->fd);

	if (!file || done->ret < 0 || now != file)
		return 0;
	file_touch(world, file, true);
	if (slot >= 0)
		direct_drop(world, done->ring, (uint32_t)slot, 1);
	else
		table_drop(world, done->process, done->event->fd);
	world->touch.last_close = file->closed != 0;
	return 0;
}

static int done_shutdown(struct world *world, const struct done *done)
{
	struct file *file = world->touch.file;

	if (!file)
		return 0;
	if (done->ret == 0) {
		file->shut_read = file->shut_read || done->entry->length != SHUT_WR;
		file->shut_write = file->shut_write || done->entry->length != SHUT_RD;
	}
	file_touch(world, file, done->ret == 0);
	return 0;
}

static int done_connect(struct world *world, const struct done *done)
{
	if (world->touch.file)
		file_touch(world, world->touch.file, done->ret == 0);
	return 0;
}

static int done_listen(struct world *world, const struct done *done)
{
	struct file *file = world->touch.file;

	if (!file || done->ret < 0)
		return 0;
	file->kind = FILE_LISTENER;
	file->backlog = (int32_t)done->entry->length;
	file_touch(world, file, true);
	return 0;
}

/* A direct descriptor gets a number beside. */
static int done_install(struct world *world, const struct done *done)
{
	bool cloexec = !(done->entry->op_flags & INSTALL_NO_CLOEXEC);

	if (done->ret < 0 || !world->touch.file)
		return 0;
	world->touch.made = world->touch.file;
	return table_set(world, done->process, (int32_t)done->ret, world->touch.file, cloexec);
}

static int done_create(struct world *world, const struct done *done)
{
	bool is_socket = done->entry->op == OP_SOCKET;
	uint64_t type = done->entry->extra & UINT32_MAX;
	bool cloexec = is_socket ? type & SOCK_CLOEXEC : done->entry->op_flags & O_CLOEXEC;
	bool direct = done->entry->index >= 0;
	struct file *file;
	int r;

	if (done->entry->op == OP_FIXED_FD_INSTALL)
		return done_install(world, done);
	if (done->ret < 0 || done->entry->op == OP_PIPE)
		return 0;
	file = file_new(world, is_socket ? FILE_SOCKET : FILE_OTHER, done->process->pid,
			direct ? -1 : (int32_t)done->ret);
	r = !file    ? -ENOMEM
	    : direct ? direct_put(world, done->ring, slot_made(done), file)
		     : table_set(world, done->process, (int32_t)done->ret, file, cloexec);
	if (r < 0)
		return r;
	if (is_socket) {
		file->tcp = is_tcp(done->entry->length, type);
		file->nonblock = type & SOCK_NONBLOCK;
	}
	world->touch.made = file;
	return 0;
}

static int done_ctl(struct world *world, const struct done *done)
{
	const struct ready *asked = done->rest;
	struct ctl ctl = {.fd = done->event->fd, .op = done->entry->length, .ret = done->ret};

	if (!asked || done->rest_size < sizeof *asked)
		return 0;
	ctl.epfd = asked->fd;
	ctl.events = asked->events;
	ctl.data = asked->data;
	return world_ctl(world, done->process, &ctl);
}

/* A poll reports one file, an epoll wait many. */
static int done_wait(struct world *world, const struct done *done)
{
	struct file *file = world->touch.file;
	struct report report = {
	    .file = file, .events = (uint32_t)done->ret, .asked = (uint32_t)done->entry->length};

	if (done->ret <= 0 || !file)
		return 0;
	if (done->entry->op == OP_POLL_ADD)
		return world_report(world, &report);
	if (done->entry->op != OP_EPOLL_WAIT)
		return 0;
	file->kind = FILE_EPOLL;
	return world_ready(world, done->process->pid, file, done->rest,
			   done->rest_size / (uint32_t)sizeof(struct ready));
}

/* Slots get other files, or none: those there were are gone. */
static int done_update(struct world *world, const struct done *done)
{
	if (done->ret > 0)
		direct_drop(world, done->ring, done->entry->extra, (uint64_t)done->ret);
	return 0;
}

static int act(struct world *world, const struct done *done)
{
	static int (*const classes[])(struct world *, const struct done *) = {
	    [CLASS_CREATE] = done_create,     [CLASS_ACCEPT] = done_accept, [CLASS_CONNECT] = done_connect,
	    [CLASS_LISTEN] = done_listen,     [CLASS_READ] = done_read,	    [CLASS_WRITE] = done_write,
	    [CLASS_CLOSE] = done_close,	      [CLASS_CTL] = done_ctl,	    [CLASS_WAIT] = done_wait,
	    [CLASS_SHUTDOWN] = done_shutdown,
	};
	unsigned class = ring_op_class(done->entry->op);

	if (done->entry->op == OP_FILES_UPDATE)
		return done_update(world, done);
	if (class >= sizeof classes / sizeof *classes || !classes[class])
		return 0;
	return classes[class](world, done);
}

/* What is under way from now on. */
static void begin(struct world *world, const struct done *done)
{
	struct file *file = world->touch.file;

	if (!file)
		return;
	file->touched = world->now;
	file->touches++;
	if (done->entry->op == OP_CONNECT && file->kind != FILE_LISTENER) {
		file->kind = FILE_OUTGOING;
		file->port = port_of(done->rest, done->rest_size);
	}
}

/*
 * A request that is to be silent when it succeeds: it is taken to have, for nothing will come that says so.
 * Should it fail after all, its completion says that.
 */
static bool is_silent(const struct ring_entry *entry)
{
	enum call_class class = ring_op_class(entry->op);

	return (entry->sqe_flags & SKIP_SUCCESS) && !ring_multishot(entry) &&
	       (class == CLASS_CLOSE || class == CLASS_SHUTDOWN || class == CLASS_CTL);
}

/* Whether its index is that of the descriptor it acts on, not of one it makes. */
static bool acts_on_slot(const struct done *done)
{
	enum call_class class = ring_op_class(done->entry->op);

	return done->event->fd < 0 && done->entry->index >= 0 && class != CLASS_ACCEPT &&
	       (class != CLASS_CREATE || done->entry->op == OP_FIXED_FD_INSTALL);
}

/* What is handed to another ring goes on there, and what is in a slot we did not see filled may be anything.
 */
static bool leaves_gap(const struct world *world, const struct done *done)
{
	return (acts_on_slot(done) && !world->touch.file) ||
	       (done->entry->op == OP_MSG_RING && done->entry->extra == MESSAGE_SEND_FD);
}

static int submit(struct world *world, struct file *ring, const struct done *done)
{
	if (done->event->fd >= 0) {
		world->touch.file = file_of(world, done->process, done->event->fd);
		if (!world->touch.file)
			return -ENOMEM;
	} else if (acts_on_slot(done)) {
		world->touch.file = direct_at(ring, done->entry->index);
	}
	if (leaves_gap(world, done))
		ring->hides = ring->gaps = true;
	ring->submissions++;
	world->ring_classes |= 1u << ring_op_class(done->entry->op);
	begin(world, done);
	if (is_silent(done->entry))
		return act(world, done);
	if (done->entry->sqe_flags & SKIP_SUCCESS)
		return 0;
	world->touch.request = request_new(world, ring, done->event, done->entry);
	return world->touch.request ? 0 : -ENOMEM;
}

static int complete(struct world *world, struct file *ring, const struct done *done)
{
	struct request *request = map_get(&ring->by_number, done->entry->request);
	int r;

	world->touch.request = request;
	if (request)
		world->touch.file = request->file;
	else if (acts_on_slot(done))
		world->touch.file = direct_at(ring, done->entry->index);
	else
		world->touch.file = world_file(world, done->process->pid, done->event->fd);
	if (request)
		request->completions++;
	r = is_silent(done->entry) ? 0 : act(world, done);
	if (!request || (done->entry->cqe_flags & RING_F_MORE) || world->ended == request)
		return r;
	request_end(request);
	world->ended = request;
	return r;
}

static int note_gap(struct world *world, const struct event *event, struct process *process)
{
	struct file *ring = event->fd < 0 ? NULL : file_of(world, process, event->fd);

	world->touch.file = ring;
	if (!ring)
		return event->fd < 0 ? 0 : -ENOMEM;
	ring->kind = FILE_RING;
	ring->hides = true;
	if (event->what != RING_UNSEEN || event->arg[0] != RING_GAP_DIRECT)
		ring->gaps = true;
	if (event->what == RING_UNSEEN && event->arg[0] == RING_GAP_ALL)
		ring->unseen = true;
	return 0;
}

int world_ring(struct world *world, const struct event *event)
{
	const struct ring_entry *entry = event_ring(event);
	struct process *process = process_of(world, event->pid);
	struct done done = {.event = event, .entry = entry, .process = process};
	struct file *ring;

	if (!process)
		return -ENOMEM;
	world->touch.process = process;
	world->touch.thread = world_thread(world, event->tid);
	if (!entry)
		return event->what == RING_LOST || event->what == RING_UNSEEN
			   ? note_gap(world, event, process)
			   : 0;
	ring = file_of(world, process, entry->ring);
	if (!ring)
		return entry->ring < 0 ? 0 : -ENOMEM;
	if (ring->kind != FILE_OTHER && ring->kind != FILE_RING)
		return 0;
	ring->kind = FILE_RING;
	done.ring = ring;
	done.rest = event_ring_rest(event, &done.rest_size);
	done.ret = event->what == RING_COMPLETE ? event->ret : 0;
	return event->what == RING_SUBMIT ? submit(world, ring, &done) : complete(world, ring, &done);
}

bool file_is_sending(const struct file *file)
{
	for (const struct request *request = file->requests; request; request = request->file_next)
		if (ring_op_class(request->op) == CLASS_WRITE)
			return true;
	return false;
}

bool world_by_ring(const struct world *world, enum call_class class)
{
	return world->ring_classes >> class & 1;
}

uint64_t world_lost(const struct world *world, bool futile, uint64_t *ret_since)
{
	if (world->lost[futile])
		*ret_since = world->lost_since[futile];
	return world->lost[futile];
}

bool world_hides(const struct world *world)
{
	const struct file *file;
	size_t at = 0;

	while ((file = world_next_file(world, &at)))
		if (file->hides)
			return true;
	return false;
}

bool world_has_gaps(const struct world *world)
{
	const struct file *file;
	size_t at = 0;

	while ((file = world_next_file(world, &at)))
		if (file->gaps)
			return true;
	return false;
}
