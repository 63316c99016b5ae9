/* SPDX-License-Identifier: MIT */
/* What a finished call did to fds and connections. One function a class of calls. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include "model/world_impl.h"

uint16_t port_of(const void *data, uint32_t size)
{
	struct sockaddr_storage address = {0};

	if (!data)
		return 0;
	memcpy(&address, data, size < sizeof address ? size : sizeof address);
	/* The port stands at the same place for both families. */
	if (address.ss_family != AF_INET && address.ss_family != AF_INET6)
		return 0;
	return ntohs(((const struct sockaddr_in *)&address)->sin_port);
}

/* IPv4, or IPv6 with such an address inside it; 0 for all others. */
static uint32_t inner_v4(const struct sockaddr_storage *address)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	uint32_t inner = 0;

	if (address->ss_family == AF_INET)
		inner = ((const struct sockaddr_in *)address)->sin_addr.s_addr;
	else if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		memcpy(&inner, &v6->sin6_addr.s6_addr[12], sizeof inner);
	return ntohl(inner);
}

bool is_from_a_peer(const void *data, uint32_t size)
{
	struct sockaddr_storage address = {0};
	uint32_t v4;

	if (!data)
		return true;
	memcpy(&address, data, size < sizeof address ? size : sizeof address);
	v4 = inner_v4(&address);
	/* loopback's other addresses are for connections by the thousand, each of which has no record */
	return v4 >> 24 != IN_LOOPBACKNET || v4 == INADDR_LOOPBACK;
}

bool is_tcp(uint64_t domain, uint64_t type)
{
	return (domain == AF_INET || domain == AF_INET6) && (type & 0xf) == SOCK_STREAM;
}

static enum file_kind kind_made(enum call call)
{
	static const enum file_kind kinds[CALL_COUNT] = {
	    [CALL_socket] = FILE_SOCKET,
	    [CALL_socketpair] = FILE_SOCKET,
	    [CALL_pipe] = FILE_PIPE,
	    [CALL_pipe2] = FILE_PIPE,
	    [CALL_eventfd] = FILE_EVENTFD,
	    [CALL_eventfd2] = FILE_EVENTFD,
	    [CALL_timerfd_create] = FILE_TIMERFD,
	    [CALL_signalfd] = FILE_SIGNALFD,
	    [CALL_signalfd4] = FILE_SIGNALFD,
	    [CALL_epoll_create] = FILE_EPOLL,
	    [CALL_epoll_create1] = FILE_EPOLL,
	    [CALL_io_uring_setup] = FILE_RING,
	};

	return kinds[call];
}

/* Every CLOEXEC flag of the creating calls is O_CLOEXEC; epoll_create's only argument is a size. */
static bool made_cloexec(const struct event *event)
{
	uint64_t flags = event->what == CALL_socket ? event->arg[1] : event->arg[0];

	return event->what != CALL_epoll_create && event->what != CALL_eventfd && (flags & O_CLOEXEC);
}

static struct file *make(struct world *world, struct process *process, const struct event *event, int32_t fd)
{
	struct file *file = file_new(world, kind_made((enum call)event->what), process->pid, fd);

	if (!file || table_set(world, process, fd, file, made_cloexec(event)) < 0)
		return NULL;
	if (event->what == CALL_socket) {
		file->tcp = is_tcp(event->arg[0], event->arg[1]);
		file->nonblock = event->arg[1] & SOCK_NONBLOCK;
	}
	return file;
}

static int call_create(struct world *world, struct process *process, const struct event *event)
{
	enum call call = (enum call)event->what;

	if (event->ret < 0)
		return 0;
	if (call == CALL_signalfd || call == CALL_signalfd4)
		if (event->fd >= 0) /* changed an existing one */
			return 0;
	if (call != CALL_socketpair && call != CALL_pipe && call != CALL_pipe2) {
		world->touch.made = make(world, process, event, (int32_t)event->ret);
		return world->touch.made ? 0 : -ENOMEM;
	}
	struct file *first = make(world, process, event, (int32_t)event->arg[2]);
	struct file *second = make(world, process, event, (int32_t)event->arg[3]);
	if (!first || !second)
		return -ENOMEM;
	first->mate = second;
	second->mate = first;
	world->touch.made = first;
	return 0;
}

int world_accept(struct world *world, struct process *process, const struct acceptance *acceptance)
{
	struct file *listener = world->touch.file;
	int32_t fd = (int32_t)acceptance->ret;

	if (listener) {
		listener->kind = FILE_LISTENER;
		listener->last_accept = acceptance->ret;
		listener->accepted += acceptance->ret >= 0;
		file_touch(world, listener, acceptance->ret >= 0);
	}
	if (acceptance->ret < 0)
		return 0;
	struct file *conn = file_new(world, FILE_CONN, process->pid, acceptance->ring ? -1 : fd);
	int r = !conn		   ? -ENOMEM
		: acceptance->ring ? direct_put(world, acceptance->ring, acceptance->slot, conn)
				   : table_set(world, process, fd, conn, acceptance->flags & SOCK_CLOEXEC);
	if (r < 0)
		return r;
	world->touch.made = conn;
	conn->nonblock = acceptance->flags & SOCK_NONBLOCK;
	conn->port = port_of(acceptance->address, acceptance->size);
	conn->tcp = conn->port != 0 || (listener && listener->tcp);
	return conn->port && is_from_a_peer(acceptance->address, acceptance->size) ? world_join(world, conn)
										   : 0;
}

static int call_accept(struct world *world, struct process *process, const struct event *event)
{
	const struct acceptance acceptance = {
	    .ret = event->ret, .flags = event->arg[0], .address = event->data, .size = event->size};

	return world_accept(world, process, &acceptance);
}

static int call_connect(struct world *world, struct process *process, const struct event *event)
{
	struct file *file = world->touch.file;

	(void)process;
	if (!file)
		return 0;
	bool under_way = event->ret >= 0 || event->ret == -EINPROGRESS;
	if (under_way && file->kind != FILE_LISTENER) {
		file->kind = FILE_OUTGOING;
		file->port = port_of(event->data, event->size);
	}
	file_touch(world, file, event->ret >= 0);
	return 0;
}

static int call_listen(struct world *world, struct process *process, const struct event *event)
{
	struct file *file = world->touch.file;

	(void)process;
	if (!file || event->ret < 0)
		return 0;
	file->kind = FILE_LISTENER;
	file->port = port_of(event->data, event->size);
	file->tcp = file->tcp || file->port != 0;
	file->backlog = (int32_t)event->arg[0];
	file_touch(world, file, true);
	return 0;
}

/* The mmsg calls return messages; their bytes are beside. */
static uint64_t bytes_moved(const struct event *event)
{
	bool many = event->what == CALL_recvmmsg || event->what == CALL_sendmmsg;

	if (event->ret <= 0)
		return 0;
	return many ? event->arg[2] : (uint64_t)event->ret;
}

static int call_read(struct world *world, struct process *process, const struct event *event)
{
	struct file *file = world->touch.file;
	bool message = event->what == CALL_recvmsg || event->what == CALL_readv;
	struct transfer transfer = {
	    .ret = event->ret,
	    .asked = event->arg[0],
	    .bytes = bytes_moved(event),
	    .peeked = event->what != CALL_read && event->what != CALL_readv && (event->arg[1] & MSG_PEEK),
	    .may_end = event->arg[0] || message,
	};

	(void)process;
	if (!file)
		return 0;
	transfer_in(world, file, &transfer);
	return event->what == CALL_recvmsg && event->ret >= 0 ? world_receive(world, file, event) : 0;
}

static void note_source(struct world *world, struct process *process, const struct event *event)
{
	bool two = event->what == CALL_sendfile || event->what == CALL_splice;
	struct file *source = two ? world_file(world, process->pid, (int32_t)event->arg[2]) : NULL;

	if (!source)
		return;
	source->reads++;
	source->last_read = event->ret;
	source->last_read_asked = event->arg[0];
	source->last_read_at = world->now;
	source->bytes_in += bytes_moved(event);
	if (event->what == CALL_splice && event->ret == 0 && event->arg[0])
		source->eof_read = true;
	file_touch(world, source, event->ret > 0);
}

static int call_write(struct world *world, struct process *process, const struct event *event)
{
	struct file *file = world->touch.file;
	struct transfer transfer = {.ret = event->ret, .asked = event->arg[0], .bytes = bytes_moved(event)};

	note_source(world, process, event);
	if (!file)
		return 0;
	transfer_out(world, file, &transfer);
	return event->what == CALL_sendmsg && event->ret >= 0 ? world_pass(world, file, event) : 0;
}

static int close_range_of(struct world *world, struct process *process, const struct event *event)
{
	size_t at = 0;
	struct slot *slot;

	if ((event->arg[2] & CLOSE_RANGE_UNSHARE) && process->table->refs > 1) {
		struct fd_table *own = table_copy(world, process->table);
		if (!own)
			return -ENOMEM;
		table_unref(world, process->table);
		process->table = own;
	}
	while ((slot = map_next(&process->table->slots, &at, NULL))) {
		uint64_t fd = (uint64_t)slot->fd;
		if (fd < event->arg[0] || fd > (uint32_t)event->arg[1])
			continue;
		if (event->arg[2] & CLOSE_RANGE_CLOEXEC)
			slot->cloexec = true;
		else
			table_drop(world, process, slot->fd);
	}
	return 0;
}

/* close(2): on Linux the number is gone whatever close returned, EBADF apart. */
static int call_close(struct world *world, struct process *process, const struct event *event)
{
	struct file *file = world->touch.file;

	if (event->flags & EVF_INJECTED)
		return 0;
	if (event->what == CALL_close_range)
		return event->ret < 0 ? 0 : close_range_of(world, process, event);
	if (event->ret == -EBADF || !file)
		return 0;
	file_touch(world, file, true);
	table_drop(world, process, event->fd);
	world->touch.last_close = file->closed != 0;
	return 0;
}

static int call_dup(struct world *world, struct process *process, const struct event *event)
{
	struct file *file = world->touch.file;

	if (!file || event->ret < 0)
		return 0;
	file_touch(world, file, false);
	world->touch.made = file;
	return table_set(world, process, (int32_t)event->ret, file, event->arg[0] & O_CLOEXEC);
}

static int call_fcntl(struct world *world, struct process *process, const struct event *event)
{
	struct file *file = world->touch.file;
	struct slot *slot = table_slot(process->table, event->fd);

	if (event->ret < 0)
		return 0;
	switch (event->arg[0]) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		world->touch.made = file;
		return table_set(world, process, (int32_t)event->ret, file, event->arg[0] == F_DUPFD_CLOEXEC);
	case F_SETFL:
		file->nonblock = event->arg[1] & O_NONBLOCK;
		break;
	case F_SETFD:
		if (slot)
			slot->cloexec = event->arg[1] & FD_CLOEXEC;
		break;
	default:
		break;
	}
	return 0;
}

static int call_option(struct world *world, struct process *process, const struct event *event)
{
	struct file *file = world->touch.file;

	if (!file)
		return 0;
	file_touch(world, file, false);
	return event->what == CALL_fcntl ? call_fcntl(world, process, event) : 0;
}

static int call_shutdown(struct world *world, struct process *process, const struct event *event)
{
	struct file *file = world->touch.file;

	(void)process;
	if (!file)
		return 0;
	if (event->ret == 0) {
		file->shut_read = file->shut_read || event->arg[0] != SHUT_WR;
		file->shut_write = file->shut_write || event->arg[0] != SHUT_RD;
	}
	file_touch(world, file, event->ret == 0);
	return 0;
}

/* Submissions stand before the call that hands them over: none there means that nobody looked into the ring.
 */
static void note_ring(struct world *world, struct file *ring, const struct event *event)
{
	bool hands_over = event->what == CALL_io_uring_enter && event->ret > 0 && event->arg[0];

	file_touch(world, ring, event->ret > 0);
	if (ring->kind == FILE_RING && hands_over && !ring->submissions)
		ring->hides = ring->gaps = true;
	if (event->what == CALL_io_uring_register && event->ret >= 0)
		direct_drop(world, ring, event->arg[1], event->arg[2]);
}

static int call_ring(struct world *world, struct process *process, const struct event *event)
{
	if (event->what == CALL_io_uring_setup)
		return call_create(world, process, event);
	struct thread *thread = world->touch.thread;
	if (event->what == CALL_io_uring_enter && thread->waiting == CALL_io_uring_enter) {
		thread->waiting = CALL_unknown;
		thread->waits++;
		thread->empty_waits += event->ret == -ETIME;
		thread->last_wait = event->ret;
	}
	if (world->touch.file)
		note_ring(world, world->touch.file, event);
	return 0;
}

static int call_ctl(struct world *world, struct process *process, const struct event *event)
{
	const struct ctl ctl = {
	    .epfd = (int32_t)event->arg[0],
	    .fd = event->fd,
	    .op = event->arg[1],
	    .events = (uint32_t)event->arg[2],
	    .data = event->arg[3],
	    .ret = event->ret,
	};

	return world_ctl(world, process, &ctl);
}

static int call_wait(struct world *world, struct process *process, const struct event *event)
{
	(void)process;
	return world_wait(world, event);
}

/* The description that event->fd names, made when it was there before we looked; nothing for a number that is
 * none. */
static int find_file(struct world *world, struct process *process, const struct event *event)
{
	enum call_class class = call_class((enum call)event->what);

	if (event->fd < 0 || event->ret == -EBADF || class == CLASS_CREATE)
		return 0;
	world->touch.file = file_of(world, process, event->fd);
	return world->touch.file ? 0 : -ENOMEM;
}

int world_call(struct world *world, const struct event *event)
{
	static int (*const classes[])(struct world *, struct process *, const struct event *) = {
	    [CLASS_CREATE] = call_create, [CLASS_ACCEPT] = call_accept, [CLASS_CONNECT] = call_connect,
	    [CLASS_LISTEN] = call_listen, [CLASS_READ] = call_read,	[CLASS_WRITE] = call_write,
	    [CLASS_CLOSE] = call_close,	  [CLASS_DUP] = call_dup,	[CLASS_SHUTDOWN] = call_shutdown,
	    [CLASS_OPTION] = call_option, [CLASS_CTL] = call_ctl,	[CLASS_WAIT] = call_wait,
	    [CLASS_RING] = call_ring,
	};
	struct thread *thread = thread_of(world, event->pid, event->tid);
	unsigned class = call_class((enum call)event->what);

	if (!thread)
		return -ENOMEM;
	world->touch.thread = thread;
	world->touch.process = thread->process;
	thread->last_event = world->now;
	int r = find_file(world, thread->process, event);
	if (r < 0 || class >= sizeof classes / sizeof *classes || !classes[class])
		return r;
	return classes[class](world, thread->process, event);
}
