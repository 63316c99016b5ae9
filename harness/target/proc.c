/* SPDX-License-Identifier: MIT */
/* What /proc and the process clocks tell about one process. */
#include "target/target_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"

int proc_each(const char *path, int (*each)(void *arg, int number), void *arg)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	int rc = 0;

	if (!folder)
		return errno == ENOENT || errno == ESRCH ? 0 : -errno;
	while (rc == 0 && (entry = readdir(folder))) {
		char *end;
		long number = strtol(entry->d_name, &end, 10);

		if (*end == '\0' && entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			rc = each(arg, (int)number);
	}
	(void)closedir(folder);
	return rc;
}

int proc_read(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;

	if (fd < 0)
		return -errno;
	while (length < size - 1) {
		ssize_t got = read(fd, out + length, size - 1 - length);

		if (got < 0) {
			int rc = -errno;

			(void)close(fd);
			return rc;
		}
		if (got == 0)
			break;
		length += (size_t)got;
	}
	(void)close(fd);
	out[length] = '\0';
	return (int)length;
}

int proc_cpu(pid_t pid, uint64_t *ret_ns)
{
	struct timespec used;
	clockid_t clock;
	int rc = clock_getcpuclockid(pid, &clock);

	if (rc != 0)
		return -rc;
	if (clock_gettime(clock, &used) < 0)
		return -errno;
	*ret_ns = (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
	return 0;
}

int proc_sched(pid_t pid, pid_t tid, struct sched_times *ret_times)
{
	char path[64], text[128];
	unsigned long long ran, waited, turns;
	int rc;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, tid);
	rc = proc_read(path, text, sizeof(text));
	if (rc < 0)
		return rc;
	if (sscanf(text, "%llu %llu %llu", &ran, &waited, &turns) != 3)
		return -EBADMSG;
	*ret_times = (struct sched_times){.ran = ran, .waited = waited, .turns = turns};
	return 0;
}

/* "unlimited", or a number. */
static uint64_t limit_word(const char *word)
{
	return word[0] == 'u' ? RLIM_INFINITY : strtoull(word, NULL, 10);
}

/* prlimit of another user's process takes a capability that containers withhold; its text does not. */
static int limit_text(pid_t pid, uint64_t *ret_soft, uint64_t *ret_hard)
{
	char path[64], text[4096], soft[32], hard[32];
	const char *line;
	int rc;

	(void)snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	rc = proc_read(path, text, sizeof(text));
	if (rc < 0)
		return rc;
	line = strstr(text, "Max open files");
	if (!line || sscanf(line, "Max open files %31s %31s", soft, hard) != 2)
		return -EBADMSG;
	*ret_soft = limit_word(soft);
	*ret_hard = limit_word(hard);
	return 0;
}

int proc_limit(pid_t pid, uint64_t *ret_soft, uint64_t *ret_hard)
{
	struct rlimit limit;

	if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) < 0)
		return errno == EPERM ? limit_text(pid, ret_soft, ret_hard) : -errno;
	*ret_soft = limit.rlim_cur;
	*ret_hard = limit.rlim_max;
	return 0;
}

static int count_one(void *arg, int number)
{
	(void)number;
	++*(int64_t *)arg;
	return 0;
}

int64_t proc_fds(pid_t pid)
{
	char path[64];
	int64_t count = 0;
	int rc;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	rc = proc_each(path, count_one, &count);
	return rc < 0 ? rc : count;
}

uint64_t proc_rss(pid_t pid)
{
	char path[64], text[256];
	unsigned long long total, resident;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	if (proc_read(path, text, sizeof(text)) <= 0 || sscanf(text, "%llu %llu", &total, &resident) != 2)
		return 0;
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t proc_socket_inode(pid_t pid, int fd)
{
	char path[64], link[64];
	unsigned long long inode;
	ssize_t length;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		return 0;
	link[length] = '\0';
	return sscanf(link, "socket:[%llu]", &inode) == 1 ? (uint64_t)inode : 0;
}

int borrow_open(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0u);

	return fd < 0 ? -errno : (int)fd;
}

int borrow(int pidfd, int fd)
{
	long got = syscall(SYS_pidfd_getfd, pidfd, fd, 0u);

	return got < 0 ? -errno : (int)got;
}
