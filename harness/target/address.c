/* SPDX-License-Identifier: MIT */
/* Where the target listens. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
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

#define STATE_LISTEN 0x0a

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

/* "0100007F:1F90", or four such words before the colon: each word is the address as it lies in memory. */
static int parse_address(const char *text, struct sockaddr_storage *address)
{
	uint32_t words[4];
	unsigned port;

	memset(address, 0, sizeof(*address));
	if (sscanf(text, "%8x%8x%8x%8x:%x", &words[0], &words[1], &words[2], &words[3], &port) == 5) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		memcpy(&in6->sin6_addr, words, sizeof(words));
		return 0;
	}
	if (sscanf(text, "%8x:%x", &words[0], &port) == 2) {
		struct sockaddr_in *in4 = (struct sockaddr_in *)address;

		in4->sin_family = AF_INET;
		in4->sin_port = htons((uint16_t)port);
		in4->sin_addr.s_addr = words[0];
		return 0;
	}
	return -EINVAL;
}

static int listening_add(struct listening_list *list, const char *line)
{
	char local[64];
	unsigned state;
	unsigned long long inode;
	struct listening *grown;

	if (sscanf(line, " %*d: %63s %*s %x %*s %*s %*s %*s %*s %llu", local, &state, &inode) != 3 ||
	    state != STATE_LISTEN)
		return 0;
	grown = array_grow(list->items, list->count, &list->capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->items = grown;
	grown[list->count].inode = inode;
	if (parse_address(local, &grown[list->count].address) == 0)
		list->count++;
	return 0;
}

static int listening_read(struct listening_list *list, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	int rc = 0;

	if (!file)
		return 0; /* no IPv6 here */
	while (rc == 0 && getline(&line, &size, file) > 0)
		rc = listening_add(list, line);
	free(line);
	(void)fclose(file);
	return rc;
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
	int rc = listening_read(&list, "/proc/self/net/tcp");

	rc = rc ? rc : listening_read(&list, "/proc/self/net/tcp6");
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
