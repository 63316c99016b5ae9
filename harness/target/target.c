/* SPDX-License-Identifier: MIT */
#include "target/target_impl.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the first process is given as 0, 1 and 2. */
struct output {
	int in, out, err;
};

static int open_path(const char *directory, const char *name, char **ret_path, struct error *error)
{
	char *path;
	int fd;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return error_set(error, -ENOMEM, "out of memory");
	/* appending: a target that opens its own log there, or forks, does not overwrite what another wrote
	 */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0) {
		fd = error_set(error, -errno, "%s: %s", path, strerror(errno));
		free(path);
		return fd;
	}
	*ret_path = path;
	return fd;
}

static int output_open(const char *directory, struct target *target, struct output *output,
		       struct error *error)
{
	output->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (output->in < 0)
		return error_set(error, -errno, "/dev/null: %s", strerror(errno));
	output->out = open_path(directory, "stdout", &target->out_path, error);
	if (output->out < 0)
		return output->out;
	output->err = open_path(directory, "stderr", &target->err_path, error);
	return output->err < 0 ? output->err : 0;
}

static void output_close(struct output *output)
{
	if (output->in >= 0)
		(void)close(output->in);
	if (output->out >= 0)
		(void)close(output->out);
	if (output->err >= 0)
		(void)close(output->err);
}

static int launch(struct target *target, const struct target_options *options, const struct output *output,
		  struct fault_set *faults, struct error *error)
{
	const struct watch_target start = {
	    .argv = options->argv,
	    .attach = options->attach,
	    .in = output->in,
	    .out = output->out,
	    .err = output->err,
	    .fd_soft = options->fd_soft,
	    .fd_hard = options->fd_hard,
	    .new_session = options->directory != NULL,
	};

	return watcher_start(options->watch, &start, target->journal, faults, &target->watcher, &target->pid,
			     error);
}

/* A limit in force from the start is part of the story: at it, new connections may wait. */
static int note_limit(const struct target *target, const struct target_options *options)
{
	struct event event = event_make(EV_FAULT, FAULT_LIMIT);

	if (!options->fd_soft && !options->fd_hard)
		return 0;
	event.pid = target->pid;
	event.arg[0] = options->fd_soft;
	event.arg[1] = options->fd_hard;
	event.arg[2] = 1;
	return journal_append(target->journal, &event);
}

int target_start(const struct target_options *options, struct journal *journal, struct fault_set *faults,
		 struct target **ret_target, struct error *error)
{
	struct target *target = calloc(1, sizeof(*target));
	struct output output = {-1, -1, -1};
	int rc = 0;

	if (!target)
		return error_set(error, -ENOMEM, "out of memory");
	target->journal = journal;
	target->watch = options->watch;
	target->book = calloc(1, sizeof(*target->book));
	if (!target->book)
		rc = error_set(error, -ENOMEM, "out of memory");
	if (rc == 0 && options->directory)
		rc = output_open(options->directory, target, &output, error);
	if (rc == 0)
		rc = launch(target, options, &output, faults, error);
	if (rc == 0 && (rc = note_limit(target, options)) < 0)
		(void)error_set(error, rc, "the journal cannot be written: %s", strerror(-rc));
	output_close(&output);
	if (rc < 0) {
		target_free(target, false);
		return rc;
	}
	*ret_target = target;
	return 0;
}

bool target_alive(const struct target *target)
{
	struct pollfd done = {.fd = watcher_done_fd(target->watcher), .events = POLLIN};

	return poll(&done, 1, 0) == 0;
}

pid_t target_pid(const struct target *target)
{
	return target->pid;
}

struct watcher *target_watcher(const struct target *target)
{
	return target->watcher;
}

int target_signal(struct target *target, int signo, bool all)
{
	return watcher_signal(target->watcher, signo, all);
}

int target_stop(struct target *target)
{
	return watcher_signal(target->watcher, SIGTERM, false);
}

/* The end of a file, whole lines where they fit. 0 when there is nothing. */
static size_t tail(const char *path, char *out, size_t size)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	off_t end, from;
	ssize_t got;

	if (fd < 0)
		return 0;
	end = lseek(fd, 0, SEEK_END);
	from = end > (off_t)(size - 1) ? end - (off_t)(size - 1) : 0;
	got = end > 0 ? pread(fd, out, size - 1, from) : 0;
	(void)close(fd);
	if (got <= 0)
		return 0;
	out[got] = '\0';
	if (from > 0 && strchr(out, '\n') && strchr(out, '\n')[1] != '\0') {
		char *line = strchr(out, '\n') + 1;

		got -= line - out;
		memmove(out, line, (size_t)got + 1);
	}
	return (size_t)got;
}

char *target_output(const struct target *target, char *out, size_t size)
{
	size_t length = tail(target->err_path, out, size);

	if (length == 0)
		length = tail(target->out_path, out, size);
	while (length > 0 && isspace((unsigned char)out[length - 1]))
		length--;
	out[length] = '\0';
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)out[i] < ' ' && out[i] != '\n')
			out[i] = out[i] == '\t' ? ' ' : '?';
		else if (out[i] == 0x7f)
			out[i] = '?';
	}
	return out;
}

static void book_free(struct cpu_book *book)
{
	if (!book)
		return;
	map_free_all(&book->entries);
	free(book);
}

void target_free(struct target *target, bool keep)
{
	if (!target)
		return;
	watcher_free(target->watcher);
	if (target->out_path && !keep)
		(void)unlink(target->out_path);
	if (target->err_path && !keep)
		(void)unlink(target->err_path);
	free(target->out_path);
	free(target->err_path);
	book_free(target->book);
	delay_book_free(&target->delays);
	sleepers_free(target->sleepers);
	free(target->limits.items);
	free(target);
}
