/* SPDX-License-Identifier: MIT */
#include "cli/watching.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/say.h"

/* Asked of a child, which then is traced for the rest of its short life. */
static bool ptrace_allowed(void)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0);
	if (child < 0)
		return true; /* whoever watches will find out, and say it better */
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int watching_find(const char *name, const struct watch_ops **ret_ops, struct error *error)
{
	bool choose = strcmp(name, "auto") == 0;

	if (choose)
		name = ptrace_allowed() ? "ptrace" : "none";
	const struct watch_ops *ops = watch_find(name);
	if (!ops)
		return error_set(error, -ENOENT, "this wringer cannot watch by %s", name);
	if (choose && strcmp(name, "none") == 0)
		say_note(
		    "ptrace is refused here: the server's calls are not seen, most rules cannot be judged");
	*ret_ops = ops;
	return 0;
}
