/* SPDX-License-Identifier: MIT */
/*
 * Files: those of the machine, as they stand when they are first opened for reading; nothing is ever written
 * to them. What is opened for writing takes all, and is empty.
 */
#include "fuzz/sim/sim_impl.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"
#include "fuzz/sim/wrap.h"

#define CONTENT_MOST (64u << 20)

/* A file that was read, for all runs. */
struct sim_content {
	struct sim_content *next;
	char *path;
	struct stat stat;
	struct buf bytes;
};

static void free_content(struct sim_content *content)
{
	if (!content)
		return;
	buf_free(&content->bytes);
	free(content->path);
	free(content);
}

/* To its end, whatever its size is said to be: in /proc it is 0. */
static int read_all(int file, struct buf *bytes)
{
	char part[16384];
	ssize_t got;

	while ((got = read(file, part, sizeof part)) > 0 && bytes->size < CONTENT_MOST)
		if (buf_append(bytes, part, (size_t)got) < 0)
			return -ENOMEM;
	return got < 0 && errno != EISDIR ? -errno : got > 0 ? -EFBIG : 0;
}

static int load(const char *path, int file, struct sim_content **ret_content)
{
	struct sim_content *content = calloc(1, sizeof *content);
	int r = !content || !(content->path = strdup(path)) ? -ENOMEM : 0;

	if (r == 0 && fstat(file, &content->stat) < 0)
		r = -errno;
	if (r == 0 && S_ISREG(content->stat.st_mode))
		r = read_all(file, &content->bytes);
	if (r < 0) {
		free_content(content);
		return r;
	}
	*ret_content = content;
	return 0;
}

/* 0 with *ret_content, which the simulation keeps. */
static int content_of(struct sim *sim, const char *path, struct sim_content **ret_content)
{
	for (struct sim_content *known = sim->contents; known; known = known->next)
		if (strcmp(known->path, path) == 0) {
			*ret_content = known;
			return 0;
		}
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file < 0)
		return -errno;
	int r = load(path, file, ret_content);
	(void)close(file);
	if (r < 0)
		return r;
	(*ret_content)->next = sim->contents;
	sim->contents = *ret_content;
	return 0;
}

void sim_free_contents(struct sim *sim)
{
	for (struct sim_content *content; (content = sim->contents);) {
		sim->contents = content->next;
		free_content(content);
	}
}

static bool is_lot(const char *path)
{
	return strcmp(path, "/dev/urandom") == 0 || strcmp(path, "/dev/random") == 0;
}

static int open_file(struct sim *sim, const char *path, int flags)
{
	struct sim_content *content = NULL;
	bool writes = (flags & O_ACCMODE) != O_RDONLY;
	int r = writes || is_lot(path) ? 0 : content_of(sim, path, &content);

	if (writes && !(flags & O_CREAT) && access(path, W_OK) < 0)
		r = -errno;
	if (r == -ENOENT && flags & O_CREAT)
		r = 0;
	if (r == 0 && content && flags & O_DIRECTORY && !S_ISDIR(content->stat.st_mode))
		r = -ENOTDIR;
	if (r == 0 && writes && flags & O_CREAT && flags & O_EXCL && access(path, F_OK) == 0)
		r = -EEXIST;
	int fd = r < 0 ? r : kernel_plain_file(sim->kernel, SIM_SERVER);
	sim_made(sim, fd, is_lot(path) ? SIM_LOT : SIM_STDIO, flags);
	if (fd >= 0)
		sim_file(sim, fd)->content = content;
	return fd;
}

int __wrap_open(const char *path, int flags, ...)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_open, -1);

	return (int)sim_end_call(sim, &event, open_file(sim, path, flags));
}

int __wrap_creat(const char *path, mode_t mode)
{
	return __wrap_open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* Below a folder that was opened: by its name. */
int __wrap_openat(int folder, const char *path, int flags, ...)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_openat, -1);
	const struct sim_file *file = folder == AT_FDCWD || path[0] == '/' ? NULL : sim_file(sim, folder);
	char *whole = NULL;

	if (folder != AT_FDCWD && path[0] != '/' && (!file || !file->content))
		return (int)sim_end_call(sim, &event, file ? -ENOTDIR : -EBADF);
	if (file && asprintf(&whole, "%s/%s", file->content->path, path) < 0)
		return (int)sim_end_call(sim, &event, -ENOMEM);
	int fd = open_file(sim, whole ? whole : path, flags);
	free(whole);
	return (int)sim_end_call(sim, &event, fd);
}

int __wrap___open_2(const char *path, int flags)
{
	return __wrap_open(path, flags);
}

int __wrap___openat_2(int folder, const char *path, int flags)
{
	return __wrap_openat(folder, path, flags);
}

static int name_temporary(const char *path)
{
	(void)path;
	return __wrap_open("/dev/null", O_RDWR | O_CREAT, 0600);
}

int __wrap_mkstemp(char *path)
{
	return name_temporary(path);
}

int __wrap_mkostemp(char *path, int flags)
{
	(void)flags;
	return name_temporary(path);
}

size_t sim_content_read(const struct sim_file *file, uint64_t at, void *ret_bytes, size_t size)
{
	uint64_t whole = file->content ? file->content->bytes.size : 0;
	size_t part = at >= whole ? 0 : whole - at < size ? (size_t)(whole - at) : size;

	if (part)
		memcpy(ret_bytes, file->content->bytes.data + at, part);
	return part;
}

ssize_t __wrap_pread(int fd, void *ret_bytes, size_t size, off_t at)
{
	const struct sim_file *file = sim_file(sim_of_call(), fd);

	if (file && file->kind == SIM_STDIO && at >= 0)
		return (ssize_t)sim_content_read(file, (uint64_t)at, ret_bytes, size);
	errno = !file ? EBADF : at < 0 ? EINVAL : ESPIPE;
	return -1;
}

ssize_t __wrap___pread_chk(int fd, void *ret_bytes, size_t size, off_t at, size_t room)
{
	(void)room;
	return __wrap_pread(fd, ret_bytes, size, at);
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t size, off_t at)
{
	const struct sim_file *file = sim_file(sim_of_call(), fd);

	(void)bytes;
	if (file && file->kind == SIM_STDIO && at >= 0)
		return (ssize_t)size;
	errno = !file ? EBADF : at < 0 ? EINVAL : ESPIPE;
	return -1;
}

off_t __wrap_lseek(int fd, off_t offset, int whence)
{
	struct sim_file *file = sim_file(sim_of_call(), fd);

	if (!file || file->kind != SIM_STDIO) {
		errno = file ? ESPIPE : EBADF;
		return -1;
	}
	off_t size = file->content ? (off_t)file->content->bytes.size : 0;
	off_t at = offset + (whence == SEEK_CUR ? (off_t)file->at : whence == SEEK_END ? size : 0);
	if (at < 0 || whence < SEEK_SET || whence > SEEK_END) {
		errno = EINVAL;
		return -1;
	}
	file->at = (uint64_t)at;
	return at;
}

static mode_t mode_of(enum sim_kind kind)
{
	if (kind == SIM_STREAM || kind == SIM_LISTENER)
		return S_IFSOCK | 0777;
	return kind == SIM_OTHER ? S_IFIFO | 0600 : kind == SIM_STDIO ? S_IFREG | 0600 : 0600;
}

int __wrap_fstat(int fd, struct stat *ret_stat)
{
	const struct sim_file *file = sim_file(sim_of_call(), fd);

	if (!file) {
		errno = EBADF;
		return -1;
	}
	*ret_stat = file->content ? file->content->stat
				  : (struct stat){.st_mode = mode_of(file->kind), .st_blksize = 4096};
	return 0;
}

/* From a file to whatever takes bytes, as much of it as goes. */
ssize_t __wrap_sendfile(int to, int from, off_t *offset, size_t size)
{
	struct sim *sim = sim_of_call();
	struct sim_file *file = sim_file(sim, from);

	if (!file || file->kind != SIM_STDIO) {
		errno = file ? EINVAL : EBADF;
		return -1;
	}
	uint64_t at = offset ? (uint64_t)*offset : file->at;
	uint64_t whole = file->content ? file->content->bytes.size : 0;
	uint64_t left = at < whole ? whole - at : 0;
	size = size < left ? size : (size_t)left;
	ssize_t sent = sim_send_file(to, left ? file->content->bytes.data + at : NULL, size);
	if (sent > 0 && offset)
		*offset += sent;
	else if (sent > 0)
		file->at += (uint64_t)sent;
	return sent;
}
