/* SPDX-License-Identifier: MIT */
/*
 * Each check runs in a child, for a namespace once entered is not left: the child enters, looks around and
 * says by its exit status which of its checks failed. The parent must see nothing change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "target/sandbox.h"

#define NOBODY 65534

static unsigned long net_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) == 0 ? (unsigned long)st.st_ino : 0;
}

static int in_child(int (*check)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(check());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* A connection over loopback to a fixed port: free for certain, the namespace being new. */
static int loopback_works(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	int works;

	address.sin_port = htons(7777);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	works = bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		listen(listener, 1) == 0 &&
		connect(client, (struct sockaddr *)&address, sizeof(address)) == 0;
	(void)close(listener);
	(void)close(client);
	return works;
}

static int knob_is(const char *path, const char *want)
{
	char text[128] = "";
	FILE *file = fopen(path, "re");
	int same = file && fgets(text, sizeof(text), file) && strcmp(text, want) == 0;

	if (file)
		(void)fclose(file);
	return same;
}

static int check_inside(void)
{
	unsigned long before = net_namespace();
	struct error error = {0};

	if (sandbox_active())
		return 1;
	if (sandbox_enter(&error) < 0)
		return 2;
	if (net_namespace() == before || !sandbox_active())
		return 3;
	if (!loopback_works())
		return 4;
	if (sandbox_sysctl("net/ipv4/tcp_wmem", "4096 16384 65536", &error) < 0 ||
	    !knob_is("/proc/sys/net/ipv4/tcp_wmem", "4096\t16384\t65536\n"))
		return 5;
	if (!knob_is("/proc/sys/net/ipv4/ip_local_port_range", "2048\t65535\n"))
		return 6;
	if (sandbox_sysctl("kernel/pid_max", "1", &error) != -EINVAL ||
	    sandbox_sysctl("net/../kernel/pid_max", "1", &error) != -EINVAL ||
	    sandbox_sysctl("net/ipv4/no_such_knob", "1", &error) != -ENOENT)
		return 7;
	return 0;
}

static void become_nobody(void)
{
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			       setresuid(NOBODY, NOBODY, NOBODY) < 0))
		_exit(100);
	/* a changed uid makes /proc/self root's until the next exec */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int check_as_nobody(void)
{
	become_nobody();
	return check_inside();
}

static int check_nobody_refused(void)
{
	struct error error = {0};

	become_nobody();
	return sandbox_probe(&error) < 0;
}

/* The target keeps its uid and gains no capability over the namespace. */
static int check_target_is_powerless(void)
{
	become_nobody();
	if (sandbox_enter(NULL) < 0 || geteuid() == 0)
		return 2;
	execl("/bin/sh", "sh", "-c", "grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status", (char *)NULL);
	return 101;
}

static void test_enter(void **state)
{
	unsigned long before = net_namespace();
	struct error error = {0};

	(void)state;
	if (sandbox_probe(&error) < 0)
		skip();
	assert_int_equal(in_child(check_inside), 0);
	assert_true(net_namespace() == before);
	assert_false(sandbox_active());
}

static void test_enter_without_root(void **state)
{
	(void)state;
	if (in_child(check_nobody_refused) != 0)
		skip();
	assert_int_equal(in_child(check_as_nobody), 0);
	assert_int_equal(in_child(check_target_is_powerless), 0);
}

static void test_probe_changes_nothing(void **state)
{
	unsigned long before = net_namespace();
	struct error error = {0};

	(void)state;
	(void)sandbox_probe(&error);
	assert_true(net_namespace() == before);
	assert_false(sandbox_active());
}

static void test_knobs_need_a_sandbox(void **state)
{
	struct error error = {0};

	(void)state;
	assert_int_equal(sandbox_sysctl("net/ipv4/tcp_wmem", "1 2 3", &error), -ENOTSUP);
	assert_non_null(strstr(error.text, "sandbox"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_enter),
	    cmocka_unit_test(test_enter_without_root),
	    cmocka_unit_test(test_probe_changes_nothing),
	    cmocka_unit_test(test_knobs_need_a_sandbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
