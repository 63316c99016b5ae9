/* SPDX-License-Identifier: MIT */
#include "peer/hoard.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "peer/hoard_impl.h"
#include "peer/source.h"
#include "target/sandbox.h"

/* What one connection costs the kernel, both ends and their registrations: measured at some 6 KiB, and more
 * while it is being made. */
#define KERNEL_BYTES 10240

#define WORTH_A_WORKER 1000 /* peers for which another core is used */

struct hoard {
	struct hoard_page *pages;
	pid_t *pids;
	uint32_t workers;
	struct hoard_crowd *crowd; /* NULL: nobody looks */
	uint32_t wanted;	   /* what it counts there */
	uint32_t last;		   /* how many there were when it last grew */
	uint64_t grown;		   /* clock_now() time of that */
};

/* A number behind a name in a file of /proc. */
static uint64_t proc_number(const char *path, const char *format)
{
	FILE *file = fopen(path, "re");
	unsigned long long number = 0;
	char line[256];

	if (!file)
		return 0;
	while (fgets(line, sizeof line, file))
		if (sscanf(line, format, &number) == 1)
			break;
	(void)fclose(file);
	return number;
}

static uint64_t fds_each(void)
{
	struct rlimit limit = {0};

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur > HOARD_SPARE ? limit.rlim_cur - HOARD_SPARE : 0;
}

static void lower(uint64_t *most, uint64_t bound, const char **reason, const char *why)
{
	if (bound < *most) {
		*most = bound;
		*reason = why;
	}
}

uint64_t hoard_most(const char **ret_reason)
{
	uint64_t most = UINT64_MAX, open = proc_number("/proc/sys/fs/file-nr", "%llu");
	uint64_t files = proc_number("/proc/sys/fs/file-max", "%llu");
	uint64_t memory = proc_number("/proc/meminfo", "MemAvailable: %llu") * 1024;

	lower(&most, fds_each() * HOARD_WORKERS_MOST, ret_reason,
	      "fds of one process, times the worker processes");
	if (files)
		lower(&most, files > open ? (files - open) / 2 : 0, ret_reason, "open files of the system");
	if (memory)
		lower(&most, memory / KERNEL_BYTES, ret_reason, "memory");
	lower(&most, SOURCE_MOST * 28000ULL, ret_reason, "ports of loopback's addresses");
	return most;
}

/* What the limit of fds asks for, and one for each core when there is something to do for it. 0: no fds. */
static uint64_t workers_for(uint32_t peers)
{
	uint64_t each = fds_each(), needed = each ? (peers + each - 1) / each : 0;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t useful = (peers + WORTH_A_WORKER - 1) / WORTH_A_WORKER;

	if (cores > 0 && useful > (uint64_t)cores)
		useful = (uint64_t)cores;
	return needed && useful > needed ? useful : needed;
}

static int start_worker(struct hoard *hoard, const struct hoard_options *options, uint32_t index,
			uint32_t workers)
{
	const struct hoard_share share = {
	    .options = options,
	    .index = index,
	    .workers = workers,
	    .peers = options->peers / workers + (index < options->peers % workers),
	    .rate = options->rate / workers,
	    .page = &hoard->pages[index],
	};
	pid_t pid = fork();

	if (pid == 0)
		hoard_work(&share);
	if (pid < 0)
		return -errno;
	hoard->pids[hoard->workers++] = pid;
	return 0;
}

static void expect(struct hoard *hoard, const struct hoard_options *options)
{
	hoard->crowd = options->crowd;
	hoard->wanted = options->peers;
	if (hoard->crowd)
		(void)atomic_fetch_add(&hoard->crowd->wanted, hoard->wanted);
}

/* Nobody is wanted any more. */
static void forget(struct hoard *hoard)
{
	if (hoard->crowd)
		(void)atomic_fetch_sub(&hoard->crowd->wanted, hoard->wanted);
	hoard->wanted = 0;
}

/* Its connections went with the worker. */
static void buried(struct hoard *hoard, uint32_t worker)
{
	hoard->pids[worker] = 0;
	if (hoard->crowd)
		(void)atomic_fetch_sub(&hoard->crowd->held, atomic_load(&hoard->pages[worker].open));
}

int hoard_new(const struct hoard_options *options, struct hoard **ret_hoard, struct error *error)
{
	struct hoard *hoard = calloc(1, sizeof *hoard);
	uint64_t wanted = workers_for(options->peers);
	uint32_t workers = (uint32_t)wanted;
	int r = 0;

	if (!hoard)
		return error_set(error, -ENOMEM, "out of memory");
	if (!wanted || wanted > HOARD_WORKERS_MOST)
		r = -EMFILE;
	hoard->grown = clock_now();
	expect(hoard, options);
	if (r == 0)
		hoard->pids = calloc(workers, sizeof *hoard->pids);
	if (r == 0)
		hoard->pages = mmap(NULL, workers * sizeof *hoard->pages, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r == 0 && (!hoard->pids || hoard->pages == MAP_FAILED))
		r = -ENOMEM;
	if (hoard->pages == MAP_FAILED)
		hoard->pages = NULL;
	/* as many ports as there can be; without a namespace of our own it stays what it is */
	(void)sandbox_sysctl("net/ipv4/ip_local_port_range", "1024 65535", NULL);
	for (uint32_t i = 0; r == 0 && i < workers; i++)
		r = start_worker(hoard, options, i, workers);
	if (r < 0) {
		hoard_free(hoard);
		return error_set(error, r, "%u peers: %s", options->peers, strerror(-r));
	}
	*ret_hoard = hoard;
	return 0;
}

struct hoard_count hoard_count(const struct hoard *hoard)
{
	struct hoard_count count = {.workers = hoard->workers};

	for (uint32_t i = 0; i < hoard->workers; i++) {
		const struct hoard_page *page = &hoard->pages[i];
		count.open += atomic_load(&page->open);
		count.made += atomic_load(&page->made);
		count.ended += atomic_load(&page->ended);
		count.refused += atomic_load(&page->refused);
		count.bytes += atomic_load(&page->bytes);
		count.memory += atomic_load(&page->memory);
		count.error = atomic_load(&page->error) ? atomic_load(&page->error) : count.error;
		count.broken = atomic_load(&page->broken) ? atomic_load(&page->broken) : count.broken;
	}
	return count;
}

uint64_t hoard_still(struct hoard *hoard)
{
	uint32_t made = hoard_count(hoard).made;
	uint64_t now = clock_now();

	if (made != hoard->last) {
		hoard->last = made;
		hoard->grown = now;
	}
	return now - hoard->grown;
}

void hoard_drop(struct hoard *hoard)
{
	for (uint32_t i = 0; i < hoard->workers; i++)
		atomic_store(&hoard->pages[i].drop, true);
}

bool hoard_gone(struct hoard *hoard)
{
	bool gone = true;

	for (uint32_t i = 0; i < hoard->workers; i++) {
		int status;
		if (!hoard->pids[i])
			continue;
		if (waitpid(hoard->pids[i], &status, WNOHANG) == 0) {
			gone = false;
			continue;
		}
		buried(hoard, i);
	}
	if (gone)
		forget(hoard);
	return gone;
}

void hoard_free(struct hoard *hoard)
{
	if (!hoard)
		return;
	for (uint32_t i = 0; i < hoard->workers; i++) {
		if (!hoard->pids[i])
			continue;
		(void)kill(hoard->pids[i], SIGKILL);
		(void)waitpid(hoard->pids[i], NULL, 0);
		buried(hoard, i);
	}
	forget(hoard);
	/* mapped for all the workers that were wanted; those that were started are what is known here */
	if (hoard->pages)
		(void)munmap(hoard->pages, (hoard->workers ? hoard->workers : 1) * sizeof *hoard->pages);
	free(hoard->pids);
	free(hoard);
}
