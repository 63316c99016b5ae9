/* SPDX-License-Identifier: MIT */
#include "watch/fds.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <string.h>

#define FDS_MAX (1 << 22) /* numbers beyond are never called accepted */

struct fds {
	uint32_t references;
	uint32_t words;
	uint32_t starved_by; /* the fault that said "no number is free" last, 0 none */
	int64_t freed;	     /* numbers given back since, less those taken */
	uint64_t *bits;
};

struct fds *fds_new(void)
{
	struct fds *fds = calloc(1, sizeof *fds);

	if (fds)
		fds->references = 1;
	return fds;
}

struct fds *fds_inherit(struct fds *fds, bool share)
{
	struct fds *copy;

	if (share) {
		fds->references++;
		return fds;
	}
	copy = fds_new();
	if (!copy || !fds->words)
		return copy;
	copy->bits = malloc(fds->words * sizeof *copy->bits);
	if (!copy->bits) {
		fds_free(copy);
		return NULL;
	}
	memcpy(copy->bits, fds->bits, fds->words * sizeof *copy->bits);
	copy->words = fds->words;
	return copy;
}

void fds_free(struct fds *fds)
{
	if (!fds || --fds->references)
		return;
	free(fds->bits);
	free(fds);
}

bool fds_accepted(const struct fds *fds, int32_t fd)
{
	uint32_t word = (uint32_t)fd / 64;

	return fd >= 0 && word < fds->words && fds->bits[word] >> (fd % 64) & 1;
}

/* Out of memory leaves the bit unset: a fault for accepted fds then does not strike there, and is missed as
 * undelivered. */
static bool reach(struct fds *fds, uint32_t word)
{
	uint32_t words = fds->words ? fds->words : 4;
	uint64_t *bits;

	if (word < fds->words)
		return true;
	while (words <= word)
		words *= 2;
	bits = realloc(fds->bits, words * sizeof *bits);
	if (!bits)
		return false;
	memset(bits + fds->words, 0, (words - fds->words) * sizeof *bits);
	fds->bits = bits;
	fds->words = words;
	return true;
}

static void mark(struct fds *fds, int64_t fd, bool accepted)
{
	uint32_t word = (uint32_t)(fd / 64);

	if (fd < 0 || fd >= FDS_MAX)
		return;
	if (!accepted && word < fds->words)
		fds->bits[word] &= ~(1ULL << (fd % 64));
	if (accepted && reach(fds, word))
		fds->bits[word] |= 1ULL << (fd % 64);
}

static void follow_range(struct fds *fds, const struct event *event)
{
	uint64_t last = event->arg[1] < fds->words * 64ULL ? event->arg[1] + 1 : fds->words * 64ULL;

	if (event->arg[2] & CLOSE_RANGE_CLOEXEC)
		return;
	for (uint64_t fd = event->arg[0]; fd < last; fd++)
		mark(fds, (int64_t)fd, false);
}

static bool duplicates(const struct event *event)
{
	return event->what == CALL_fcntl && (event->arg[0] == F_DUPFD || event->arg[0] == F_DUPFD_CLOEXEC);
}

static void follow_create(struct fds *fds, const struct event *event)
{
	if (event->what == CALL_pipe || event->what == CALL_pipe2 || event->what == CALL_socketpair) {
		mark(fds, (int32_t)event->arg[2], false);
		mark(fds, (int32_t)event->arg[3], false);
	} else {
		mark(fds, event->ret, false);
	}
}

bool fds_exhausted(struct fds *fds, uint32_t fault)
{
	if (fds->starved_by == fault && fds->freed > 0)
		return false;
	fds->starved_by = fault;
	fds->freed = 0;
	return true;
}

static void follow_balance(struct fds *fds, const struct event *event, enum call_class class)
{
	if (event->what == CALL_close || event->what == CALL_close_range)
		fds->freed++;
	else if (class == CLASS_ACCEPT || class == CLASS_CREATE || class == CLASS_DUP || duplicates(event))
		fds->freed--;
}

void fds_follow(struct fds *fds, const struct event *event)
{
	enum call_class class = call_class((enum call)event->what);

	if (event->ret < 0)
		return;
	follow_balance(fds, event, class);
	if (class == CLASS_ACCEPT)
		mark(fds, event->ret, true);
	else if (class == CLASS_CREATE)
		follow_create(fds, event);
	else if (class == CLASS_DUP || duplicates(event))
		mark(fds, event->ret, fds_accepted(fds, event->fd));
	else if (event->what == CALL_close)
		mark(fds, event->fd, false);
	else if (event->what == CALL_close_range)
		follow_range(fds, event);
}
