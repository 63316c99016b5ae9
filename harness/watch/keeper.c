/* SPDX-License-Identifier: MIT */
/* Runs in the fork of a process with threads: only what is async-signal-safe. */
#include "watch/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "watch/numbers.h"

#define CONTROL	     3 /* where the keeper keeps its end */
#define KILL_LOOK_MS 20
#define OLD_FDS	     4096 /* closed one by one where close_range is missing */

static void say(const struct keeper_word *word)
{
	(void)send(CONTROL, word, sizeof *word, MSG_NOSIGNAL); /* the harness may be gone */
}

static void on_child(int signo)
{
	(void)signo; /* it only has to end ppoll */
}

/* Everything but the control socket is the harness's: a copy here would keep its connections open. */
static void drop_fds(int control)
{
	if (control != CONTROL)
		(void)dup2(control, CONTROL);
	if (syscall(__NR_close_range, CONTROL + 1, ~0u, 0) == 0)
		return;
	for (int fd = CONTROL + 1; fd < OLD_FDS; fd++)
		(void)close(fd);
}

static pid_t start_target(struct spawn *spawn)
{
	pid_t pid = fork();

	if (pid == 0)
		spawn_child(spawn);
	return pid < 0 ? -errno : pid;
}

/* Kills the children there are now; grandchildren become children when those are gone. */
static void kill_children(pid_t first)
{
	static const char path[] = "/proc/thread-self/children";
	char text[4096];
	ssize_t size = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	pid_t pid = 0;

	if (fd >= 0) {
		size = read(fd, text, sizeof text);
		close(fd);
	}
	for (ssize_t i = 0; i < size; i++) {
		if (text[i] >= '0' && text[i] <= '9') {
			pid = pid * 10 + (text[i] - '0');
			continue;
		}
		if (pid)
			(void)kill(pid, SIGKILL);
		pid = 0;
	}
	if (size < 0 && first > 0) /* a kernel without that file: the group is the best guess */
		(void)kill(-first, SIGKILL);
}

/* Reaps what has ended. False once no child is left. */
static bool reap(pid_t *first)
{
	for (;;) {
		struct keeper_word word = {.kind = KEEPER_ENDED};
		pid_t pid = waitpid(-1, &word.status, WNOHANG | __WALL);

		if (pid <= 0)
			return pid == 0 || errno != ECHILD;
		if (pid != *first)
			continue;
		word.pid = pid;
		*first = 0;
		say(&word);
	}
}

/* Sleeps until a child ends or control does; true in the latter case. */
static bool control_ended(const sigset_t *sleeping)
{
	struct pollfd poll = {.fd = CONTROL, .events = POLLIN};

	return ppoll(&poll, 1, NULL, sleeping) > 0;
}

static void keep(pid_t first, const sigset_t *sleeping, bool ending)
{
	static const struct timespec look = {.tv_nsec = KILL_LOOK_MS * 1000000L};

	while (reap(&first)) {
		if (!ending)
			ending = control_ended(sleeping);
		if (!ending)
			continue;
		kill_children(first);
		(void)ppoll(NULL, 0, &look, sleeping);
	}
}

_Noreturn void keeper_run(int control, struct spawn *spawn)
{
	struct keeper_word word = {.kind = KEEPER_STARTED};
	struct sigaction action = {.sa_handler = on_child};
	sigset_t sleeping, all;
	char go;

	/* Only a child's end is delivered, and only in the sleep, so that none is missed between looking and
	 * sleeping. */
	sigfillset(&all);
	sigfillset(&sleeping);
	sigdelset(&sleeping, SIGCHLD);
	sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setsid(); /* the terminal's signals are for the harness and, if it wishes, the target */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	word.pid = start_target(spawn);
	drop_fds(control);
	sigaction(SIGCHLD, &action, NULL);
	if (word.pid < 0)
		word.status = word.pid;
	say(&word);
	if (word.pid > 0)
		keep(word.pid, &sleeping, read(CONTROL, &go, 1) != 1);
	_exit(0);
}
