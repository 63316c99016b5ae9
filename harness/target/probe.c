/* SPDX-License-Identifier: MIT */
/*
 * Ground truth: what the kernel says about the target's sockets, epolls, threads and processes now. A socket
 * is borrowed for the time of a few questions and given back; SO_ERROR is never read, for asking would clear
 * it under the target.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/buf.h"
#include "target/probe_thread.h"
#include "target/target_impl.h"

/* Every condition poll() can report, so that the mask is whole. */
#define POLL_ALL (POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND | POLLRDHUP)

static int option(int fd, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

/* ms, 0: none. */
static unsigned user_timeout(int fd)
{
	unsigned value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size) == 0 ? value : 0;
}

static bool is_tcp(int fd)
{
	int domain = option(fd, SO_DOMAIN);

	return (domain == AF_INET || domain == AF_INET6) && option(fd, SO_PROTOCOL) == IPPROTO_TCP;
}

static uint64_t queue(int fd, unsigned long request)
{
	int bytes = 0;

	return ioctl(fd, request, &bytes) == 0 && bytes > 0 ? (uint64_t)bytes : 0;
}

static int ask(int fd, struct event *event)
{
	struct pollfd poller = {.fd = fd, .events = POLL_ALL};
	struct tcp_info info;
	socklen_t size = sizeof(info);

	if (!is_tcp(fd))
		return -ENOTSOCK;
	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return -errno;
	if (poll(&poller, 1, 0) < 0)
		return -errno;
	if (option(fd, SO_ACCEPTCONN) == 1) {
		/* of a listener the kernel reports its accept queue in these two fields */
		event->what = PROBE_LISTENER;
		event->arg[0] = info.tcpi_unacked;
		event->arg[1] = info.tcpi_sacked;
	} else {
		event->what = PROBE_SOCKET;
		event->arg[0] = queue(fd, SIOCINQ);
		event->arg[1] = queue(fd, SIOCOUTQ);
		event->arg[3] = info.tcpi_state;
		event->ret = option(fd, SO_KEEPALIVE) == 1 || user_timeout(fd) > 0;
	}
	event->arg[2] = (uint64_t)(unsigned short)poller.revents;
	return 0;
}

static int ask_borrowed(int pidfd, int fd, struct event *event)
{
	int borrowed = borrow(pidfd, fd), rc;

	if (borrowed < 0)
		return borrowed;
	rc = ask(borrowed, event);
	(void)close(borrowed);
	return rc;
}

/* Under a watcher that can see to it nobody closes meanwhile what is borrowed. */
static int probe_socket(struct watcher *watcher, pid_t pid, int pidfd, int fd, struct event *ret_event)
{
	struct event event = event_make(EV_PROBE, PROBE_SOCKET);
	bool held = watcher && watcher_hold_fds(watcher);
	int rc = ask_borrowed(pidfd, fd, &event);

	if (held)
		watcher_release_fds(watcher);
	if (rc < 0)
		return rc;
	event.pid = pid;
	event.fd = fd;
	*ret_event = event;
	return 0;
}

int target_probe_socket(const struct target *target, pid_t pid, int fd, struct event *ret_event)
{
	int pidfd = borrow_open(pid), rc;

	if (pidfd < 0)
		return pidfd;
	rc = probe_socket(target->watcher, pid, pidfd, fd, ret_event);
	(void)close(pidfd);
	return rc;
}

/* A walk over one process's fds. */
struct probe_walk {
	struct watcher *watcher; /* NULL: nobody watches */
	struct journal *journal;
	struct map *seen; /* inodes asked already: a listener shared by ten workers is one socket */
	pid_t pid;
	int pidfd;
	int asked;
};

static int walk_socket(struct probe_walk *walk, int fd, uint64_t inode)
{
	struct event event;
	int rc;

	if (map_get(walk->seen, inode))
		return 0;
	if (map_put(walk->seen, inode, walk->seen) < 0)
		return -ENOMEM;
	if (probe_socket(walk->watcher, walk->pid, walk->pidfd, fd, &event) < 0)
		return 0; /* not TCP, or closed since */
	rc = journal_append(walk->journal, &event);
	walk->asked++;
	return rc;
}

/* "tfd:        7 events:     201d data:                7  pos:0 ino:…", a line a registration. */
static int epoll_line(struct buf *list, const char *line)
{
	struct ready ready;
	unsigned events;
	unsigned long long data;
	int fd;

	if (sscanf(line, "tfd: %d events: %x data: %llx", &fd, &events, &data) != 3)
		return 0;
	memset(&ready, 0, sizeof(ready));
	ready.fd = fd;
	ready.events = events;
	ready.data = data;
	return list->size + sizeof(ready) > EVENT_DATA_MAX ? -EMSGSIZE
							   : buf_append(list, &ready, sizeof(ready));
}

static int walk_epoll(struct probe_walk *walk, int fd)
{
	struct event event = event_make(EV_PROBE, PROBE_EPOLL);
	struct buf list = {0};
	char path[64], *line = NULL;
	size_t size = 0;
	FILE *file;
	int rc = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", walk->pid, fd);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (rc == 0 && getline(&line, &size, file) > 0)
		rc = epoll_line(&list, line);
	free(line);
	(void)fclose(file);
	if (rc == -EMSGSIZE)
		event.flags |= EVF_TRUNCATED;
	if (rc != -ENOMEM) {
		event.pid = walk->pid;
		event.fd = fd;
		event.data = list.data;
		event.size = (uint32_t)list.size;
		rc = journal_append(walk->journal, &event);
		walk->asked++;
	}
	buf_free(&list);
	return rc;
}

static int walk_fd(void *arg, int fd)
{
	struct probe_walk *walk = arg;
	char path[64], link[64];
	unsigned long long inode;
	ssize_t length;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", walk->pid, fd);
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		return 0;
	link[length] = '\0';
	if (sscanf(link, "socket:[%llu]", &inode) == 1)
		return walk_socket(walk, fd, (uint64_t)inode);
	return strcmp(link, "anon_inode:[eventpoll]") == 0 ? walk_epoll(walk, fd) : 0;
}

static int walk_thread(void *arg, int tid)
{
	struct probe_walk *walk = arg;
	struct event event;

	if (probe_thread(walk->pid, tid, &event) < 0)
		return 0;
	walk->asked++;
	return journal_append(walk->journal, &event);
}

static int walk_process(struct probe_walk *walk)
{
	struct event event = event_make(EV_PROBE, PROBE_PROCESS);
	int64_t fds = proc_fds(walk->pid);
	uint64_t hard;

	if (fds < 0 || proc_cpu(walk->pid, &event.arg[1]) < 0 ||
	    proc_limit(walk->pid, &event.arg[3], &hard) < 0)
		return 0;
	event.pid = walk->pid;
	event.arg[0] = (uint64_t)fds;
	event.arg[2] = proc_rss(walk->pid);
	walk->asked++;
	return journal_append(walk->journal, &event);
}

static int probe_threads(struct probe_walk *walk, pid_t pid)
{
	char path[64];

	walk->pid = pid;
	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return proc_each(path, walk_thread, walk);
}

static int probe_pid(struct probe_walk *walk, pid_t pid)
{
	char path[64];
	int rc;

	walk->pid = pid;
	walk->pidfd = borrow_open(pid);
	if (walk->pidfd < 0)
		return 0; /* it ended */
	/* sockets first, threads after: what waits in a socket waited before its thread was seen asleep */
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	rc = proc_each(path, walk_fd, walk);
	(void)close(walk->pidfd);
	rc = rc ? rc : probe_threads(walk, pid);
	return rc ? rc : walk_process(walk);
}

static int probe_each(const struct target *target, const struct world *world,
		      int (*probe)(struct probe_walk *walk, pid_t pid))
{
	struct map seen = {0};
	struct probe_walk walk = {.watcher = target->watcher, .journal = target->journal, .seen = &seen};
	struct pid_list pids;
	/* what came without a call of the target's stands before what is found of it */
	int rc = target->watcher ? watcher_sample(target->watcher) : 0;

	rc = rc ? rc : pids_live(target, world, &pids);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < pids.count; i++)
		rc = probe(&walk, pids.pids[i]);
	pids_free(&pids);
	map_free(&seen);
	return rc < 0 ? rc : walk.asked;
}

int target_probe(const struct target *target, const struct world *world)
{
	return probe_each(target, world, probe_pid);
}

int target_probe_threads(const struct target *target, const struct world *world)
{
	return probe_each(target, world, probe_threads);
}
