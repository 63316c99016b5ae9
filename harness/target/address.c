/* SPDX-License-Identifier: MIT */
/* Where the target listens. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/tcp_table.h"
#include "target/sandbox.h"
#include "target/target_impl.h"

/* One line of the namespace's table of TCP sockets, in state LISTEN. */
struct listening {
	struct sockaddr_storage address;
	uint64_t inode;
};

struct listening_list {
	struct listening *items;
	size_t count, capacity;
	const struct listening *found; /* what the target owns of it */
	uint16_t want;
	pid_t pid;
};

static uint16_t address_port(const struct sockaddr_storage *address)
{
	/* the port stands at the same place in both families */
	return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

/* Nobody connects to a wildcard: loopback of the same family. */
static socklen_t address_reachable(struct sockaddr_storage *address)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

	if (address->ss_family == AF_INET) {
		if (in4->sin_addr.s_addr == htonl(INADDR_ANY))
			in4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*in4);
	}
	if (IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
		in6->sin6_addr = in6addr_loopback;
	return sizeof(*in6);
}

/* A listener the trace saw: its address is asked of the socket, for the world keeps the port only. */
static int address_of_file(const struct world *world, const struct file *file,
			   struct sockaddr_storage *address)
{
	socklen_t size = sizeof(*address);
	int pidfd, fd, rc = 0;
	int32_t pid, number;

	if (world_locate(world, file, &pid, &number) < 0)
		return -ENOENT;
	pidfd = borrow_open(pid);
	if (pidfd < 0)
		return pidfd;
	fd = borrow(pidfd, number);
	(void)close(pidfd);
	if (fd < 0)
		return fd;
	if (getsockname(fd, (struct sockaddr *)address, &size) < 0)
		rc = -errno;
	(void)close(fd);
	if (rc == 0 && address->ss_family != AF_INET && address->ss_family != AF_INET6)
		rc = -EAFNOSUPPORT;
	return rc;
}

static int address_traced(const struct world *world, uint16_t want, struct sockaddr_storage *address)
{
	struct file *file;
	size_t at = 0;

	while ((file = world_next_file(world, &at))) {
		if (file->kind != FILE_LISTENER || file->closed || !file->tcp)
			continue;
		if (address_of_file(world, file, address) == 0 &&
		    (want == 0 || address_port(address) == want))
			return 0;
	}
	return -EAGAIN;
}

static int listening_add(void *arg, const struct tcp_row *row)
{
	struct listening_list *list = arg;
	struct listening *grown;

	if (row->state != TCP_ROW_LISTEN)
		return 0;
	grown = array_grow(list->items, list->count, &list->capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->items = grown;
	grown[list->count++] = (struct listening){row->local, row->inode};
	return 0;
}

static bool listening_fits(struct listening_list *list, const struct listening *item)
{
	if (list->want != 0 && address_port(&item->address) != list->want)
		return false;
	/* sockets are numbered as they are made, near enough: the first made wins */
	if (!list->found || item->inode < list->found->inode)
		list->found = item;
	return true;
}

static int match_fd(void *arg, int fd)
{
	struct listening_list *list = arg;
	uint64_t inode = proc_socket_inode(list->pid, fd);

	for (size_t i = 0; inode != 0 && i < list->count; i++) {
		if (list->items[i].inode == inode)
			(void)listening_fits(list, &list->items[i]);
	}
	return 0;
}

/* Which of the listening sockets the target's processes hold. */
static int listening_match(struct listening_list *list, const struct target *target,
			   const struct world *world)
{
	struct pid_list pids;
	char path[64];
	int rc = pids_live(target, world, &pids);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < pids.count; i++) {
		list->pid = pids.pids[i];
		(void)snprintf(path, sizeof(path), "/proc/%d/fd", list->pid);
		(void)proc_each(path, match_fd, list);
	}
	pids_free(&pids);
	/* in our own namespace nobody else listens: a daemon that left our sight is found all the same */
	for (size_t i = 0; !list->found && sandbox_active() && i < list->count; i++)
		(void)listening_fits(list, &list->items[i]);
	return list->found ? 0 : -EAGAIN;
}

/* No trace, or a listen() it could not see: the namespace's own table. */
static int address_table(const struct target *target, const struct world *world, uint16_t want,
			 struct sockaddr_storage *address)
{
	struct listening_list list = {.want = want};
	int rc = tcp_table_each(0, listening_add, &list);

	rc = rc ? rc : listening_match(&list, target, world);
	if (rc == 0)
		*address = list.found->address;
	free(list.items);
	return rc;
}

int target_address(const struct target *target, const struct world *world, uint16_t want,
		   struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
	struct sockaddr_storage address;
	int rc = address_traced(world, want, &address);

	if (rc < 0)
		rc = address_table(target, world, want, &address);
	if (rc < 0)
		return rc;
	*ret_size = address_reachable(&address);
	*ret_address = address;
	return 0;
}
