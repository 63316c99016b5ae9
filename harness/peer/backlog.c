/* SPDX-License-Identifier: MIT */
/* By sock_diag(7): of a listener its receive queue is what waits to be accepted, its send queue the room
 * there is for that. */
#include "peer/backlog.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ANSWER	16384
#define UNKNOWN 64 /* let through in a millisecond where nobody can be asked */

struct backlog {
	int netlink;
	int family;
	in_port_t port; /* network order */
	char answer[ANSWER] __attribute__((aligned(NLMSG_ALIGNTO)));
};

struct backlog *backlog_new(const struct sockaddr *address)
{
	struct backlog *backlog = calloc(1, sizeof *backlog);

	if (!backlog)
		return NULL;
	backlog->family = address->sa_family;
	/* the port stands at the same place in both families */
	backlog->port = ((const struct sockaddr_in *)address)->sin_port;
	backlog->netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (backlog->netlink < 0) {
		free(backlog);
		return NULL;
	}
	return backlog;
}

void backlog_free(struct backlog *backlog)
{
	if (!backlog)
		return;
	(void)close(backlog->netlink);
	free(backlog);
}

static int ask(const struct backlog *backlog)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 request;
	} message = {
	    .head = {.nlmsg_len = sizeof message,
		     .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		     .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	    .request = {.sdiag_family = (__u8)backlog->family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = 1U << TCP_LISTEN,
			.id.idiag_sport = backlog->port},
	};

	return send(backlog->netlink, &message, sizeof message, 0) == (ssize_t)sizeof message ? 0 : -errno;
}

/* An empty queue takes one, however short it is. */
static uint32_t room_of(const struct inet_diag_msg *found)
{
	uint32_t half = found->idiag_wqueue / 2, waiting = found->idiag_rqueue;

	if (half > waiting)
		return half - waiting;
	return waiting == 0;
}

static void look(const struct backlog *backlog, const struct nlmsghdr *head, uint32_t *room)
{
	const struct inet_diag_msg *found = NLMSG_DATA(head);

	if (found->id.idiag_sport == backlog->port && room_of(found) < *room)
		*room = room_of(found);
}

/* Reads one part of the answer; 1 when there is more, 0 at its end, or a negative errno. */
static int read_part(struct backlog *backlog, uint32_t *room)
{
	ssize_t got = recv(backlog->netlink, backlog->answer, sizeof backlog->answer, 0);
	size_t left = got > 0 ? (size_t)got : 0;

	if (got <= 0)
		return got < 0 && errno == EINTR ? 1 : -EIO;
	for (const struct nlmsghdr *head = (const struct nlmsghdr *)backlog->answer;
	     left >= sizeof *head && head->nlmsg_len >= sizeof *head && head->nlmsg_len <= left;) {
		size_t step = NLMSG_ALIGN(head->nlmsg_len);
		if (head->nlmsg_type == NLMSG_DONE)
			return 0;
		if (head->nlmsg_type == NLMSG_ERROR)
			return -EIO;
		if (head->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
			look(backlog, head, room);
		left = step < left ? left - step : 0;
		head = (const struct nlmsghdr *)((const char *)head + step);
	}
	return 1;
}

uint32_t backlog_room(struct backlog *backlog)
{
	uint32_t room = UINT32_MAX;
	int r = backlog ? ask(backlog) : -ENOTSUP;

	while (r == 0 && (r = read_part(backlog, &room)) == 1)
		r = 0;
	if (r == 0 && room < UINT32_MAX)
		return room;
	(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return UNKNOWN;
}
