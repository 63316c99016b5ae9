/* SPDX-License-Identifier: MIT */
#include "run/truth_ask.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>
#include "run/truth_kit.h"
#include "run/truth_ring.h"

int truth_wait(int epoll, uint32_t *ret_mask)
{
	struct epoll_event event = {0};
	int n = epoll_wait(epoll, &event, 1, 0);

	if (n < 0)
		return -errno;
	*ret_mask = n ? event.events : 0;
	return n;
}

int truth_select(int fd, uint32_t *ret_mask)
{
	fd_set in, out, except;
	struct timeval none = {0};

	if (fd >= FD_SETSIZE)
		return -EOVERFLOW;
	FD_ZERO(&in);
	FD_SET(fd, &in);
	memcpy(&out, &in, sizeof out);
	memcpy(&except, &in, sizeof except);
	if (select(fd + 1, &in, &out, &except, &none) < 0)
		return -errno;
	*ret_mask = (FD_ISSET(fd, &in) ? EPOLLIN : 0u) | (FD_ISSET(fd, &out) ? EPOLLOUT : 0u) |
		    (FD_ISSET(fd, &except) ? EPOLLPRI : 0u);
	return 0;
}

/* Two waits on a fresh epoll: what is there, and what is told of it a second time. */
static void ask_epoll(int fd, uint32_t flags, struct truth_answer *first, struct truth_answer *second)
{
	struct epoll_event event = {.events = mask_interest | flags};
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int r = epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;

	first->failed = r < 0 ? r : truth_wait(epoll, &first->mask);
	if (second)
		second->failed = r < 0 ? r : truth_wait(epoll, &second->mask);
	if (epoll >= 0)
		(void)close(epoll);
}

static void ask_poll(int fd, struct truth_answer *answer)
{
	struct pollfd entry = {.fd = fd, .events = (short)mask_interest};

	answer->failed = poll(&entry, 1, 0) < 0 ? -errno : 0;
	answer->mask = (uint16_t)entry.revents;
}

static void ask_uring_poll(int fd, struct truth_answer *answer)
{
	struct truth_ring ring;
	int32_t result = 0;
	int r = truth_ring_open(&ring);

	if (r == 0)
		r = truth_ring_poll(&ring, fd, mask_interest);
	if (r == 0)
		r = truth_ring_result(&ring, answer->predicted.must != 0, &result);
	answer->failed = r > 0 && result < 0 ? result : r;
	answer->mask = r > 0 && result > 0 ? (uint32_t)result : 0;
	truth_ring_close(&ring);
}

static void ask_so_error(int fd, struct truth_answer *answer)
{
	socklen_t size = sizeof answer->value;

	answer->failed = getsockopt(fd, SOL_SOCKET, SO_ERROR, &answer->value, &size) < 0 ? -errno : 0;
}

static void compare(struct truth_answer *answer)
{
	if (answer->failed > 0)
		answer->failed = 0;
	answer->same = !answer->predicted.asked ||
		       (answer->failed == 0 && mask_agrees(&answer->predicted, answer->mask, answer->value));
}

void truth_ask(int fd, struct truth_state_row *row)
{
	struct truth_answer *answers = row->answers;

	for (enum mask_way way = 0; way < WAY_COUNT; way++)
		answers[way].predicted = mask_predict(row->model, way);
	ask_epoll(fd, 0, &answers[WAY_LEVEL], &answers[WAY_LEVEL_TWICE]);
	ask_epoll(fd, EPOLLET, &answers[WAY_EDGE], &answers[WAY_EDGE_TWICE]);
	ask_poll(fd, &answers[WAY_POLL]);
	answers[WAY_SELECT].failed = truth_select(fd, &answers[WAY_SELECT].mask);
	ask_uring_poll(fd, &answers[WAY_URING_POLL]);
	if (answers[WAY_SO_ERROR].predicted.asked) {
		ask_so_error(fd, &answers[WAY_SO_ERROR]);
		ask_epoll(fd, 0, &answers[WAY_AFTER], NULL);
	}
	for (enum mask_way way = 0; way < WAY_URING_RECV; way++)
		compare(&answers[way]);
}

void truth_ask_receive(int fd, struct truth_state_row *row)
{
	struct truth_answer *answer = &row->answers[WAY_URING_RECV];
	struct truth_ring ring;
	char bytes[16];
	int r = set_blocking(fd); /* of a non-blocking file io_uring only says EAGAIN */

	if (r == 0)
		r = truth_ring_open(&ring);
	if (r == 0) {
		r = truth_ring_receive(&ring, fd, bytes, sizeof bytes);
		if (r == 0)
			r = truth_ring_result(&ring, answer->predicted.value != MASK_WAITS, &answer->value);
		/* the request may still want the bytes: a peer that never sends makes that safe */
		truth_ring_close(&ring);
	}
	if (r == 0)
		answer->value = MASK_WAITS;
	answer->failed = r;
	compare(answer);
}
