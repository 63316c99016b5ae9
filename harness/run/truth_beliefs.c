/* SPDX-License-Identifier: MIT */
/* Common beliefs, each with what refutes it: the beliefs of model/story.c, performed. */
#include "run/truth_play.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>
#include "run/truth_ask.h"
#include "run/truth_ring.h"

#define ALL (EPOLLIN | EPOLLOUT | EPOLLRDHUP)

static void told_write(struct play_state *play, int fd)
{
	if (play->rc == 0)
		told_call(play, "write", send(fd, "abc", 3, MSG_NOSIGNAL));
}

static void hup_is_disconnect(struct play_state *play)
{
	int epoll = play_epoll(play), other = play_epoll(play), pair[2], lonely;

	play_pair(play, pair);
	play_add(play, epoll, pair[0], ALL);
	play_fin(play, pair);
	told_wait(play, "client disconnects", epoll);
	lonely = play->rc < 0 ? -1 : stand_tcp_bound(&play->stand);
	if (must(play, lonely))
		play_add(play, other, lonely, ALL);
	told_wait(play, "never had a client", other);
}

static void ready_list_mapped(struct play_state *play)
{
	struct epoll_event event;
	int epoll = play_epoll(play), pair[2];
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	play_unix_pair(play, pair);
	play_add(play, epoll, pair[0], EPOLLOUT);
	if (play->rc < 0)
		return;
	void *mapped = mmap(NULL, page, PROT_READ, MAP_SHARED, epoll, 0);
	told_call(play, "mmap", mapped == MAP_FAILED ? -1 : 0);
	void *gone = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!must(play, gone == MAP_FAILED ? -errno : 0))
		return;
	told_call(play, "epoll_wait to an unmapped address", epoll_wait(epoll, gone, 1, 0));
	(void)munmap(gone, page);
	told_call(play, "epoll_wait", epoll_wait(epoll, &event, 1, 0));
}

static void rdhup_is_empty(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2];

	play_pair(play, pair);
	play_send(play, pair[1], pair[0], 3);
	play_fin(play, pair);
	play_add(play, epoll, pair[0], ALL);
	told_wait(play, "", epoll);
	told_read(play, "read", pair[0], 16);
	told_read(play, "read", pair[0], 16);
}

static void hup_is_empty(struct play_state *play)
{
	int epoll = play_epoll(play), other = play_epoll(play), pair[2], ends[2] = {-1, -1};

	play_unix_pair(play, pair);
	if (play->rc < 0 || !must(play, send_bytes(pair[1], 3)) ||
	    !must(play, stand_pipe(&play->stand, ends)) || !must(play, send_bytes(ends[1], 3)))
		return;
	stand_close(&play->stand, pair[1]);
	stand_close(&play->stand, ends[1]);
	play_add(play, epoll, pair[0], ALL);
	play_add(play, other, ends[0], ALL);
	told_wait(play, "unix", epoll);
	told_read(play, "read", pair[0], 16);
	told_read(play, "read", pair[0], 16);
	told_wait(play, "pipe", other);
	told_read(play, "read", ends[0], 16);
	told_read(play, "read", ends[0], 16);
}

static void in_is_bytes(struct play_state *play)
{
	int epoll = play_epoll(play), other = play_epoll(play), ended[2], reset[2];

	play_pair(play, ended);
	play_fin(play, ended);
	play_add(play, epoll, ended[0], ALL);
	told_wait(play, "after FIN", epoll);
	told_read(play, "read", ended[0], 16);
	play_pair(play, reset);
	play_reset(play, reset);
	play_add(play, other, reset[0], ALL);
	told_wait(play, "after RST", other);
	told_read(play, "read", reset[0], 16);
}

static void err_must_be_asked(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2];

	play_pair(play, pair);
	play_add(play, epoll, pair[0], 0);
	told_wait(play, "interest 0", epoll);
	play_reset(play, pair);
	told_wait(play, "peer resets", epoll);
}

static void close_unregisters(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2], copy;

	play_unix_pair(play, pair);
	if (play->rc < 0 || !must(play, send_bytes(pair[1], 3)))
		return;
	play_add(play, epoll, pair[0], EPOLLIN);
	copy = stand_hold(&play->stand, dup(pair[0]));
	if (!must(play, copy))
		return;
	stand_close(&play->stand, pair[0]);
	told_wait(play, "close", epoll);
	told_call(play, "DEL", epoll_ctl(epoll, EPOLL_CTL_DEL, pair[0], NULL));
	stand_close(&play->stand, copy);
	told_wait(play, "close its dup", epoll);
}

static void out_is_delivered(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2];

	play_pair(play, pair);
	play_fin(play, pair);
	play_add(play, epoll, pair[0], ALL);
	told_wait(play, "peer closed", epoll);
	told_write(play, pair[0]);
	if (play->rc == 0)
		must(play, until_tcp(pair[0], TCP_CLOSE));
	told_wait(play, "then", epoll);
	told_write(play, pair[0]);
}

static void gone_is_reported(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2];

	play_pair(play, pair);
	play_add(play, epoll, pair[0], EPOLLIN | EPOLLRDHUP);
	if (play->rc == 0)
		must(play, deafen(pair[1]));
	told_wait(play, "peer no longer answers", epoll);
	told_write(play, pair[0]);
	told_wait(play, "epoll", epoll);
}

static void peer_deaf_reported(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2];

	play_pair(play, pair);
	play_add(play, epoll, pair[0], EPOLLIN | EPOLLRDHUP);
	if (play->rc == 0)
		must(play, shutdown(pair[1], SHUT_RD) < 0 ? -errno : 0);
	told_wait(play, "peer shuts down reading", epoll);
	told_write(play, pair[0]);
}

static void edge_per_piece(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2];

	play_pair(play, pair);
	play_add(play, epoll, pair[0], EPOLLIN | EPOLLET);
	play_send(play, pair[1], pair[0], 3);
	play_send(play, pair[1], pair[0], 6);
	told_wait(play, "2 pieces", epoll);
	told_wait(play, "again", epoll);
	told_read(play, "read", pair[0], 16);
}

static void mod_same_is_nothing(struct play_state *play)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	int epoll = play_epoll(play), pair[2];

	play_pair(play, pair);
	play_send(play, pair[1], pair[0], 3);
	play_add(play, epoll, pair[0], EPOLLIN | EPOLLET);
	told_wait(play, "edge", epoll);
	told_wait(play, "again", epoll);
	if (play->rc == 0)
		must(play, epoll_ctl(epoll, EPOLL_CTL_MOD, pair[0], &event) < 0 ? -errno : 0);
	told_wait(play, "MOD to the same", epoll);
}

static void told_so_error(struct play_state *play, int fd)
{
	int code = 0;
	socklen_t size = sizeof code;

	if (play->rc < 0 || !must(play, getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0 ? -errno : 0))
		return;
	errno = code;
	told_call(play, "SO_ERROR", code ? -1 : 0);
}

static void so_error_stays(struct play_state *play)
{
	int pair[2];

	play_pair(play, pair);
	play_reset(play, pair);
	told_so_error(play, pair[0]);
	told_so_error(play, pair[0]);
	told_read(play, "read", pair[0], 16);
}

static void told_select(struct play_state *play, const char *label, int fd)
{
	uint32_t mask = 0;

	if (play->rc == 0 && must(play, truth_select(fd, &mask)))
		told(play, label, "%s%s%s", mask & EPOLLIN ? "readable " : "",
		     mask & EPOLLOUT ? "writable" : "", mask & EPOLLPRI ? " exceptional" : "");
}

static void except_is_error(struct play_state *play)
{
	int reset[2], urgent[2];

	play_pair(play, reset);
	play_reset(play, reset);
	told_select(play, "reset", reset[0]);
	play_pair(play, urgent);
	if (play->rc == 0 && must(play, send(urgent[1], "!", 1, MSG_OOB | MSG_NOSIGNAL) == 1 ? 0 : -errno))
		must(play, until_polled(urgent[0], POLLPRI));
	told_select(play, "urgent byte", urgent[0]);
}

static void told_receive(struct play_state *play, struct truth_ring *ring, const char *label, bool patient)
{
	int32_t result = 0;
	int r = play->rc < 0 ? play->rc : truth_ring_result(ring, patient, &result);

	if (!must(play, r))
		return;
	if (r == 0)
		told(play, label, "waits");
	else
		told(play, label, "received %d", result);
}

static void close_cancels_uring(struct play_state *play)
{
	int epoll = play_epoll(play), pair[2];
	struct truth_ring ring;
	char bytes[16];

	play_pair(play, pair);
	play_add(play, epoll, pair[1], EPOLLIN | EPOLLRDHUP);
	if (play->rc < 0 || !must(play, set_blocking(pair[0])) || !must(play, truth_ring_open(&ring)))
		return;
	must(play, truth_ring_receive(&ring, pair[0], bytes, sizeof bytes));
	told_receive(play, &ring, "receive", false);
	stand_close(&play->stand, pair[0]);
	told_receive(play, &ring, "close", false);
	told_wait(play, "peer sees no FIN", epoll);
	if (play->rc == 0)
		must(play, send_bytes(pair[1], 3));
	told_receive(play, &ring, "peer sends 3", true);
	truth_ring_close(&ring);
}

const struct truth_story truth_beliefs[] = {
    {"hup-is-disconnect", hup_is_disconnect},
    {"ready-list-mapped", ready_list_mapped},
    {"rdhup-is-empty", rdhup_is_empty},
    {"hup-is-empty", hup_is_empty},
    {"in-is-bytes", in_is_bytes},
    {"err-must-be-asked", err_must_be_asked},
    {"close-unregisters", close_unregisters},
    {"out-is-delivered", out_is_delivered},
    {"gone-is-reported", gone_is_reported},
    {"peer-deaf-reported", peer_deaf_reported},
    {"edge-per-piece", edge_per_piece},
    {"mod-same-is-nothing", mod_same_is_nothing},
    {"so-error-stays", so_error_stays},
    {"except-is-error", except_is_error},
    {"close-cancels-uring", close_cancels_uring},
    {NULL, NULL},
};
