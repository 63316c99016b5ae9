/* SPDX-License-Identifier: MIT */
#include "target/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The namespace's identity, kept so that a child knows whether it is still in it; 0: not in one. */
static atomic_ulong entered;

static unsigned long namespace_id(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) == 0 ? (unsigned long)st.st_ino : 0;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	(void)close(fd);
	return rc;
}

/* Ids stay what they are; setgroups must be given up before a gid may be mapped without privilege. */
static int map_ids(uid_t uid, gid_t gid, struct error *error)
{
	char text[64];
	int rc = write_file("/proc/self/setgroups", "deny");

	if (rc < 0 && rc != -ENOENT)
		return error_set(error, rc, "sandbox: /proc/self/setgroups: %s", strerror(-rc));
	(void)snprintf(text, sizeof(text), "%u %u 1", uid, uid);
	rc = write_file("/proc/self/uid_map", text);
	if (rc < 0)
		return error_set(error, rc, "sandbox: /proc/self/uid_map: %s", strerror(-rc));
	(void)snprintf(text, sizeof(text), "%u %u 1", gid, gid);
	rc = write_file("/proc/self/gid_map", text);
	return rc < 0 ? error_set(error, rc, "sandbox: /proc/self/gid_map: %s", strerror(-rc)) : 0;
}

static int loopback_up(struct error *error)
{
	struct ifreq request;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;

	if (fd < 0)
		return error_set(error, -errno, "sandbox: socket: %s", strerror(errno));
	memset(&request, 0, sizeof(request));
	memcpy(request.ifr_name, "lo", sizeof("lo"));
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		rc = error_set(error, -errno, "sandbox: bringing loopback up: %s", strerror(errno));
	(void)close(fd);
	return rc;
}

static int enter(struct error *error)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int rc;

	if (uid == 0 && unshare(CLONE_NEWNET) == 0)
		return loopback_up(error);
	/* not root, or a root without the capability: a user namespace of our own grants it */
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return error_set(error, -errno, "sandbox: unshare: %s", strerror(errno));
	rc = map_ids(uid, gid, error);
	return rc < 0 ? rc : loopback_up(error);
}

int sandbox_probe(struct error *error)
{
	struct error inner = {0};
	int channel[2], status, rc = 0;
	pid_t pid;

	if (pipe2(channel, O_CLOEXEC) < 0)
		return error_set(error, -errno, "sandbox: pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		rc = -errno;
		(void)close(channel[0]);
		(void)close(channel[1]);
		return error_set(error, rc, "sandbox: fork: %s", strerror(-rc));
	}
	if (pid == 0) {
		inner.code = enter(&inner);
		_exit(write(channel[1], &inner, sizeof(inner)) == (ssize_t)sizeof(inner) ? 0 : 1);
	}
	(void)close(channel[1]);
	if (read(channel[0], &inner, sizeof(inner)) != (ssize_t)sizeof(inner))
		(void)error_set(&inner, -EIO, "sandbox: the trial in a child died");
	(void)close(channel[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return inner.code < 0 ? error_set(error, inner.code, "%s", inner.text) : rc;
}

int sandbox_enter(struct error *error)
{
	int rc;

	/*
	 * A user namespace cannot be left again, and some systems grant it without the capabilities in it; so
	 * it is tried in a child before this process commits itself.
	 */
	if (geteuid() != 0) {
		rc = sandbox_probe(error);
		if (rc < 0)
			return rc;
	}
	rc = enter(error);
	if (rc < 0)
		return rc;
	atomic_store(&entered, namespace_id());
	/* more ports for storms; the default range holds where the kernel does not let us */
	(void)sandbox_sysctl("net/ipv4/ip_local_port_range", "2048 65535", NULL);
	return 0;
}

bool sandbox_active(void)
{
	unsigned long id = atomic_load(&entered);

	return id != 0 && id == namespace_id();
}

int sandbox_sysctl(const char *name, const char *value, struct error *error)
{
	char path[256];
	int rc;

	if (!sandbox_active())
		return error_set(error, -ENOTSUP, "%s: only in a sandbox", name);
	/* knobs outside net/ are the machine's, not the namespace's */
	if (strncmp(name, "net/", 4) != 0 || strstr(name, "..") ||
	    snprintf(path, sizeof(path), "/proc/sys/%s", name) >= (int)sizeof(path))
		return error_set(error, -EINVAL, "'%s' is no knob of a network namespace", name);
	rc = write_file(path, value);
	return rc < 0 ? error_set(error, rc, "%s = %s: %s", name, value, strerror(-rc)) : 0;
}
