/* SPDX-License-Identifier: MIT */
/*
 * Streams. Standard output and error are written to without a buffer; all others are the C library's own,
 * over a descriptor of the simulation.
 */
#include "fuzz/sim/sim_impl.h"

#include <error.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fuzz/sim/wrap.h"

/* The descriptor of a standard stream, -1: it is none. */
static int standard(const FILE *stream)
{
	return stream == stdout ? STDOUT_FILENO : stream == stderr ? STDERR_FILENO : -1;
}

static int cookie_fd(void *cookie)
{
	return (int)(intptr_t)cookie - 1;
}

/* Between two runs a stream that was left open is closed: nothing is moved then. */
static ssize_t cookie_read(void *cookie, char *bytes, size_t size)
{
	return sim_current ? __wrap_read(cookie_fd(cookie), bytes, size) : 0;
}

static ssize_t cookie_write(void *cookie, const char *bytes, size_t size)
{
	ssize_t done = sim_current ? __wrap_write(cookie_fd(cookie), bytes, size) : (ssize_t)size;

	return done < 0 ? 0 : done;
}

static int cookie_seek(void *cookie, off64_t *at, int whence)
{
	off_t now = sim_current ? __wrap_lseek(cookie_fd(cookie), *at, whence) : -1;

	*at = now;
	return now < 0 ? -1 : 0;
}

static int cookie_close(void *cookie)
{
	return sim_current ? __wrap_close(cookie_fd(cookie)) : 0;
}

FILE *__wrap_fdopen(int fd, const char *mode)
{
	static const cookie_io_functions_t io = {cookie_read, cookie_write, cookie_seek, cookie_close};
	void *cookie = (void *)(intptr_t)(fd + 1);

	if (!sim_file(sim_current, fd)) {
		errno = EBADF;
		return NULL;
	}
	FILE *stream = fopencookie(cookie, mode, io);
	if (stream && map_put(&sim_current->streams, (uintptr_t)stream, cookie) < 0) {
		(void)fclose(stream);
		return NULL;
	}
	/* A run may be left in the middle of a call: the lock would be held for ever. */
	if (stream)
		(void)__fsetlocking(stream, FSETLOCKING_BYCALLER);
	return stream;
}

static int flags_of(const char *mode)
{
	int flags = strchr(mode, '+') ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;

	if (mode[0] != 'r')
		flags |= O_CREAT | (mode[0] == 'a' ? O_APPEND : O_TRUNC);
	return flags;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	int fd = __wrap_open(path, flags_of(mode), 0666);
	FILE *stream = fd < 0 ? NULL : __wrap_fdopen(fd, mode);

	if (fd >= 0 && !stream)
		(void)__wrap_close(fd);
	return stream;
}

FILE *__wrap_popen(const char *command, const char *mode)
{
	(void)command;
	(void)mode;
	sim_refuse("popen", EAGAIN);
	return NULL;
}

int __wrap_fclose(FILE *stream)
{
	if (standard(stream) >= 0)
		return __wrap_close(standard(stream));
	(void)map_remove(&sim_current->streams, (uintptr_t)stream);
	return fclose(stream);
}

int __wrap_fileno(FILE *stream)
{
	void *cookie = map_get(&sim_current->streams, (uintptr_t)stream);

	if (standard(stream) >= 0)
		return standard(stream);
	return cookie ? cookie_fd(cookie) : fileno(stream);
}

void sim_close_streams(struct sim *sim)
{
	uint64_t stream;
	size_t at = 0;

	while (map_next(&sim->streams, &at, &stream))
		(void)fclose((FILE *)(uintptr_t)stream);
	map_free(&sim->streams);
}

static int say(FILE *stream, const char *text, size_t size)
{
	if (standard(stream) < 0)
		return fwrite(text, 1, size, stream) == size ? (int)size : EOF;
	if (size)
		(void)__wrap_write(standard(stream), text, size);
	return (int)size;
}

/* As one call; what is longer than most lines comes from the heap. */
static int say_as(FILE *stream, int fd, const char *format, va_list arguments)
{
	char text[4096], *longer = NULL;
	va_list again;

	va_copy(again, arguments);
	int size = vsnprintf(text, sizeof text, format, arguments);
	if (size >= (int)sizeof text && vasprintf(&longer, format, again) < 0)
		longer = NULL;
	va_end(again);
	size = longer || size < (int)sizeof text ? size : (int)sizeof text - 1;
	if (size > 0 && stream)
		size = say(stream, longer ? longer : text, (size_t)size);
	else if (size > 0)
		size = (int)__wrap_write(fd, longer ? longer : text, (size_t)size);
	free(longer);
	return size;
}

int __wrap_vfprintf(FILE *stream, const char *format, va_list arguments)
{
	return say_as(stream, -1, format, arguments);
}

int __wrap_vprintf(const char *format, va_list arguments)
{
	return say_as(stdout, -1, format, arguments);
}

int __wrap_vdprintf(int fd, const char *format, va_list arguments)
{
	return say_as(NULL, fd, format, arguments);
}

int __wrap_fprintf(FILE *stream, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	int size = __wrap_vfprintf(stream, format, arguments);
	va_end(arguments);
	return size;
}

int __wrap_printf(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	int size = __wrap_vfprintf(stdout, format, arguments);
	va_end(arguments);
	return size;
}

int __wrap_dprintf(int fd, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	int size = __wrap_vdprintf(fd, format, arguments);
	va_end(arguments);
	return size;
}

/* What _FORTIFY_SOURCE makes of them. */
int __wrap___vfprintf_chk(FILE *stream, int flag, const char *format, va_list arguments)
{
	(void)flag;
	return __wrap_vfprintf(stream, format, arguments);
}

int __wrap___vprintf_chk(int flag, const char *format, va_list arguments)
{
	(void)flag;
	return __wrap_vfprintf(stdout, format, arguments);
}

int __wrap___vdprintf_chk(int fd, int flag, const char *format, va_list arguments)
{
	(void)flag;
	return __wrap_vdprintf(fd, format, arguments);
}

int __wrap___fprintf_chk(FILE *stream, int flag, const char *format, ...)
{
	va_list arguments;

	(void)flag;
	va_start(arguments, format);
	int size = __wrap_vfprintf(stream, format, arguments);
	va_end(arguments);
	return size;
}

int __wrap___printf_chk(int flag, const char *format, ...)
{
	va_list arguments;

	(void)flag;
	va_start(arguments, format);
	int size = __wrap_vfprintf(stdout, format, arguments);
	va_end(arguments);
	return size;
}

int __wrap___dprintf_chk(int fd, int flag, const char *format, ...)
{
	va_list arguments;

	(void)flag;
	va_start(arguments, format);
	int size = __wrap_vdprintf(fd, format, arguments);
	va_end(arguments);
	return size;
}

int __wrap_fputs(const char *text, FILE *stream)
{
	return say(stream, text, strlen(text));
}

int __wrap_puts(const char *text)
{
	return __wrap_printf("%s\n", text);
}

int __wrap_fputc(int c, FILE *stream)
{
	char byte = (char)c;

	return say(stream, &byte, 1) == 1 ? (unsigned char)c : EOF;
}

int __wrap_putchar(int c)
{
	return __wrap_fputc(c, stdout);
}

size_t __wrap_fwrite(const void *bytes, size_t size, size_t count, FILE *stream)
{
	return say(stream, bytes, size * count) < 0 ? 0 : count;
}

void __wrap_perror(const char *text)
{
	int code = errno;
	bool named = text && *text;

	(void)__wrap_fprintf(stderr, "%s%s%s\n", named ? text : "", named ? ": " : "", strerror(code));
}

int __wrap_fflush(FILE *stream)
{
	return stream && standard(stream) < 0 ? fflush(stream) : 0;
}

int __wrap_setvbuf(FILE *stream, char *buffer, int mode, size_t size)
{
	return standard(stream) < 0 && stream != stdin ? setvbuf(stream, buffer, mode, size) : 0;
}

void __wrap_setbuf(FILE *stream, char *buffer)
{
	(void)__wrap_setvbuf(stream, buffer, buffer ? _IOFBF : _IONBF, BUFSIZ);
}

void __wrap_setlinebuf(FILE *stream)
{
	(void)__wrap_setvbuf(stream, NULL, _IOLBF, 0);
}

/* err(3), error(3) and their kin: the program's name is left out, code < 0: no reason is given. */
static void complain(int code, const char *format, va_list arguments)
{
	if (format)
		(void)__wrap_vfprintf(stderr, format, arguments);
	if (code >= 0)
		(void)__wrap_fprintf(stderr, ": %s", strerror(code));
	(void)__wrap_fputs("\n", stderr);
}

void __wrap_vwarn(const char *format, va_list arguments)
{
	complain(errno, format, arguments);
}

void __wrap_vwarnx(const char *format, va_list arguments)
{
	complain(-1, format, arguments);
}

void __wrap_verr(int status, const char *format, va_list arguments)
{
	complain(errno, format, arguments);
	__wrap_exit(status);
}

void __wrap_verrx(int status, const char *format, va_list arguments)
{
	complain(-1, format, arguments);
	__wrap_exit(status);
}

void __wrap_warn(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	__wrap_vwarn(format, arguments);
	va_end(arguments);
}

void __wrap_warnx(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	__wrap_vwarnx(format, arguments);
	va_end(arguments);
}

void __wrap_err(int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	__wrap_verr(status, format, arguments);
}

void __wrap_errx(int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	__wrap_verrx(status, format, arguments);
}

void __wrap_error(int status, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(code ? code : -1, format, arguments);
	va_end(arguments);
	if (status)
		__wrap_exit(status);
}
