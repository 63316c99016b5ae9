/* SPDX-License-Identifier: MIT */
#include "watch/agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "agent/share.h"
#include "watch/agent_inner.h"
#include "watch/arch.h"
#include "watch/program.h"
#include "watch/tracer.h"
#include "watch/withhold.h"

#define FOLDER	      "/dev/shm"
#define PREFIX	      "wringer-agent-"
#define STALE_SECONDS 60
#define NAMES_TRIED   100
#define STOPS_NOTED   1000
#define SLEEP_NS      100000000L
#define ROOM_LEAST                                                                                           \
	(16 * AGENT_RING_SIZE) /* for a server of a few threads; who finds none goes the slow way */

/* $WRINGER_PRELOAD, beside the binary, or installed. */
static int find_library(struct agent *agent, struct error *error)
{
	static const char *const ways[] = {"wringer-agent.so", "../libexec/wringer/wringer-agent.so",
					   "../../wringer-agent.so"};
	const char *named = getenv("WRINGER_PRELOAD");
	char binary[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", binary, sizeof binary - 1);

	if (named && *named) {
		snprintf(agent->library, sizeof agent->library, "%s", named);
		return access(named, R_OK) == 0 ? 0 : error_set(error, -errno, "%s: no agent there", named);
	}
	binary[length > 0 ? length : 0] = '\0';
	if (strrchr(binary, '/'))
		*strrchr(binary, '/') = '\0';
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		int used = snprintf(agent->library, sizeof agent->library, "%s/%s", binary, ways[i]);

		if (used > 0 && (size_t)used < sizeof agent->library && access(agent->library, R_OK) == 0)
			return 0;
	}
	snprintf(agent->library, sizeof agent->library, "%s/wringer-agent.so", WRINGER_LIBEXEC);
	if (access(agent->library, R_OK) == 0)
		return 0;
	return error_set(error, -ENOENT, "watching by preload needs wringer-agent.so beside wringer");
}

int agent_available(struct error *error)
{
	struct statvfs room;
	struct agent agent;

	if (access(FOLDER, R_OK | W_OK | X_OK) < 0)
		return error_set(error, -EACCES, "watching by preload needs " FOLDER);
	if (statvfs(FOLDER, &room) == 0 && room.f_bavail * room.f_frsize < ROOM_LEAST)
		return error_set(error, -ENOSPC, "watching by preload needs room in " FOLDER);
	return find_library(&agent, error);
}

/*
 * A harness that was killed leaves its file behind. It held a lock on it, which ended with it; one that is
 * just being made is younger than this.
 */
static void remove_stale(int folder, const char *name)
{
	int file = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;

	if (file < 0)
		return;
	if (fstat(file, &status) == 0 && status.st_uid == geteuid() &&
	    status.st_mtime + STALE_SECONDS < time(NULL) && flock(file, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(folder, name, 0);
	close(file);
}

static void sweep(void)
{
	DIR *folder = opendir(FOLDER);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0)
			remove_stale(dirfd(folder), entry->d_name);
	if (folder)
		closedir(folder);
}

/* Only for us, and for the target, which opens it by name: it has our uid when it starts. */
static int make_file(struct agent *agent)
{
	for (unsigned i = 0; i < NAMES_TRIED; i++) {
		struct timespec now;

		clock_gettime(CLOCK_REALTIME, &now);
		snprintf(agent->path, sizeof agent->path, FOLDER "/" PREFIX "%d-%lx", getpid(),
			 (unsigned long)now.tv_nsec + i);
		agent->file = open(agent->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (agent->file >= 0)
			return flock(agent->file, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
		if (errno != EEXIST)
			break;
	}
	agent->path[0] = '\0';
	return -errno;
}

static int make_share(struct agent *agent, struct error *error)
{
	void *map = MAP_FAILED;
	int ret;

	sweep();
	ret = make_file(agent);
	if (ret == 0 && ftruncate(agent->file, sizeof *agent->share) < 0)
		ret = -errno;
	/* The head is there for good; rings are when they are given away. */
	if (ret == 0)
		ret = -posix_fallocate(agent->file, 0, offsetof(struct agent_share, rings));
	if (ret == 0)
		map = mmap(NULL, sizeof *agent->share, PROT_READ | PROT_WRITE, MAP_SHARED, agent->file, 0);
	if (ret == 0 && map == MAP_FAILED)
		ret = -errno;
	if (ret < 0)
		return error_set(error, ret, "no shared file for the agent in " FOLDER ": %s",
				 strerror(-ret));
	agent->share = map;
	agent->share->magic = AGENT_MAGIC;
	agent->share->version = AGENT_VERSION;
	atomic_store(&agent->share->age, 1);
	return 0;
}

int agent_new(struct fault_set *faults, struct agent **ret_agent, struct error *error)
{
	struct agent *agent = calloc(1, sizeof *agent);
	int ret;

	if (!agent)
		return error_set(error, -ENOMEM, "no memory for the agent");
	agent->file = -1;
	ret = find_library(agent, error);
	if (ret == 0)
		ret = make_share(agent, error);
	if (ret < 0) {
		agent_free(agent);
		return ret;
	}
	agent->faults = faults;
	fault_set_share(faults, &agent->share->faults);
	*ret_agent = agent;
	return 0;
}

void agent_free(struct agent *agent)
{
	if (!agent)
		return;
	if (agent->faults)
		fault_set_share(agent->faults, NULL);
	if (agent->share)
		munmap(agent->share, sizeof *agent->share);
	if (agent->file >= 0)
		close(agent->file);
	if (agent->path[0])
		(void)unlink(agent->path);
	for (size_t i = 0; i < sizeof agent->text / sizeof *agent->text; i++)
		free(agent->text[i]);
	free(agent->environment);
	free(agent);
}

static bool is_variable(const char *entry, const char *name)
{
	size_t size = strlen(name);

	return strncmp(entry, name, size) == 0 && entry[size] == '=';
}

/* What the target preloads anyway comes first: what that calls by the next name reaches the agent. */
char *const *agent_environment(struct agent *agent, char *const *envp)
{
	const char *own = "";
	size_t count = 0, used = 0;

	while (envp[count])
		count++;
	agent->environment = calloc(count + 3, sizeof *agent->environment);
	if (!agent->environment)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (is_variable(envp[i], "LD_PRELOAD"))
			own = strchr(envp[i], '=') + 1;
		else if (!is_variable(envp[i], AGENT_VARIABLE))
			agent->environment[used++] = envp[i];
	}
	if (asprintf(&agent->text[0], "LD_PRELOAD=%s%s%s", own, *own ? ":" : "", agent->library) < 0 ||
	    asprintf(&agent->text[1], AGENT_VARIABLE "=%s", agent->path) < 0)
		return NULL;
	agent->environment[used++] = agent->text[0];
	agent->environment[used++] = agent->text[1];
	return agent->environment;
}

static bool any_written(const struct agent *agent)
{
	for (size_t i = 0; i < agent->used; i++)
		if (atomic_load(&agent->share->slots[i].written) !=
		    atomic_load(&agent->share->slots[i].taken))
			return true;
	return false;
}

void agent_sleep(struct agent *agent)
{
	static const struct timespec patience = {.tv_nsec = SLEEP_NS};

	atomic_store(&agent->share->asleep, 1);
	if (!atomic_load(&agent->stopped) && !any_written(agent))
		(void)syscall(SYS_futex, &agent->share->asleep, FUTEX_WAIT, 1, &patience, NULL, 0);
	atomic_store(&agent->share->asleep, 0);
}

void agent_wake(struct agent *agent)
{
	atomic_store(&agent->stopped, true);
	atomic_store(&agent->share->asleep, 0);
	(void)syscall(SYS_futex, &agent->share->asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
}

bool agent_over(const struct agent *agent)
{
	return atomic_load(&agent->stopped);
}

/* A free slot whose memory is there, -1 when there is none: the thread is then watched the slow way. */
static int find_slot(struct agent *agent)
{
	for (size_t i = 0; i < AGENT_SLOTS; i++) {
		off_t at = (off_t)(offsetof(struct agent_share, rings) + i * AGENT_RING_SIZE);

		if (agent->owners[i])
			continue;
		if (i < agent->used)
			return (int)i;
		if (posix_fallocate(agent->file, at, AGENT_RING_SIZE) != 0)
			return -1;
		agent->used = i + 1;
		return (int)i;
	}
	return -1;
}

static void note(struct tracer *tracer, const struct process *process, const char *what, const char *call)
{
	if (journal_mark(tracer->watcher->journal, MARK_NOTE, "process %d %s%s", process->pid, what, call) <
	    0)
		watcher_broke(tracer->watcher, -ENOMEM, "the journal cannot be written");
}

/* What the agent leaves to the tracer when a fault may strike that only the tracer can carry out. */
static bool is_ours(const struct tracer *tracer, enum call call)
{
	return fault_has_call(tracer->agent->share->faults.stops, call);
}

/* Said once of a process that goes on without the agent, or around it: what it does is seen all the same, and
 * costs more. */
static void note_stop(struct tracer *tracer, const struct tracee *tracee)
{
	struct process *process = tracee->process;
	enum call call = tracee->state.row->call;

	if (process->stops > STOPS_NOTED || is_ours(tracer, call) || ++process->stops <= STOPS_NOTED)
		return;
	if (process->claimed)
		note(tracer, process,
		     "makes calls in ways that preload does not cover, watched by ptrace then: ",
		     call_name(call));
	else
		note(tracer, process, "is not watched by preload but by ptrace: it has not loaded the agent",
		     "");
}

bool agent_claimed(struct tracer *tracer, struct tracee *tracee)
{
	struct agent *agent = tracer->agent;
	const uint64_t *arg = tracee->state.arg;
	struct arch_regs regs;
	int slot;

	if (!agent)
		return false;
	note_stop(tracer, tracee);
	if (tracee->state.row->call != CALL_fcntl || (int)arg[0] != -1 || (uint32_t)arg[1] != AGENT_CLAIM ||
	    arg[2] != AGENT_VERSION)
		return false;
	slot = tracee->slot ? (int)tracee->slot - 1 : find_slot(agent);
	if (slot < 0 || arch_get(tracee->tid, &regs) < 0)
		return true; /* the kernel says EBADF */
	arch_skip(&regs, slot);
	atomic_store(&agent->share->slots[slot].pid, tracee->process->pid);
	if (arch_set(tracee->tid, &regs) < 0)
		return true;
	agent->owners[slot] = tracee;
	if (!tracee->process->claimed) /* what came before, while it was loaded, is no habit */
		tracee->process->stops = 0;
	tracee->process->claimed = true;
	tracee->slot = (uint32_t)slot + 1;
	agent->claims++;
	return true;
}

/* What was accepted is given back, or taken over, behind the agent's back. */
static bool is_hidden(const struct tracee *tracee, const struct event *event)
{
	if (event->ret < 0)
		return false;
	switch (event->what) {
	case CALL_close:
		return fds_accepted(tracee->fds, event->fd) && tracee->state.arg[5] != AGENT_KNOWS;
	case CALL_dup2:
	case CALL_dup3:
		return fds_accepted(tracee->fds, (int32_t)event->ret);
	case CALL_close_range:
		return !(event->arg[2] & CLOSE_RANGE_CLOEXEC);
	default:
		return false;
	}
}

void agent_watch_numbers(struct agent *agent, const struct tracee *tracee, const struct event *event)
{
	if (agent && is_hidden(tracee, event))
		agent_doubt(agent);
}

void agent_doubt(struct agent *agent)
{
	if (agent)
		atomic_store(&agent->share->unsure, 1);
}

void agent_release(struct agent *agent, struct tracee *tracee)
{
	struct agent_slot *slot;

	if (!agent || !tracee->slot)
		return;
	slot = &agent->share->slots[tracee->slot - 1];
	atomic_store(&slot->taken, atomic_load(&slot->written));
	agent->owners[tracee->slot - 1] = NULL;
	tracee->slot = 0;
}

/* Only the first program was asked about before it was started. */
void agent_exec(struct tracer *tracer, const struct tracee *tracee)
{
	char path[32];
	int ret;

	if (!tracer->agent)
		return;
	snprintf(path, sizeof path, "/proc/%d/exe", tracee->tid);
	if (!program_comes_first(path))
		return;
	ret = withhold(tracee->tid, tracer->agent->library);
	if (ret == 0)
		note(tracer, tracee->process,
		     "is not watched by preload but by ptrace: it has a sanitizer that must be loaded first",
		     "");
	else if (ret != -ENOENT)
		note(tracer, tracee->process,
		     "has a sanitizer, and the agent could not be kept out: ", strerror(-ret));
}

void agent_born(struct agent *agent)
{
	if (agent)
		atomic_fetch_add(&agent->share->age, 1);
}

void agent_mute(struct agent *agent, int more)
{
	if (agent)
		atomic_fetch_add(&agent->share->mute, (uint32_t)more);
}

void agent_sandboxed(struct tracer *tracer, const struct tracee *tracee)
{
	struct agent *agent = tracer->agent;

	if (!agent || agent->sandboxed)
		return;
	agent->sandboxed = true;
	atomic_store(&agent->share->confined, 1);
	agent_mute(agent, 1);
	note(tracer, tracee->process,
	     "forbids itself calls (seccomp): from here on all is watched by ptrace, for the agent's own "
	     "calls "
	     "may be among them",
	     "");
}

uint64_t agent_waits(const struct agent *agent)
{
	return atomic_load(&agent->share->waits);
}

bool agent_spins(const struct agent *agent)
{
	return agent->futile > FUTILE_SPINS;
}

uint64_t agent_claims(const struct agent *agent)
{
	return agent->claims;
}
