/* SPDX-License-Identifier: MIT */
#include "watch/found.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/buf.h"
#include "watch/borrow.h"
#include "watch/numbers.h"

struct found_place {
	struct sockaddr_storage address;
	uint32_t size;
	pid_t pid;
	int fd;
};

/* One fd being looked at. */
struct find {
	struct estate *estate;
	const struct tracee *leader, *parent;
	int fd;
	char link[PATH_MAX];
};

static int each_fd(struct find *find, int (*each)(struct find *find))
{
	char path[64];
	struct dirent *entry;
	int ret = 0;
	DIR *folder;

	snprintf(path, sizeof path, "/proc/%d/fd", find->leader->tid);
	folder = opendir(path);
	if (!folder)
		return errno == ENOMEM ? -ENOMEM : 0; /* it ended */
	while (ret == 0 && (entry = readdir(folder))) {
		ssize_t size = readlinkat(dirfd(folder), entry->d_name, find->link, sizeof find->link - 1);

		if (entry->d_name[0] == '.' || size < 0)
			continue;
		find->link[size] = '\0';
		find->fd = atoi(entry->d_name);
		ret = each(find);
	}
	closedir(folder);
	return ret;
}

static uint64_t socket_inode(const struct find *find)
{
	unsigned long long inode;

	return sscanf(find->link, "socket:[%llu]", &inode) == 1 ? inode : 0;
}

static uint32_t address_of(const struct find *find, bool peer, struct sockaddr_storage *ret_address)
{
	memset(ret_address, 0, sizeof *ret_address);
	return borrow_address(find->leader->process->pidfd, find->fd, peer, ret_address);
}

static int add_listener(struct find *find)
{
	struct estate *estate = find->estate;
	struct found_place *grown, place = {.pid = find->leader->tid, .fd = find->fd};

	if (!socket_inode(find) || !borrow_listens(find->leader->process->pidfd, find->fd))
		return 0;
	place.size = address_of(find, false, &place.address);
	grown =
	    array_grow(estate->listeners, estate->listener_count, &estate->listener_capacity, sizeof *grown);
	if (!grown)
		return -ENOMEM;
	estate->listeners = grown;
	grown[estate->listener_count++] = place;
	return 0;
}

int found_listeners(struct estate *estate, const struct tracee *leader)
{
	struct find find = {.estate = estate, .leader = leader};

	return each_fd(&find, add_listener);
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
	/* The port stands at the same place in both families. */
	return ((const struct sockaddr_in *)address)->sin_port;
}

static bool is_inet(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET || address->ss_family == AF_INET6;
}

/* A listener on the wildcard of both families has connections of either: the port decides. */
static bool is_at(const struct found_place *listener, const struct sockaddr_storage *own, uint32_t size)
{
	if (is_inet(own))
		return is_inet(&listener->address) && port_of(&listener->address) == port_of(own);
	return size > sizeof own->ss_family && listener->size == size &&
	       !memcmp(&listener->address, own, size);
}

static bool was_accepted(const struct find *find, const struct sockaddr_storage *own, uint32_t size)
{
	for (size_t i = 0; i < find->estate->listener_count; i++)
		if (is_at(&find->estate->listeners[i], own, size))
			return true;
	return false;
}

/* A later accept's bit decides what is asked at a close: it is set for those met here, too. */
static void note_accepted(const struct find *find)
{
	struct event accepted = event_make(EV_CALL, CALL_accept4);

	accepted.ret = find->fd;
	fds_follow(find->leader->fds, &accepted);
}

/* Fills event; own or peer address into *address. */
static void look_socket(const struct find *find, struct event *event, struct sockaddr_storage *address)
{
	int pidfd = find->leader->process->pidfd;
	uint32_t size = address_of(find, false, address), peer_size;
	struct sockaddr_storage peer;

	event->what = FOUND_SOCKET;
	event->ret = borrow_is_tcp(pidfd, find->fd);
	event->data = address;
	if (borrow_listens(pidfd, find->fd)) {
		event->what = FOUND_LISTENER;
		event->size = size;
		return;
	}
	peer_size = address_of(find, true, &peer);
	/* Both ends of a pair are without a name. */
	if (!peer_size ||
	    (!is_inet(&peer) && size <= sizeof peer.ss_family && peer_size <= sizeof peer.ss_family))
		return;
	event->what = was_accepted(find, address, size) ? FOUND_CONN : FOUND_OUTGOING;
	*address = peer;
	event->size = peer_size;
	if (event->what == FOUND_CONN)
		note_accepted(find);
}

static uint32_t look_link(const char *link)
{
	static const struct {
		const char *link;
		enum found what;
	} rows[] = {
	    {"pipe:", FOUND_PIPE},
	    {"anon_inode:[eventpoll]", FOUND_EPOLL},
	    {"anon_inode:[eventfd]", FOUND_EVENTFD},
	    {"anon_inode:[timerfd]", FOUND_TIMERFD},
	    {"anon_inode:[signalfd]", FOUND_SIGNALFD},
	    {"anon_inode:[io_uring]", FOUND_RING},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strncmp(link, rows[i].link, strlen(rows[i].link)))
			return rows[i].what;
	return FOUND_OTHER;
}

static FILE *open_info(const struct find *find)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", find->leader->tid, find->fd);
	return fopen(path, "re");
}

/* "flags:	02004002": as open takes them, O_CLOEXEC as well. */
static uint64_t look_flags(const struct find *find)
{
	FILE *info = open_info(find);
	char line[128];
	unsigned flags = 0;

	if (!info)
		return 0;
	while (fgets(line, sizeof line, info))
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	fclose(info);
	return flags & (O_NONBLOCK | O_CLOEXEC);
}

/* A socket is known by its inode, whoever has it; anything else is shared with the parent under the same
 * number, or not at all. */
static bool is_known(struct find *find, struct event *event)
{
	pid_t pid = find->leader->tid, parent = find->parent ? find->parent->tid : 0;
	uint64_t inode = socket_inode(find);
	const struct found_place *place = inode ? map_get(&find->estate->sockets, inode) : NULL;

	event->what = FOUND_SAME;
	event->arg[0] = place ? (uint64_t)place->pid : (uint64_t)parent;
	event->arg[1] = place ? (uint64_t)place->fd : (uint64_t)find->fd;
	return place || (!inode && parent &&
			 syscall(SYS_kcmp, parent, pid, KCMP_FILE, (long)find->fd, (long)find->fd) == 0);
}

static int remember(struct find *find, uint64_t inode)
{
	struct found_place *place = calloc(1, sizeof *place);

	if (!place || map_put(&find->estate->sockets, inode, place) < 0) {
		free(place);
		return -ENOMEM;
	}
	place->pid = find->leader->tid;
	place->fd = find->fd;
	return 0;
}

/* Its mapping was made unseen, and what is in flight cannot be told. */
static void say_unseen(const struct find *find)
{
	static const char why[] = "it was there before wringer";
	struct event event = tracer_event(find->leader, EV_RING, RING_UNSEEN);

	event.fd = find->fd;
	event.arg[0] = RING_GAP_ALL;
	event.data = why;
	event.size = sizeof why;
	tracer_append(find->estate->tracer, &event);
}

static int add_fd(struct find *find)
{
	struct event event = tracer_event(find->leader, EV_FOUND, FOUND_OTHER);
	uint64_t inode = socket_inode(find);
	struct sockaddr_storage address;

	event.fd = find->fd;
	event.arg[2] = look_flags(find);
	find->estate->fds++;
	if (!is_known(find, &event)) {
		event.arg[0] = event.arg[1] = 0;
		if (inode && remember(find, inode) < 0)
			return -ENOMEM;
		if (inode)
			look_socket(find, &event, &address);
		else
			event.what = look_link(find->link);
	}
	tracer_append(find->estate->tracer, &event);
	if (event.what == FOUND_RING &&
	    !rings_know(find->estate->tracer->watcher->rings, find->leader->tid, find->fd))
		say_unseen(find);
	return 0;
}

/* Whether the number of a registration still leads to what was registered under it. */
static bool is_same(const struct find *find, int fd, unsigned long inode)
{
	char path[64];
	struct stat status;

	snprintf(path, sizeof path, "/proc/%d/fd/%d", find->leader->tid, fd);
	return stat(path, &status) == 0 && status.st_ino == inode;
}

/* "tfd:        7 events:     201d data:                7  pos:0 ino:1f sdev:9", a line a registration. */
static int add_registration(const struct find *find, struct buf *list, const char *line)
{
	struct ready ready;
	unsigned long long data;
	unsigned long inode;
	unsigned events;
	int fd;

	if (sscanf(line, "tfd: %d events: %x data: %llx pos:%*i ino:%lx", &fd, &events, &data, &inode) != 4 ||
	    !is_same(find, fd, inode) || list->size + sizeof ready > EVENT_DATA_MAX)
		return 0;
	ready = (struct ready){.data = data, .events = events, .fd = fd};
	return buf_append(list, &ready, sizeof ready);
}

static int append_list(const struct find *find, struct buf *list)
{
	struct event event = tracer_event(find->leader, EV_FOUND, FOUND_LIST);

	event.fd = find->fd;
	event.data = list->data;
	event.size = (uint32_t)list->size;
	if (list->size)
		tracer_append(find->estate->tracer, &event);
	buf_free(list);
	return 0;
}

/* More registrations than one event can carry take several. */
static int add_list(struct find *find)
{
	struct buf list = {0};
	char *line = NULL;
	size_t size = 0;
	int ret = 0;
	FILE *info;

	if (look_link(find->link) != FOUND_EPOLL || !(info = open_info(find)))
		return 0;
	while (ret == 0 && getline(&line, &size, info) > 0) {
		if (list.size + sizeof(struct ready) > EVENT_DATA_MAX)
			ret = append_list(find, &list);
		ret = ret ? ret : add_registration(find, &list, line);
	}
	free(line);
	fclose(info);
	if (ret == 0)
		return append_list(find, &list);
	buf_free(&list);
	return ret;
}

static void append_process(const struct find *find)
{
	struct event event = tracer_event(find->leader, EV_FOUND, FOUND_PROCESS);
	char path[40], name[PATH_MAX];
	ssize_t size;

	snprintf(path, sizeof path, "/proc/%d/exe", find->leader->tid);
	size = readlink(path, name, sizeof name - 1);
	name[size > 0 ? size : 0] = '\0';
	event.arg[0] = find->parent ? (uint64_t)find->parent->tid : 0;
	event.arg[1] = !find->parent;
	event.data = name;
	event.size = (uint32_t)(size > 0 ? size : 0) + 1;
	tracer_append(find->estate->tracer, &event);
}

int found_process(struct estate *estate, struct tracee *leader, const struct tracee *parent)
{
	struct find find = {.estate = estate, .leader = leader, .parent = parent};
	int ret;

	append_process(&find);
	ret = each_fd(&find, add_fd);
	return ret ? ret : each_fd(&find, add_list);
}

void found_clear(struct estate *estate)
{
	map_free_all(&estate->sockets);
	free(estate->listeners);
}
