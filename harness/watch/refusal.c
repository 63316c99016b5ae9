/* SPDX-License-Identifier: MIT */
#include "watch/refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "watch/status.h"

/* 0 where Yama is not, or asks for nothing. */
static int yama_scope(void)
{
	FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%d", &scope) != 1)
		scope = 0;
	fclose(file);
	return scope;
}

/* Somebody else's, and we are not root. */
static bool is_foreign(pid_t pid)
{
	int owner = status_owner(pid);

	return owner >= 0 && geteuid() != 0 && (uid_t)owner != geteuid();
}

static void explain_refused(pid_t pid, char *text, size_t size)
{
	int tracer = status_tracer(pid), scope = yama_scope();

	if (tracer > 0)
		snprintf(text, size, "process %d is traced already, by process %d", pid, tracer);
	else if (scope >= 3)
		snprintf(text, size,
			 "kernel.yama.ptrace_scope is 3: nothing can be attached to until a reboot");
	else if (is_foreign(pid))
		snprintf(text, size, "process %d belongs to user %d: run wringer as that user, or as root",
			 pid, status_owner(pid));
	else if (scope && geteuid() != 0)
		snprintf(text, size,
			 "kernel.yama.ptrace_scope is %d: run wringer as root, or set it to 0 (sysctl -w)",
			 scope);
	else
		snprintf(
		    text, size,
		    "the kernel refuses to attach to process %d: CAP_SYS_PTRACE is needed (in a container: "
		    "--cap-add SYS_PTRACE)",
		    pid);
}

int refusal_foresee(pid_t pid, char *text, size_t size)
{
	pid_t group = status_group(pid);

	if (!group) {
		snprintf(text, size, "there is no process %d", pid);
		return -ESRCH;
	}
	if (group != pid) {
		snprintf(text, size, "%d is a thread of process %d: --pid %d", pid, group, group);
		return -EINVAL;
	}
	for (pid_t own = getpid(); own > 0; own = status_origin(own)) {
		if (own != pid)
			continue;
		snprintf(text, size, "process %d is wringer itself, or what wringer was started from", pid);
		return -EINVAL;
	}
	if (status_tracer(pid) > 0 || is_foreign(pid)) {
		explain_refused(pid, text, size);
		return -EPERM;
	}
	return 0;
}

void refusal_explain(pid_t pid, int code, char *text, size_t size)
{
	if (code == -EPERM || code == -EACCES)
		explain_refused(pid, text, size);
	else if (code == -ESRCH)
		snprintf(text, size, "process %d has just ended", pid);
	else
		snprintf(text, size, "cannot attach to process %d: %s", pid, strerror(-code));
}
