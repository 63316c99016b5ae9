/* SPDX-License-Identifier: MIT */
#include "watch/status.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include "watch/call.h"
#include "watch/family.h"

static bool stops_group(int signo)
{
	return signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

/* A new thread's first stop, the end of job control's stop, or that stop itself: then it is to stay stopped,
 * yet hear SIGCONT. */
static void handle_stop(struct tracer *tracer, struct tracee *tracee, int signo)
{
	if (stops_group(signo) && !atomic_load(&tracer->watcher->stopping))
		(void)ptrace(PTRACE_LISTEN, tracee->tid, NULL, NULL);
	else
		tracer_resume(tracer, tracee, 0);
}

void status_handle(struct tracer *tracer, struct tracee *tracee, int status)
{
	int signo = WSTOPSIG(status);

	switch (status >> 16) {
	case PTRACE_EVENT_SECCOMP:
		call_enter(tracer, tracee);
		return;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		family_fork(tracer, tracee, status >> 16);
		return;
	case PTRACE_EVENT_EXEC:
		family_exec(tracer, tracee->tid);
		return;
	case PTRACE_EVENT_STOP:
		handle_stop(tracer, tracee, signo);
		return;
	case 0:
		if (signo == (SIGTRAP | 0x80))
			call_exit(tracer, tracee);
		else
			family_signal(tracer, tracee, signo);
		return;
	default:
		tracer_resume(tracer, tracee, 0);
	}
}

/* A number of /proc/TID/status. */
static pid_t ask(pid_t tid, const char *format)
{
	char path[32], line[128];
	int number = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/status", tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (!number && fgets(line, sizeof line, file))
		(void)sscanf(line, format, &number);
	fclose(file);
	return number;
}

pid_t status_group(pid_t tid)
{
	return ask(tid, "Tgid: %d");
}

pid_t status_origin(pid_t tid)
{
	pid_t group = status_group(tid);

	return group == tid ? ask(tid, "PPid: %d") : group;
}
