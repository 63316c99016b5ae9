/* SPDX-License-Identifier: MIT */
/* RLIMIT_NOFILE of the target's processes: lowered, and put back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"
#include "target/target_impl.h"

/* "Uid:\treal\teffective\tsaved\t…" of /proc/PID/status; the effective one. */
static int status_id(const char *status, const char *name, unsigned *ret_id)
{
	const char *line = strstr(status, name);

	return line && sscanf(line + strlen(name), " %*u %u", ret_id) == 1 ? 0 : -EBADMSG;
}

/*
 * A root without CAP_SYS_RESOURCE (a container's) may not set limits of a server that dropped its uid; a
 * process of that very uid may. So a child becomes it first. Bare system calls: the C library would bother
 * the threads this child does not have.
 */
static int limit_as_user(pid_t pid, const struct rlimit *limit)
{
	char path[64], status[4096];
	unsigned uid, gid;
	int rc, end = 0;
	pid_t child;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	rc = proc_read(path, status, sizeof(status));
	if (rc < 0)
		return rc;
	if (status_id(status, "\nUid:", &uid) < 0 || status_id(status, "\nGid:", &gid) < 0)
		return -EBADMSG;
	child = fork();
	if (child == 0) {
		if (syscall(SYS_setresgid, gid, gid, gid) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0 ||
		    prlimit(pid, RLIMIT_NOFILE, limit, NULL) < 0)
			_exit(errno & 0xff);
		_exit(0);
	}
	if (child < 0)
		return -errno;
	while (waitpid(child, &end, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(end) ? -WEXITSTATUS(end) : -EIO;
}

static int limit_set(pid_t pid, const struct rlimit *limit)
{
	if (prlimit(pid, RLIMIT_NOFILE, limit, NULL) == 0)
		return 0;
	return errno == EPERM && geteuid() == 0 ? limit_as_user(pid, limit) : -errno;
}

static int limit_one(const struct target *target, pid_t pid, uint64_t soft, uint64_t hard)
{
	const struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
	struct event event = event_make(EV_FAULT, FAULT_LIMIT);
	int rc = limit_set(pid, &limit);

	if (rc < 0)
		return rc == -ESRCH ? 0 : rc; /* it ended meanwhile */
	event.pid = pid;
	event.arg[0] = soft;
	event.arg[1] = hard;
	return journal_append(target->journal, &event);
}

int target_limit_fds(struct target *target, const struct world *world, uint64_t soft, uint64_t hard,
		     struct error *error)
{
	struct pid_list pids;
	int rc = pids_live(target, world, &pids);

	if (rc < 0)
		return error_set(error, rc, "out of memory");
	if (pids.count == 0)
		rc = error_set(error, -ESRCH, "the target is gone");
	for (size_t i = 0; rc == 0 && i < pids.count; i++) {
		rc = limit_one(target, pids.pids[i], soft, hard);
		if (rc < 0)
			(void)error_set(error, rc, "setting the fd limit of process %d: %s", pids.pids[i],
					strerror(-rc));
	}
	pids_free(&pids);
	return rc;
}

int64_t target_fd_limit(const struct target *target, pid_t pid)
{
	uint64_t soft, hard;
	int rc = proc_limit(pid > 0 ? pid : target->pid, &soft, &hard);

	if (rc < 0)
		return rc;
	return soft > INT64_MAX ? INT64_MAX : (int64_t)soft;
}

static struct limit_saved *limit_find(const struct target *target, pid_t pid)
{
	for (size_t i = 0; i < target->limits.count; i++) {
		if (target->limits.items[i].pid == pid)
			return &target->limits.items[i];
	}
	return NULL;
}

/* What a process had before the first lowering is what it gets back. */
static int limit_save(struct target *target, pid_t pid, uint64_t *ret_hard)
{
	struct limit_saved saved = {.pid = pid};
	struct limit_saved *grown;
	int rc = proc_limit(pid, &saved.soft, ret_hard);

	if (rc < 0)
		return rc;
	if (limit_find(target, pid))
		return 0;
	grown =
	    array_grow(target->limits.items, target->limits.count, &target->limits.capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	target->limits.items = grown;
	grown[target->limits.count++] = saved;
	return 0;
}

static int limit_bit(void *arg, int fd)
{
	struct buf *used = arg;
	size_t need = (size_t)fd + 1;

	if (used->size < need) {
		size_t old = used->size;
		int rc = buf_reserve(used, need - old);

		if (rc < 0)
			return rc;
		memset(used->data + old, 0, need - old);
		used->size = need;
	}
	used->data[fd] = 1;
	return 0;
}

/*
 * The limit bounds numbers, not how many there are, and the lowest free number is always taken: the limit
 * that leaves `spare` is the number behind the spare-th hole.
 */
static int limit_for(pid_t pid, uint32_t spare, uint64_t *ret_limit)
{
	struct buf used = {0};
	char path[64];
	uint64_t limit = 0, holes = 0;
	int rc;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	rc = proc_each(path, limit_bit, &used);
	while (rc == 0 && (holes < spare || (limit < used.size && used.data[limit]))) {
		holes += limit >= used.size || !used.data[limit];
		limit++;
	}
	buf_free(&used);
	if (rc == 0)
		*ret_limit = limit;
	return rc;
}

static int limit_spare_one(struct target *target, pid_t pid, uint32_t spare)
{
	uint64_t soft = 0, hard = 0;
	int rc = limit_save(target, pid, &hard);

	if (rc == -ESRCH)
		return 0;
	rc = rc ? rc : limit_for(pid, spare, &soft);
	/* only the soft limit: the hard one could not be raised again without privilege */
	return rc ? rc : limit_one(target, pid, soft < hard ? soft : hard, hard);
}

int target_limit_spare(struct target *target, const struct world *world, uint32_t spare, struct error *error)
{
	struct pid_list pids;
	int rc = pids_live(target, world, &pids);

	if (rc < 0)
		return error_set(error, rc, "out of memory");
	if (pids.count == 0)
		rc = error_set(error, -ESRCH, "the target is gone");
	for (size_t i = 0; rc == 0 && i < pids.count; i++) {
		rc = limit_spare_one(target, pids.pids[i], spare);
		if (rc < 0)
			(void)error_set(error, rc, "lowering the fd limit of process %d: %s", pids.pids[i],
					strerror(-rc));
	}
	pids_free(&pids);
	return rc;
}

/* A hard limit that the process lowered itself meanwhile is its own will, and bounds what it gets back. */
static int limit_restore_one(const struct target *target, pid_t pid)
{
	/* a process forked meanwhile inherited the low limit: it gets what the first one had */
	const struct limit_saved *saved = limit_find(target, pid);
	uint64_t soft, hard;
	int rc = proc_limit(pid, &soft, &hard);

	if (rc < 0)
		return rc == -ESRCH ? 0 : rc;
	saved = saved ? saved : &target->limits.items[0];
	return limit_one(target, pid, saved->soft < hard ? saved->soft : hard, hard);
}

int target_limit_restore(struct target *target, const struct world *world)
{
	struct pid_list pids;
	int rc, first = 0;

	if (target->limits.count == 0)
		return 0;
	rc = pids_live(target, world, &pids);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < pids.count; i++) {
		rc = limit_restore_one(target, pids.pids[i]);
		first = first ? first : rc;
	}
	pids_free(&pids);
	target->limits.count = 0;
	return first;
}
