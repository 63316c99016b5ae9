/* SPDX-License-Identifier: MIT */
/* Memory, the end, and what is said on the way: the C library as far as it would reach outside. */
#include "fuzz/sim/sim_impl.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fuzz/sim/wrap.h"

static void *keep(void *block, size_t size)
{
	struct sim *sim = sim_current;

	if (!block)
		return NULL;
	if (map_put(&sim->blocks, (uintptr_t)block, (void *)(size + 1)) < 0) {
		free(block);
		return NULL;
	}
	sim->allocated += size;
	return block;
}

static void forget(void *block)
{
	size_t found = (size_t)map_remove(&sim_current->blocks, (uintptr_t)block);

	sim_current->allocated -= found ? found - 1 : 0;
}

void *__wrap_malloc(size_t size)
{
	return keep(malloc(size), size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return keep(calloc(count, size), count * size);
}

void *__wrap_realloc(void *old, size_t size)
{
	forget(old); /* where there is no memory the run is over soon enough, and the old block with it */
	return keep(realloc(old, size), size);
}

void __wrap_free(void *block)
{
	forget(block);
	free(block);
}

char *__wrap_strdup(const char *text)
{
	return keep(strdup(text), strlen(text) + 1);
}

char *__wrap_strndup(const char *text, size_t most)
{
	return keep(strndup(text, most), strnlen(text, most) + 1);
}

void __wrap_exit(int status)
{
	sim_leave(sim_current, SIM_ENDED, status);
}

void __wrap__exit(int status)
{
	sim_leave(sim_current, SIM_ENDED, status);
}

void __wrap_abort(void)
{
	sim_leave(sim_current, SIM_KILLED, SIGABRT);
}

void __wrap___assert_fail(const char *claim, const char *file, unsigned line, const char *function)
{
	(void)claim;
	(void)file;
	(void)line;
	(void)function;
	__wrap_abort();
}

pid_t __wrap_getpid(void)
{
	return SIM_PID;
}

pid_t __wrap_fork(void)
{
	errno = EAGAIN;
	return -1;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
			  void *arg)
{
	(void)thread;
	(void)attributes;
	(void)start;
	(void)arg;
	return EAGAIN;
}

/* Standard output and error are written to without a buffer; other streams go nowhere. */
static int say(FILE *stream, const char *text, size_t size)
{
	if (size && (stream == stdout || stream == stderr))
		(void)__wrap_write(stream == stdout ? STDOUT_FILENO : STDERR_FILENO, text, size);
	return (int)size;
}

int __wrap_vfprintf(FILE *stream, const char *format, va_list arguments)
{
	char text[4096];
	int size = vsnprintf(text, sizeof text, format, arguments);

	return say(stream, text, size < 0 ? 0 : (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
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

int __wrap_fputs(const char *text, FILE *stream)
{
	return say(stream, text, strlen(text));
}

int __wrap_puts(const char *text)
{
	return __wrap_printf("%s\n", text);
}

int __wrap_putchar(int c)
{
	return __wrap_printf("%c", c);
}

int __wrap_fputc(int c, FILE *stream)
{
	return __wrap_fprintf(stream, "%c", c);
}

size_t __wrap_fwrite(const void *bytes, size_t size, size_t count, FILE *stream)
{
	(void)say(stream, bytes, size * count);
	return count;
}

void __wrap_perror(const char *text)
{
	(void)__wrap_fprintf(stderr, "%s: %s\n", text, strerror(errno));
}

int __wrap_fflush(FILE *stream)
{
	(void)stream;
	return 0;
}

/* err(3) and its kin: the program's name is left out, code < 0: no reason is given. */
static void complain(int code, const char *format, va_list arguments)
{
	if (format)
		(void)__wrap_vfprintf(stderr, format, arguments);
	if (code >= 0)
		(void)__wrap_fprintf(stderr, ": %s", strerror(code));
	(void)__wrap_fputs("\n", stderr);
}

void __wrap_warn(const char *format, ...)
{
	va_list arguments;
	int code = errno;

	va_start(arguments, format);
	complain(code, format, arguments);
	va_end(arguments);
}

void __wrap_warnx(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(-1, format, arguments);
	va_end(arguments);
}

void __wrap_err(int status, const char *format, ...)
{
	va_list arguments;
	int code = errno;

	va_start(arguments, format);
	complain(code, format, arguments);
	va_end(arguments);
	__wrap_exit(status);
}

void __wrap_errx(int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(-1, format, arguments);
	va_end(arguments);
	__wrap_exit(status);
}
