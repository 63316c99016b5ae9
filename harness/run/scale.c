/* SPDX-License-Identifier: MIT */
#include "run/scale.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "target/target.h"

#define SPARE_FDS	64 /* for what a process holds beside the connections */
#define OWN_FDS		12 /* that a small server has at least */
#define MESSAGE		64 /* bytes of a request, and of its answer */
#define ASKERS		4
#define WARM_UP		200
#define STRETCHES	5
#define STRETCH_LEAST	40 /* requests */
#define STRETCH_MOST	4000
#define STRETCH_TIME	(60 * NS_PER_MS)
#define ANSWERS		((size_t)STRETCHES * STRETCH_MOST)
#define OPENING_BATCH	64 /* connections between two looks whether they were accepted */
#define START_PATIENCE	(15 * NS_PER_S)
#define ANSWER_PATIENCE 10 /* s */

struct scale {
	const struct scale_order *order;
	char directory[PATH_MAX]; /* for the server's output */
	struct journal *journal;
	struct world *world;
	struct fault_set *faults;
	struct target *target;
	struct sockaddr_storage address;
	socklen_t address_size;
	cpu_set_t allowed; /* CPUs for us, as it was */
	int askers[ASKERS];
	int *idle;
	uint32_t count;
	double *answers; /* us, of one point */
	struct error *error;
};

uint32_t scale_most(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur <= SPARE_FDS)
		return 0;
	return limit.rlim_cur > UINT32_MAX ? UINT32_MAX : (uint32_t)limit.rlim_cur - SPARE_FDS;
}

/*
 * The server and we on one CPU: they take turns anyway, and waking a CPU that idles costs more than a request
 * does, and each time as much as it pleases. What we have now the server inherits.
 */
static void share_cpu(const cpu_set_t *allowed)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, allowed))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
	}
	if (CPU_COUNT(&one))
		(void)sched_setaffinity(0, sizeof one, &one);
}

static int await_address(struct scale *scale)
{
	static const struct timespec pause = {.tv_nsec = 5000000};
	uint64_t until = clock_now() + START_PATIENCE;

	while (target_alive(scale->target) && clock_now() < until) {
		if (target_address(scale->target, scale->world, 0, &scale->address, &scale->address_size) ==
		    0)
			return 0;
		(void)nanosleep(&pause, NULL);
	}
	return error_set(scale->error, -ETIME, "%s did not listen", scale->order->target);
}

static int start(struct scale *scale)
{
	char *argv[] = {(char *)scale->order->path, "--protocol", "echo", "--port", "0", NULL};
	const uint64_t limit = scale_most() + SPARE_FDS;
	const struct target_options options = {.argv = argv,
					       .watch = watch_find("none"),
					       .fd_soft = limit,
					       .fd_hard = limit,
					       .directory = scale->directory};
	const char *base = getenv("TMPDIR");

	(void)snprintf(scale->directory, sizeof scale->directory, "%s/wringer.XXXXXX",
		       base && base[0] == '/' ? base : "/tmp");
	if (!mkdtemp(scale->directory))
		return error_set(scale->error, -errno, "%s: %s", scale->directory, strerror(errno));
	int r = journal_create(NULL, &scale->journal, scale->error);
	scale->world = world_new();
	scale->faults = fault_set_new();
	scale->idle = calloc(scale_most(), sizeof *scale->idle);
	scale->answers = calloc(ANSWERS, sizeof *scale->answers);
	if (r == 0 && (!scale->world || !scale->faults || !scale->idle || !scale->answers))
		r = error_set(scale->error, -ENOMEM, "out of memory");
	if (r < 0)
		return r;
	share_cpu(&scale->allowed);
	r = target_start(&options, scale->journal, scale->faults, &scale->target, scale->error);
	return r == 0 ? await_address(scale) : r;
}

/* Blocking, with a limit; closed, it leaves no port behind that waits for its time to pass. The fd or a
 * negative errno. */
static int open_one(const struct scale *scale)
{
	static const struct linger reset = {.l_onoff = 1};
	static const struct timeval patience = {.tv_sec = ANSWER_PATIENCE};
	static const int on = 1;
	int fd = socket(scale->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, (const struct sockaddr *)&scale->address, scale->address_size) < 0) {
		int code = -errno;
		close(fd);
		return code;
	}
	return fd;
}

/* One request and its answer. 0 or a negative errno: -EPIPE when the server closed. */
static int ask(int fd)
{
	char bytes[MESSAGE];

	memset(bytes, 'w', sizeof bytes);
	bytes[MESSAGE - 1] = '\n';
	if (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) != (ssize_t)sizeof bytes)
		return errno ? -errno : -EPIPE;
	for (size_t got = 0; got < sizeof bytes;) {
		ssize_t n = recv(fd, bytes, sizeof bytes - got, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		got += (size_t)n;
	}
	return 0;
}

/* The queue is taken in its order: when the newest is answered, all before it were accepted. */
static int grow_to(struct scale *scale, uint32_t idle)
{
	while (scale->count < idle) {
		int r = 0;

		for (int i = 0; i < OPENING_BATCH && scale->count < idle; i++) {
			int fd = open_one(scale);
			if (fd < 0)
				return fd;
			scale->idle[scale->count++] = fd;
		}
		if ((r = ask(scale->idle[scale->count - 1])) < 0)
			return r;
	}
	return 0;
}

static int by_size(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Sorts them. */
static double part_of(double *items, size_t count, size_t percent)
{
	qsort(items, count, sizeof *items, by_size);
	return count ? items[(count - 1) * percent / 100] : 0;
}

/* Asks for a while; the server's CPU time a request goes to *ret_cpu, each answer's delay behind the others.
 */
static int stretch(struct scale *scale, uint32_t *done, double *ret_cpu)
{
	uint64_t cpu = target_cpu(scale->target, scale->world), began = clock_now(), now = began;
	uint32_t asked = 0;

	while (asked < STRETCH_LEAST || (asked < STRETCH_MOST && now < began + STRETCH_TIME)) {
		int r = ask(scale->askers[asked % ASKERS]);
		if (r < 0)
			return r;
		uint64_t end = clock_now();
		scale->answers[*done + asked++] = (double)(end - now) / (double)NS_PER_US;
		now = end;
	}
	/* it goes to sleep first, which is part of what a request costs */
	cpu = target_cpu(scale->target, scale->world) - cpu;
	*ret_cpu = (double)cpu / asked / (double)NS_PER_US;
	*done += asked;
	return 0;
}

static int measure_point(struct scale *scale, uint32_t idle, struct scale_point *ret_point)
{
	double cpu[STRETCHES];
	uint32_t done = 0;
	int r = 0;

	for (int i = 0; i < WARM_UP && r == 0; i++)
		r = ask(scale->askers[i % ASKERS]);
	for (int i = 0; i < STRETCHES && r == 0; i++)
		r = stretch(scale, &done, &cpu[i]);
	if (r < 0)
		return r;
	*ret_point = (struct scale_point){
	    .idle = idle,
	    .requests = done,
	    .cpu_us = part_of(cpu, STRETCHES, 50),
	    .answer_us = part_of(scale->answers, done, 50),
	    .late_us = part_of(scale->answers, done, 99),
	};
	return 0;
}

/* Whether the server can hold that many at all: its own limit of open files, which it may have lowered
 * itself, says so. */
static bool has_room(const struct scale *scale, uint32_t idle, struct scale_row *row)
{
	int64_t limit = target_fd_limit(scale->target, 0);

	if (limit < 0 || idle + OWN_FDS <= (uint64_t)limit)
		return true;
	(void)snprintf(row->end, sizeof row->end, "stops at %lld descriptors, its own limit%s",
		       (long long)limit, limit == FD_SETSIZE ? " (FD_SETSIZE)" : "");
	return false;
}

/* A server that has answered before and refuses one more has reached its end, which is a result. */
static int stopped_at(const struct scale *scale, int code, struct scale_row *row)
{
	if (code == -EINTR)
		return code;
	if (!row->count)
		return error_set(scale->error, code, "%s: %s with %u idle connections", row->target,
				 strerror(-code), scale->count);
	(void)snprintf(row->end, sizeof row->end, "takes no more after %u connections", scale->count);
	return 0;
}

static int measure(struct scale *scale, struct scale_row *row)
{
	const struct scale_order *order = scale->order;
	int r = 0;

	for (size_t i = 0; i < ASKERS && r >= 0; i++)
		r = scale->askers[i] = open_one(scale);
	if (r < 0)
		return error_set(scale->error, r, "%s: %s", order->target, strerror(-r));
	for (size_t i = 0; i < order->count && row->count < SCALE_POINTS_MOST; i++) {
		if (order->stop && *order->stop)
			return -EINTR;
		if (!has_room(scale, order->idle[i], row))
			return row->count ? 0
					  : error_set(scale->error, -EMFILE, "%s %s", row->target, row->end);
		r = grow_to(scale, order->idle[i]);
		if (r == 0)
			r = measure_point(scale, order->idle[i], &row->points[row->count]);
		if (r < 0)
			return stopped_at(scale, r, row);
		row->count++;
	}
	return 0;
}

static void scale_close(struct scale *scale)
{
	for (uint32_t i = 0; i < scale->count; i++)
		close(scale->idle[i]);
	for (size_t i = 0; i < ASKERS; i++)
		if (scale->askers[i] >= 0)
			close(scale->askers[i]);
	target_free(scale->target, false);
	(void)sched_setaffinity(0, sizeof scale->allowed, &scale->allowed);
	journal_free(scale->journal);
	fault_set_free(scale->faults);
	world_free(scale->world);
	free(scale->idle);
	free(scale->answers);
	(void)rmdir(scale->directory);
}

int scale_measure(const struct scale_order *order, struct scale_row *ret_row, struct error *error)
{
	struct error own = {0};
	struct scale scale = {.order = order, .askers = {-1, -1, -1, -1}, .error = error ? error : &own};
	struct scale_row row = {0};
	(void)sched_getaffinity(0, sizeof scale.allowed, &scale.allowed);
	int r = start(&scale);
	(void)snprintf(row.target, sizeof row.target, "%s", order->target);
	if (r == 0)
		r = measure(&scale, &row);
	scale_close(&scale);
	if (r == 0)
		*ret_row = row;
	return r;
}
