/* SPDX-License-Identifier: MIT */
/*
 * behind BACKEND PORT COMMAND...: starts a reference target, waits until it has said its port, and becomes
 * the proxy in front of it. The reference target ends with the proxy. In C because everything it does is
 * traced.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int ends[2];
	char c = 0;

	if (argc < 4 || pipe(ends) < 0)
		return 2;
	switch (fork()) {
	case -1:
		return 2;
	case 0:
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)execl(argv[1], argv[1], "--port", argv[2], "--protocol", "http", (char *)NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	while (c != '\n')
		if (read(ends[0], &c, 1) != 1)
			return 2;
	(void)execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}
