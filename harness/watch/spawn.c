/* SPDX-License-Identifier: MIT */
#include "watch/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum step { STEP_SESSION, STEP_FDS, STEP_LIMIT, STEP_DIRECTORY, STEP_FILTER, STEP_EXEC };

struct spawn_report {
	int step, code; /* code: positive errno */
};

static const char *const step_text[] = {
    [STEP_SESSION] = "no session of its own for",
    [STEP_FDS] = "cannot hand its fds to",
    [STEP_LIMIT] = "cannot set RLIMIT_NOFILE for",
    [STEP_DIRECTORY] = "cannot enter the directory for",
    [STEP_FILTER] = "the system-call filter is refused for",
    [STEP_EXEC] = "cannot run",
};

int spawn_open(struct spawn *spawn, const struct watch_target *target, const struct sock_fprog *filter)
{
	*spawn = (struct spawn){.target = target, .filter = filter, .go = {-1, -1}, .report = {-1, -1}};
	if (pipe2(spawn->go, O_CLOEXEC) < 0 || pipe2(spawn->report, O_CLOEXEC) < 0)
		return -errno;
	return 0;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void spawn_close(struct spawn *spawn)
{
	close_end(&spawn->go[0]);
	close_end(&spawn->go[1]);
	close_end(&spawn->report[0]);
	close_end(&spawn->report[1]);
}

/* Both ends that the child keeps go above 2, where its own stdin, stdout and stderr cannot land on them. */
static int keep_high(int *fd)
{
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, 3);

	if (high < 0)
		return -1;
	close(*fd);
	*fd = high;
	return 0;
}

static int place_fds(const struct watch_target *target)
{
	int wanted[] = {target->in, target->out, target->err};

	/* First out of the way, then into place, so that in=1, out=0 works as well. */
	for (int i = 0; i < 3; i++)
		if (wanted[i] >= 0 && (wanted[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, 3)) < 0)
			return -1;
	for (int i = 0; i < 3; i++)
		if (wanted[i] >= 0 && dup2(wanted[i], i) < 0)
			return -1;
	return 0;
}

static int limit_fds(const struct watch_target *target)
{
	struct rlimit limit;

	if (!target->fd_soft && !target->fd_hard)
		return 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -1;
	if (target->fd_soft)
		limit.rlim_cur = target->fd_soft;
	if (target->fd_hard)
		limit.rlim_max = target->fd_hard;
	return setrlimit(RLIMIT_NOFILE, &limit);
}

/* What is ignored and blocked survives exec, and the harness ignores SIGPIPE: a target would never die of it.
 */
static void reset_signals(void)
{
	sigset_t none;

	for (int signo = 1; signo < NSIG; signo++)
		(void)signal(signo, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Without privilege only under no_new_privs; with it, not, so that servers may still change their uid. */
static int install_filter(const struct sock_fprog *filter)
{
	if (!filter || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) == 0)
		return 0;
	if (errno != EACCES || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter);
}

/* Up to exec; returns the step that failed. */
static enum step become(const struct spawn *spawn)
{
	const struct watch_target *target = spawn->target;

	if (target->new_session && setsid() < 0)
		return STEP_SESSION;
	if (place_fds(target) < 0)
		return STEP_FDS;
	if (limit_fds(target) < 0)
		return STEP_LIMIT;
	if (target->directory && chdir(target->directory) < 0)
		return STEP_DIRECTORY;
	reset_signals();
	if (install_filter(spawn->filter) < 0)
		return STEP_FILTER;
	execvpe(target->argv[0], target->argv, target->envp ? target->envp : environ);
	return STEP_EXEC;
}

_Noreturn void spawn_child(struct spawn *spawn)
{
	struct spawn_report report;
	char go;

	/* Our copy of the writing end would keep the pipe alive after the harness. */
	close_end(&spawn->go[1]);
	close_end(&spawn->report[0]);
	if (keep_high(&spawn->go[0]) < 0 || keep_high(&spawn->report[1]) < 0)
		_exit(127);
	if (read(spawn->go[0], &go, 1) != 1)
		_exit(127);
	report.step = (int)become(spawn);
	report.code = errno;
	(void)!write(spawn->report[1], &report, sizeof report);
	_exit(127);
}

void spawn_release(struct spawn *spawn)
{
	(void)!write(spawn->go[1], "", 1);
	close_end(&spawn->go[1]);
}

int spawn_result(struct spawn *spawn, char *text, size_t size)
{
	struct spawn_report report;
	ssize_t got;

	close_end(&spawn->report[1]);
	do
		got = read(spawn->report[0], &report, sizeof report);
	while (got < 0 && errno == EINTR);
	if (got != sizeof report)
		return 0;
	snprintf(text, size, "%s %s: %s", step_text[report.step], spawn->target->argv[0],
		 strerror(report.code));
	return -report.code;
}
