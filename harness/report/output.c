/* SPDX-License-Identifier: MIT */
#include "report/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct output {
	char *path, *beside; /* beside: NULL when the text goes straight to fd */
	int fd;		     /* the file beside, open from the start; -1 between two writes */
	size_t written;	     /* bytes, when it goes straight to fd */
};

static int refuse(const struct output *output, int code, struct error *error)
{
	return error_set(error, code, "cannot write %s: %s", output->path ? output->path : "standard output",
			 strerror(-code));
}

static int open_beside(struct output *output)
{
	/* A name of our own: what lies there can only be the rest of a process that had our number and was
	 * killed. */
	output->fd = open(output->beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	return output->fd < 0 ? -errno : 0;
}

/* A link is followed once, so that the file behind it is replaced and the link stays. */
static char *real_path(const char *path)
{
	char *real = realpath(path, NULL);

	return real || errno != ENOENT ? real : strdup(path);
}

static int prepare(struct output *output, const char *path)
{
	struct stat found;

	if (strcmp(path, "-") == 0) {
		output->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return output->fd < 0 ? -errno : 0;
	}
	output->path = real_path(path);
	if (!output->path)
		return -errno;
	if (stat(output->path, &found) == 0 && !S_ISREG(found.st_mode)) {
		output->fd = open(output->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return output->fd < 0 ? -errno : 0;
	}
	if (asprintf(&output->beside, "%s.%ld.part", output->path, (long)getpid()) < 0) {
		output->beside = NULL;
		return -ENOMEM;
	}
	return open_beside(output);
}

int output_open(const char *path, struct output **ret_output, struct error *error)
{
	struct output *output = calloc(1, sizeof *output);

	if (!output)
		return error_set(error, -ENOMEM, "out of memory");
	output->fd = -1;
	int r = prepare(output, path);
	if (r < 0) {
		error_set(error, r, "cannot write %s: %s", strcmp(path, "-") ? path : "standard output",
			  strerror(-r));
		output_free(output);
		return r;
	}
	*ret_output = output;
	return 0;
}

bool output_replaceable(const struct output *output)
{
	return output->beside != NULL;
}

static int write_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t n = write(fd, text, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		size -= (size_t)n;
	}
	return 0;
}

static int replace(struct output *output, const char *text, size_t size)
{
	int r = output->fd < 0 ? open_beside(output) : 0;

	if (r < 0)
		return r;
	r = write_all(output->fd, text, size);
	/* Some file systems report a full disk only here. */
	if (close(output->fd) < 0 && r == 0)
		r = -errno;
	output->fd = -1;
	if (r == 0 && rename(output->beside, output->path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(output->beside);
	return r;
}

int output_write(struct output *output, const char *text, size_t size, struct error *error)
{
	int r;

	if (output->beside) {
		r = replace(output, text, size);
	} else {
		size_t done = output->written < size ? output->written : size;
		r = write_all(output->fd, text + done, size - done);
		output->written = size;
	}
	return r < 0 ? refuse(output, r, error) : 0;
}

void output_free(struct output *output)
{
	if (!output)
		return;
	if (output->fd >= 0) {
		(void)close(output->fd);
		if (output->beside)
			(void)unlink(output->beside);
	}
	free(output->path);
	free(output->beside);
	free(output);
}
