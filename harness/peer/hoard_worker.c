/* SPDX-License-Identifier: MIT */
/*
 * One process of a hoard. It was forked from a process with threads and a watcher, whose fds it must not
 * hold: a socket of the watcher's kept open here would never end.
 *
 *     connect as many as the server's queue has room for ── look again a little later
 *         └── what is connected stays in one edge-triggered epoll: it speaks only when the server ends it
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/clock.h"
#include "peer/backlog.h"
#include "peer/hoard_impl.h"
#include "peer/source.h"

#define BATCH	      64
#define AT_ONCE	      256  /* connects between two looks at the server's queue, at most */
#define UNDER_WAY     1024 /* connects whose handshake is not over */
#define PER_SOURCE    16000
#define BUSY_MS	      1
#define IDLE_MS	      50
#define MEMORY_LOOK   (200 * NS_PER_MS)
#define REFUSED_PAUSE (20 * NS_PER_MS)

struct worker {
	const struct hoard_share *share;
	int epoll;
	struct backlog *backlog;
	int *fds;	    /* of the peers; -1: not connected (any more) */
	uint16_t *said;	    /* how much of the text each has sent */
	uint32_t begun;	    /* peers whose first connect was made */
	uint32_t under_way; /* connects not over */
	uint32_t next;	    /* whose byte is next */
	uint64_t paused;    /* clock_now() time before which none connects */
	uint64_t dripped, drip_began, memory_at;
};

static _Noreturn void broke(const struct worker *worker, int code)
{
	atomic_store(&worker->share->page->broken, code);
	_exit(1);
}

/* Everything but standard input and output. */
static void close_inherited(void)
{
	struct rlimit limit;

	if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	for (rlim_t fd = 3; fd < limit.rlim_cur; fd++)
		(void)close((int)fd);
}

static void count(_Atomic uint32_t *counter, int step)
{
	atomic_store(counter, atomic_load(counter) + (uint32_t)step);
}

static void count_open(const struct hoard_share *share, int step)
{
	count(&share->page->open, step);
	if (share->options->crowd)
		(void)atomic_fetch_add(&share->options->crowd->held, (uint32_t)step);
}

static void refused(struct worker *worker, uint32_t peer, int code)
{
	(void)close(worker->fds[peer]);
	worker->fds[peer] = -1;
	count(&worker->share->page->refused, 1);
	atomic_store(&worker->share->page->error, code);
	worker->paused = clock_now() + REFUSED_PAUSE;
}

/* Peers of one worker share a few addresses, each with ports enough for its part; no two workers the same,
 * and none 127.0.0.1, where the peers come from that are known by their ports. */
static uint32_t source_of(const struct worker *worker, uint32_t peer)
{
	const struct hoard_share *share = worker->share;
	uint32_t each = (share->options->peers / share->workers) / PER_SOURCE + 1;

	return 1 + (share->index * each + peer / PER_SOURCE) % SOURCE_MOST;
}

/* The first half of the text goes at once, the rest byte by byte. */
static void made(struct worker *worker, uint32_t peer)
{
	const struct hoard_options *options = worker->share->options;
	struct hoard_page *page = worker->share->page;
	size_t size = options->text_size / 2;
	ssize_t sent = size ? send(worker->fds[peer], options->text, size, MSG_NOSIGNAL) : 0;

	worker->said[peer] = sent > 0 ? (uint16_t)sent : 0;
	count(&page->made, 1);
	count_open(worker->share, 1);
	atomic_store(&page->bytes, atomic_load(&page->bytes) + worker->said[peer]);
}

/*
 * Through loopback the handshake is over when connect() returns, although that says EINPROGRESS: asked again
 * it says 0, and nothing but the end of the connection is worth an event.
 */
static bool connects_at_once(const struct worker *worker, int fd)
{
	const struct hoard_options *options = worker->share->options;

	return connect(fd, options->address, options->address_size) == 0 ||
	       (errno == EINPROGRESS && connect(fd, options->address, options->address_size) == 0);
}

static void begin(struct worker *worker, uint32_t peer)
{
	const struct hoard_options *options = worker->share->options;
	struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET, .data.u32 = peer};
	int fd = socket(options->address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool there, waits;

	if (fd < 0)
		broke(worker, -errno);
	worker->fds[peer] = fd;
	worker->said[peer] = UINT16_MAX;
	if (source_bind(fd, options->address, source_of(worker, peer)) < 0)
		broke(worker, -errno);
	there = connects_at_once(worker, fd);
	waits = !there && (errno == EALREADY || errno == EINPROGRESS);
	if (!there && !waits) {
		refused(worker, peer, errno);
		return;
	}
	if (there)
		made(worker, peer);
	else
		event.events |= EPOLLOUT;
	worker->under_way += waits;
	if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		broke(worker, -errno);
}

/* How many may connect now: several workers fill one queue. */
static uint32_t allowance(const struct worker *worker)
{
	uint32_t workers = worker->share->workers, room;

	if (clock_now() < worker->paused || worker->under_way >= UNDER_WAY)
		return 0;
	room = backlog_room(worker->backlog);
	room = room / workers + (room % workers != 0);
	return room < AT_ONCE ? room : AT_ONCE;
}

/* Some that have not been connected yet, from the first one on, again and again. Whether there may be more
 * at once. */
static bool begin_some(struct worker *worker)
{
	uint32_t some = 0, most = allowance(worker), peers = worker->share->peers;

	for (; some < most && worker->begun < peers; worker->begun++) {
		if (worker->fds[worker->begun] >= 0)
			continue;
		begin(worker, worker->begun);
		some++;
		if (worker->fds[worker->begun] < 0)
			break;
	}
	return some && some == most;
}

static bool connected(int fd, int *ret_code)
{
	socklen_t size = sizeof *ret_code;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, ret_code, &size) < 0)
		*ret_code = errno;
	return *ret_code == 0;
}

/* said: UINT16_MAX while the connect is under way. */
static void ready(struct worker *worker, uint32_t peer, uint32_t events)
{
	struct hoard_page *page = worker->share->page;
	int code = 0;

	if (worker->fds[peer] < 0)
		return;
	if (worker->said[peer] == UINT16_MAX) {
		worker->under_way--;
		if (!connected(worker->fds[peer], &code)) {
			refused(worker, peer, code);
			worker->begun = peer < worker->begun ? peer : worker->begun;
			return;
		}
		made(worker, peer);
	}
	if (!(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		return;
	(void)close(worker->fds[peer]);
	worker->fds[peer] = -1;
	count_open(worker->share, -1);
	count(&page->ended, 1);
}

static bool speaks(const struct worker *worker, uint32_t peer)
{
	return worker->fds[peer] >= 0 && worker->said[peer] < worker->share->options->text_size;
}

/* The bytes that are due, each from the next peer that has one to send. */
static void drip(struct worker *worker)
{
	const struct hoard_options *options = worker->share->options;
	struct hoard_page *page = worker->share->page;
	double since = clock_seconds(clock_now() - worker->drip_began);
	uint64_t due = (uint64_t)(since * worker->share->rate);
	uint32_t passed = 0;

	while (options->text_size && worker->dripped < due && passed <= worker->share->peers) {
		uint32_t peer = worker->next;
		worker->next = (worker->next + 1) % worker->share->peers;
		passed++;
		if (!speaks(worker, peer))
			continue;
		if (send(worker->fds[peer], options->text + worker->said[peer], 1, MSG_NOSIGNAL) != 1)
			continue;
		worker->said[peer]++;
		worker->dripped++;
		passed = 0;
		atomic_store(&page->bytes, atomic_load(&page->bytes) + 1);
	}
	if (worker->dripped < due)
		worker->dripped = due; /* nobody had more to say: it is not made up for later */
}

/* What this process has to itself: the rest is shared with the one it was forked from. */
static void look_memory(struct worker *worker)
{
	unsigned long size, resident, shared;
	FILE *file;

	if (clock_now() < worker->memory_at)
		return;
	worker->memory_at = clock_now() + MEMORY_LOOK;
	file = fopen("/proc/self/statm", "re");
	if (!file)
		return;
	if (fscanf(file, "%lu %lu %lu", &size, &resident, &shared) == 3 && resident > shared)
		atomic_store(&worker->share->page->memory,
			     (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE));
	(void)fclose(file);
}

static void turn(struct worker *worker)
{
	struct epoll_event events[BATCH];
	bool all = worker->begun == worker->share->peers, more = !all && begin_some(worker);
	bool busy = !all || worker->share->options->text_size;
	int n = epoll_wait(worker->epoll, events, BATCH, more ? 0 : busy ? BUSY_MS : IDLE_MS);

	if (n < 0 && errno != EINTR)
		broke(worker, -errno);
	for (int i = 0; i < n; i++)
		ready(worker, events[i].data.u32, events[i].events);
	drip(worker);
	look_memory(worker);
}

_Noreturn void hoard_work(const struct hoard_share *share)
{
	struct worker worker = {.share = share, .drip_began = clock_now()};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	close_inherited();
	worker.fds = malloc(share->peers * sizeof *worker.fds);
	worker.said = malloc(share->peers * sizeof *worker.said);
	worker.epoll = epoll_create1(EPOLL_CLOEXEC);
	worker.backlog = backlog_new(share->options->address);
	if (!worker.fds || !worker.said || worker.epoll < 0)
		broke(&worker, worker.epoll < 0 ? -errno : -ENOMEM);
	memset(worker.fds, 0xff, share->peers * sizeof *worker.fds);
	memset(worker.said, 0xff, share->peers * sizeof *worker.said);
	while (!atomic_load(&share->page->drop))
		turn(&worker);
	_exit(0); /* closes all of them */
}
