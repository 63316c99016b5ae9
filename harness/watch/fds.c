/* SPDX-License-Identifier: MIT */
#include "watch/fds.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FDS_MAX (1 << 22) /* numbers beyond are never called accepted */

struct fds {
	uint32_t references;
	uint32_t size;
	uint32_t starved_by; /* the fault that said "no number is free" last, 0 none */
	int64_t freed;	     /* numbers given back since, less those taken */
	uint32_t *numbers;   /* of each: 0 not accepted, else ACCEPTED and the peer's port */
};

#define ACCEPTED 0x10000u

struct fds *fds_new(void)
{
	struct fds *fds = calloc(1, sizeof *fds);

	if (fds)
		fds->references = 1;
	return fds;
}

struct fds *fds_inherit(struct fds *fds, bool share)
{
	struct fds *copy;

	if (share) {
		fds->references++;
		return fds;
	}
	copy = fds_new();
	if (!copy || !fds->size)
		return copy;
	copy->numbers = malloc(fds->size * sizeof *copy->numbers);
	if (!copy->numbers) {
		fds_free(copy);
		return NULL;
	}
	memcpy(copy->numbers, fds->numbers, fds->size * sizeof *copy->numbers);
	copy->size = fds->size;
	return copy;
}

void fds_free(struct fds *fds)
{
	if (!fds || --fds->references)
		return;
	free(fds->numbers);
	free(fds);
}

static uint32_t look_up(const struct fds *fds, int64_t fd)
{
	return fd >= 0 && fd < fds->size ? fds->numbers[fd] : 0;
}

bool fds_accepted(const struct fds *fds, int32_t fd)
{
	return look_up(fds, fd) != 0;
}

uint16_t fds_peer(const struct fds *fds, int32_t fd)
{
	return (uint16_t)look_up(fds, fd);
}

/* Out of memory leaves the number unmarked: a fault for accepted fds then does not strike there, and is
 * missed as undelivered. */
static bool reach(struct fds *fds, uint32_t fd)
{
	uint32_t size = fds->size ? fds->size : 64;
	uint32_t *numbers;

	if (fd < fds->size)
		return true;
	while (size <= fd)
		size *= 2;
	numbers = realloc(fds->numbers, size * sizeof *numbers);
	if (!numbers)
		return false;
	memset(numbers + fds->size, 0, (size - fds->size) * sizeof *numbers);
	fds->numbers = numbers;
	fds->size = size;
	return true;
}

/* what: as in the table. */
static void mark(struct fds *fds, int64_t fd, uint32_t what)
{
	if (fd < 0 || fd >= FDS_MAX)
		return;
	if (what ? reach(fds, (uint32_t)fd) : fd < fds->size)
		fds->numbers[fd] = what;
}

static void follow_range(struct fds *fds, const struct event *event)
{
	uint64_t last = event->arg[1] < fds->size ? event->arg[1] + 1 : fds->size;

	if (event->arg[2] & CLOSE_RANGE_CLOEXEC)
		return;
	for (uint64_t fd = event->arg[0]; fd < last; fd++)
		mark(fds, (int64_t)fd, 0);
}

/* The address behind an accept. */
static uint16_t port_of(const struct event *event)
{
	struct sockaddr_in6 address; /* the port lies where sockaddr_in has it */
	sa_family_t family;

	if (event->size < sizeof(struct sockaddr_in))
		return 0;
	memcpy(&address, event->data, event->size < sizeof address ? event->size : sizeof address);
	family = address.sin6_family;
	return family == AF_INET || family == AF_INET6 ? ntohs(address.sin6_port) : 0;
}

static bool duplicates(const struct event *event)
{
	return event->what == CALL_fcntl && (event->arg[0] == F_DUPFD || event->arg[0] == F_DUPFD_CLOEXEC);
}

static void follow_create(struct fds *fds, const struct event *event)
{
	if (event->what == CALL_pipe || event->what == CALL_pipe2 || event->what == CALL_socketpair) {
		mark(fds, (int32_t)event->arg[2], 0);
		mark(fds, (int32_t)event->arg[3], 0);
	} else {
		mark(fds, event->ret, 0);
	}
}

bool fds_exhausted(struct fds *fds, uint32_t fault)
{
	if (fds->starved_by == fault && fds->freed > 0)
		return false;
	fds->starved_by = fault;
	fds->freed = 0;
	return true;
}

static void follow_balance(struct fds *fds, const struct event *event, enum call_class class)
{
	if (event->what == CALL_close || event->what == CALL_close_range)
		fds->freed++;
	else if (class == CLASS_ACCEPT || class == CLASS_CREATE || class == CLASS_DUP || duplicates(event))
		fds->freed--;
}

void fds_follow(struct fds *fds, const struct event *event)
{
	enum call_class class = call_class((enum call)event->what);

	if (event->ret < 0)
		return;
	follow_balance(fds, event, class);
	if (class == CLASS_ACCEPT)
		mark(fds, event->ret, ACCEPTED | port_of(event));
	else if (class == CLASS_CREATE)
		follow_create(fds, event);
	else if (class == CLASS_DUP || duplicates(event))
		mark(fds, event->ret, look_up(fds, event->fd));
	else if (event->what == CALL_close)
		mark(fds, event->fd, 0);
	else if (event->what == CALL_close_range)
		follow_range(fds, event);
}
