/* SPDX-License-Identifier: MIT */
#include "watch/status.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include "watch/again.h"
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
	if (tracee->poked)
		again_make(tracer, tracee);
	if (stops_group(signo) && (tracer->attached || !atomic_load(&tracer->watcher->stopping)))
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
			call_stop(tracer, tracee);
		else
			family_signal(tracer, tracee, signo);
		return;
	default:
		tracer_resume(tracer, tracee, 0);
	}
}

/* One field of /proc/TID/status; false when there is none. */
static bool ask_field(pid_t tid, const char *format, void *ret_value)
{
	char path[32], line[128];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/status", tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof line, file))
		found = sscanf(line, format, ret_value) == 1;
	fclose(file);
	return found;
}

static pid_t ask(pid_t tid, const char *format)
{
	int number;

	return ask_field(tid, format, &number) ? number : 0;
}

pid_t status_tracer(pid_t tid)
{
	return ask(tid, "TracerPid: %d");
}

int status_owner(pid_t tid)
{
	int owner;

	return ask_field(tid, "Uid: %*d %d", &owner) ? owner : -1;
}

uint64_t status_handled(pid_t tid)
{
	unsigned long long handled;

	return ask_field(tid, "SigCgt: %llx", &handled) ? handled : 0;
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
