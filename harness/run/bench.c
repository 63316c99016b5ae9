/* SPDX-License-Identifier: MIT */
/*
 * The server is ours to start and to look after; the load comes from children of this process, which lay what
 * they counted in memory that is shared with us. So the load shares no lock, and no thread of the harness
 * stands in its way.
 */
#include "run/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "journal/journal.h"
#include "model/world.h"
#include "peer/loop.h"
#include "target/sandbox.h"
#include "target/target.h"

#define START_PATIENCE (20 * NS_PER_S)
#define START_LOOK     (10 * NS_PER_MS)
#define STOP_PATIENCE  (2 * NS_PER_S)
#define LOOK	       (250 * NS_PER_MS)
#define LEAD	       (50 * NS_PER_MS) /* for the processes to be there when the time begins */

struct served {
	const struct bench_options *options;
	char folder[64];
	struct journal *journal;
	struct world *world;
	struct fault_set *faults;
	struct loop *loop;
	struct target *target;
	struct sockaddr_storage address;
	socklen_t address_size;
	bool ready, gone;
};

static int follow(void *arg, const struct event *event)
{
	struct served *served = arg;

	/* from then on nobody asks what the server has open */
	return served->ready ? 0 : world_apply(served->world, event);
}

static void journal_ready(void *arg, uint32_t events)
{
	struct served *served = arg;

	(void)events;
	(void)journal_drain(served->journal, follow, served);
}

static void target_done(void *arg, uint32_t events)
{
	struct served *served = arg;

	(void)events;
	served->gone = true;
	loop_unwatch(served->loop, watcher_done_fd(target_watcher(served->target)));
}

static int make_folder(struct served *served, struct error *error)
{
	const char *temporary = getenv("TMPDIR");
	char path[sizeof served->folder];

	(void)snprintf(path, sizeof path, "%.40s/wringer-XXXXXX",
		       temporary && *temporary ? temporary : "/tmp");
	if (!mkdtemp(path))
		return error_set(error, -errno, "cannot make %s: %s", path, strerror(errno));
	memcpy(served->folder, path, sizeof path);
	return 0;
}

static int served_start(struct served *served, struct error *error)
{
	const struct target_options options = {
	    .argv = served->options->argv, .watch = served->options->watch, .directory = served->folder};
	int rc = make_folder(served, error);

	rc = rc ? rc : journal_create(NULL, &served->journal, error);
	rc = rc ? rc : loop_new(&served->loop, error);
	if (rc < 0)
		return rc;
	served->world = world_new();
	served->faults = fault_set_new();
	if (!served->world || !served->faults)
		return error_set(error, -ENOMEM, "out of memory");
	rc = target_start(&options, served->journal, served->faults, &served->target, error);
	if (rc < 0)
		return rc;
	rc = loop_watch(served->loop, journal_fd(served->journal), EPOLLIN, journal_ready, served);
	rc = rc ? rc
		: loop_watch(served->loop, watcher_done_fd(target_watcher(served->target)), EPOLLIN,
			     target_done, served);
	return rc < 0 ? error_set(error, rc, "looking after the server: %s", strerror(-rc)) : 0;
}

static int not_started(struct served *served, struct error *error)
{
	char output[300];

	(void)target_output(served->target, output, sizeof output);
	return error_set(error, -ESRCH, "the server %s%s%s",
			 served->gone ? "ended before it listened" : "does not listen", output[0] ? ": " : "",
			 output);
}

static int wait_listening(struct served *served, struct error *error)
{
	uint64_t until = clock_now() + (uint64_t)((double)START_PATIENCE * served->options->time_scale);

	while (!served->ready) {
		bool stopped = served->options->stop && *served->options->stop;
		int rc = stopped ? -EINTR : loop_step(served->loop, clock_now() + START_LOOK);

		if (rc < 0)
			return error_set(error, rc, "waiting for the server: %s", strerror(-rc));
		if (served->gone || clock_now() > until)
			return not_started(served, error);
		served->ready = target_address(served->target, served->world, served->options->port,
					       &served->address, &served->address_size) == 0;
	}
	return 0;
}

static void served_stop(struct served *served)
{
	uint64_t until = clock_now() + STOP_PATIENCE;

	if (served->target && !served->gone)
		(void)target_stop(served->target);
	while (served->target && !served->gone && clock_now() < until)
		if (loop_step(served->loop, until) < 0)
			break;
	if (served->target && !served->gone)
		loop_unwatch(served->loop, watcher_done_fd(target_watcher(served->target)));
	target_free(served->target, false);
	journal_free(served->journal);
	loop_free(served->loop);
	fault_set_free(served->faults);
	world_free(served->world);
	if (served->folder[0])
		(void)rmdir(served->folder);
}

/* The processes that make the load. */
struct crew {
	struct load_figures *figures; /* shared, one for each */
	pid_t pids[BENCH_PROCESSES_MOST];
	uint32_t count, alive;
};

/* Its share of count, the first ones taking what is left over. */
static uint32_t share(uint32_t count, uint32_t processes, uint32_t index)
{
	return count / processes + (index < count % processes);
}

static void work(const struct served *served, struct crew *crew, uint32_t index, uint64_t begin)
{
	const struct bench_options *options = served->options;
	const struct load_options load = {
	    .protocol = options->protocol,
	    .address = (const struct sockaddr *)&served->address,
	    .address_size = served->address_size,
	    .connections = share(options->connections, options->processes, index),
	    .pipeline = options->pipeline,
	    .rate = (double)options->rate / options->processes,
	    .phase = (double)index / options->processes,
	    .once = options->once,
	    .begin = begin,
	    .end = begin + options->duration,
	    .stop = options->stop,
	};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)load_run(&load, &crew->figures[index]);
	_exit(0);
}

static int crew_start(const struct served *served, struct crew *crew, struct error *error)
{
	uint32_t processes = served->options->processes;
	uint64_t begin = clock_now() + LEAD;
	size_t size = processes * sizeof *crew->figures;

	crew->figures = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (crew->figures == MAP_FAILED) {
		crew->figures = NULL;
		return error_set(error, -errno, "memory for the figures: %s", strerror(errno));
	}
	for (; crew->count < processes; crew->count++, crew->alive++) {
		pid_t pid = fork();
		if (pid == 0)
			work(served, crew, crew->count, begin);
		if (pid < 0)
			return error_set(error, -errno, "cannot fork: %s", strerror(errno));
		crew->pids[crew->count] = pid;
	}
	return 0;
}

/* One that did not end by itself has told nothing that could be trusted. */
static int crew_reap(struct crew *crew, struct error *error)
{
	for (uint32_t i = 0; i < crew->count; i++) {
		int status;
		if (!crew->pids[i] || waitpid(crew->pids[i], &status, WNOHANG) != crew->pids[i])
			continue;
		crew->pids[i] = 0;
		crew->alive--;
		if (!WIFEXITED(status))
			return error_set(error, -EIO, "a process that made the load died by signal %d",
					 WTERMSIG(status));
	}
	return 0;
}

static void crew_kill(struct crew *crew)
{
	for (uint32_t i = 0; i < crew->count; i++) {
		if (!crew->pids[i])
			continue;
		(void)kill(crew->pids[i], SIGKILL);
		(void)waitpid(crew->pids[i], NULL, 0);
	}
	if (crew->figures)
		(void)munmap(crew->figures, crew->count * sizeof *crew->figures);
}

static void tell_progress(const struct bench_options *options, const struct crew *crew, uint64_t began)
{
	uint64_t answers = 0, now = clock_now();

	for (uint32_t i = 0; i < crew->count; i++)
		answers += atomic_load_explicit(&crew->figures[i].answers, memory_order_relaxed);
	if (options->progress)
		options->progress(options->arg, now > began ? clock_seconds(now - began) : 0, answers);
}

static int crew_wait(struct served *served, struct crew *crew, struct error *error)
{
	uint64_t began = clock_now() + LEAD;

	while (crew->alive) {
		uint64_t now = clock_now(), end = began + served->options->duration;
		uint64_t next = now < end && end < now + LOOK ? end + NS_PER_MS : now + LOOK;
		int rc = loop_step(served->loop, now < end ? next : now + 5 * NS_PER_MS);

		rc = rc < 0 ? error_set(error, rc, "looking after the server: %s", strerror(-rc))
			    : crew_reap(crew, error);
		if (rc < 0)
			return rc;
		tell_progress(served->options, crew, began);
	}
	return 0;
}

static int load(struct served *served, struct bench *bench, struct error *error)
{
	struct crew crew = {0};
	int rc = crew_start(served, &crew, error);

	rc = rc ? rc : crew_wait(served, &crew, error);
	for (uint32_t i = 0; rc == 0 && i < crew.count; i++)
		load_merge(&bench->load, &crew.figures[i]);
	crew_kill(&crew);
	if (rc == 0 && bench->load.broken)
		rc = error_set(error, bench->load.broken, "the load: %s", bench->load.complaint);
	return rc;
}

int bench_load(const struct bench_options *options, struct bench *ret_bench, struct error *error)
{
	struct served served = {.options = options};
	int rc = options->sandbox ? sandbox_enter(error) : 0;

	*ret_bench = (struct bench){.options = options};
	rc = rc ? rc : served_start(&served, error);
	rc = rc ? rc : wait_listening(&served, error);
	rc = rc ? rc : load(&served, ret_bench, error);
	ret_bench->ended = served.gone;
	ret_bench->stopped = options->stop && *options->stop;
	served_stop(&served);
	return rc;
}

double bench_rate(const struct bench *bench)
{
	return bench->load.lasted ? (double)bench->load.answers / clock_seconds(bench->load.lasted) : 0;
}

bool bench_clean(const struct bench *bench)
{
	const struct load_figures *load = &bench->load;

	return load->answers && !load->wrong && !load->cut && !load->refused && !bench->ended;
}
