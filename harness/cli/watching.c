/* SPDX-License-Identifier: MIT */
#include "cli/watching.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
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

/* Whether all of them can be; error says which cannot, and why. */
static int check_all(const struct watch_ops *ops, const char *const *programs, size_t count,
		     struct error *error)
{
	int r = 0;

	for (size_t i = 0; r == 0 && ops->check && i < count; i++)
		r = ops->check(programs[i], error);
	return r;
}

static const char *choose(const char *const *programs, size_t count)
{
	struct error error = {0};

	if (!ptrace_allowed()) {
		say_note(
		    "ptrace is refused here: the server's calls are not seen, most rules cannot be judged");
		return "none";
	}
	if (check_all(watch_find("preload"), programs, count, &error) == 0)
		return "preload";
	say_note("%s; it is watched by ptrace", error.text);
	return "ptrace";
}

int watching_find(const char *name, const char *const *programs, size_t count,
		  const struct watch_ops **ret_ops, struct error *error)
{
	const struct watch_ops *ops = watch_find(strcmp(name, "auto") == 0 ? choose(programs, count) : name);
	int r = ops ? check_all(ops, programs, count, error)
		    : error_set(error, -ENOENT, "this wringer cannot watch by %s", name);

	if (r == 0)
		*ret_ops = ops;
	return r;
}
