/* SPDX-License-Identifier: MIT */
#include "common/prefork.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/signals.h"

/* ms before a dead worker is replaced: one that dies at once must not become a storm of forks. */
#define REPLACE_PAUSE 100

struct parent {
	int count, signals;
	int (*work)(void *arg, int index);
	void *arg;
	pid_t pid, workers[PREFORK_MOST]; /* workers: 0, there is none */
	bool stopping;
};

static _Noreturn void be_worker(const struct parent *parent, int index)
{
	/* Told to stop with the parent, also when it is killed; it may be dead already. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent->pid)
		_exit(1);
	close(parent->signals);
	exit(parent->work(parent->arg, index));
}

static void fill(struct parent *parent)
{
	for (int i = 0; i < parent->count; i++) {
		if (parent->workers[i])
			continue;
		pid_t pid = fork();
		if (pid == 0)
			be_worker(parent, i);
		if (pid > 0)
			parent->workers[i] = pid;
	}
}

static int missing(const struct parent *parent)
{
	int missing = 0;

	for (int i = 0; i < parent->count; i++)
		missing += parent->workers[i] == 0;
	return missing;
}

static void reap(struct parent *parent)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (int i = 0; i < parent->count; i++)
			if (parent->workers[i] == pid)
				parent->workers[i] = 0;
}

static void stop(struct parent *parent)
{
	parent->stopping = true;
	for (int i = 0; i < parent->count; i++)
		if (parent->workers[i])
			kill(parent->workers[i], SIGTERM);
}

/* Replacements come when nothing else was to be done for REPLACE_PAUSE. */
static int supervise(struct parent *parent)
{
	struct pollfd entry = {.fd = parent->signals, .events = POLLIN};

	while (!parent->stopping || missing(parent) < parent->count) {
		bool wanted = !parent->stopping && missing(parent) > 0;
		int ready = poll(&entry, 1, wanted ? REPLACE_PAUSE : -1), signo;

		if (ready < 0 && errno != EINTR)
			return -errno;
		while ((signo = signals_take(parent->signals)))
			if (signo != SIGCHLD && !parent->stopping)
				stop(parent);
		reap(parent);
		if (ready == 0 && wanted)
			fill(parent);
	}
	return 0;
}

int prefork_run(int count, int (*work)(void *arg, int index), void *arg)
{
	struct parent parent = {.count = count, .work = work, .arg = arg, .pid = getpid()};
	sigset_t signals;
	int error;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	parent.signals = signals_open_set(&signals);
	if (parent.signals < 0)
		return parent.signals;
	fill(&parent);
	error = supervise(&parent);
	close(parent.signals);
	return error;
}
