/* SPDX-License-Identifier: MIT */
/* Memory: what the server allocates is counted, and freed when the run ends. */
#include "fuzz/sim/sim_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz/sim/wrap.h"

static void *keep(void *block, size_t size)
{
	struct sim *sim = sim_current;

	if (!block || !sim)
		return block;
	if (map_put(&sim->blocks, (uintptr_t)block, (void *)(size + 1)) < 0) {
		free(block);
		return NULL;
	}
	sim->allocated += size;
	return block;
}

static void forget(void *block)
{
	size_t found = sim_current && block ? (size_t)map_remove(&sim_current->blocks, (uintptr_t)block) : 0;

	if (found)
		sim_current->allocated -= found - 1;
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

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return __wrap_realloc(old, bytes);
}

void __wrap_free(void *block)
{
	forget(block);
	free(block);
}

int __wrap_posix_memalign(void **ret_block, size_t alignment, size_t size)
{
	int r = posix_memalign(ret_block, alignment, size);

	if (r == 0)
		*ret_block = keep(*ret_block, size);
	return r;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return keep(aligned_alloc(alignment, size), size);
}

/* What the C library allocated for the server, by malloc. */
static char *keep_text(char *text)
{
	return text ? keep(text, strlen(text) + 1) : NULL;
}

char *__wrap_strdup(const char *text)
{
	return keep_text(strdup(text));
}

char *__wrap_strndup(const char *text, size_t most)
{
	return keep_text(strndup(text, most));
}

int __wrap_vasprintf(char **ret_text, const char *format, va_list arguments)
{
	int size = vasprintf(ret_text, format, arguments);

	if (size >= 0)
		*ret_text = keep_text(*ret_text);
	return size;
}

int __wrap_asprintf(char **ret_text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	int size = __wrap_vasprintf(ret_text, format, arguments);
	va_end(arguments);
	return size;
}

int __wrap___vasprintf_chk(char **ret_text, int flag, const char *format, va_list arguments)
{
	(void)flag;
	return __wrap_vasprintf(ret_text, format, arguments);
}

int __wrap___asprintf_chk(char **ret_text, int flag, const char *format, ...)
{
	va_list arguments;

	(void)flag;
	va_start(arguments, format);
	int size = __wrap_vasprintf(ret_text, format, arguments);
	va_end(arguments);
	return size;
}

ssize_t __wrap_getdelim(char **line, size_t *size, int delimiter, FILE *stream)
{
	forget(*line);
	ssize_t got = getdelim(line, size, delimiter, stream);
	*line = keep(*line, *size);
	return got;
}

ssize_t __wrap_getline(char **line, size_t *size, FILE *stream)
{
	return __wrap_getdelim(line, size, '\n', stream);
}
