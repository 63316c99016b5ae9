/* SPDX-License-Identifier: MIT */
/*
 * Writing. Appenders encode into `filling` under the lock; the draining thread swaps it for the empty
 * `draining` buffer, so that the file is written and the sink called without holding anybody up.
 */
#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "journal/record.h"

#define FILLING_MAX  ((size_t)4 << 20)
#define DRAIN_ROUNDS 16
/* The drainer is woken once for a handful of events, not for each: waking it costs as much as seeing a call.
 */
#define WAKE_DELAY_NS 500000

struct journal {
	pthread_mutex_t lock;
	pthread_cond_t room; /* filling was taken away */
	pthread_t drainer;   /* the thread that made the journal until another one drains */
	struct buf filling, draining;
	uint64_t start, last, count;
	int failure; /* first error of the file, kept for appenders */
	int file, wake;

	pthread_mutex_t fetching; /* one fetches at a time, and nobody waits for it */
	_Atomic(journal_source) source;
	void *source_arg;
};

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int open_file(struct journal *journal, const char *path, struct error *error)
{
	struct timespec now;
	struct file_head head = {.magic = JOURNAL_MAGIC, .version = JOURNAL_VERSION, .order = JOURNAL_ORDER};

	journal->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (journal->file < 0)
		return error_set(error, -errno, "%s: cannot write a journal there: %s", path,
				 strerror(errno));
	clock_gettime(CLOCK_REALTIME, &now);
	head.start = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	int r = write_all(journal->file, (const char *)&head, sizeof head);
	return r < 0 ? error_set(error, r, "%s: %s", path, strerror(-r)) : 0;
}

int journal_create(const char *path, struct journal **ret_journal, struct error *error)
{
	struct journal *journal = calloc(1, sizeof *journal);

	if (!journal)
		return error_set(error, -ENOMEM, "out of memory for a journal");
	pthread_mutex_init(&journal->lock, NULL);
	pthread_mutex_init(&journal->fetching, NULL);
	pthread_cond_init(&journal->room, NULL);
	journal->drainer = pthread_self();
	journal->file = -1;
	journal->start = clock_now();
	journal->wake = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int r = journal->wake < 0 ? error_set(error, -errno, "timerfd: %s", strerror(errno)) : 0;
	if (r == 0 && path)
		r = open_file(journal, path, error);
	if (r < 0) {
		journal_free(journal);
		return r;
	}
	*ret_journal = journal;
	return 0;
}

uint64_t journal_start(const struct journal *journal)
{
	return journal->start;
}

/* Under the lock. Time never goes backwards in a journal: a rule may subtract. Nor does it stand still for what
 * comes late: a rule may ask which of two was first. */
static int append_locked(struct journal *journal, const struct event *event)
{
	struct event copy = *event;

	if (!copy.at)
		copy.at = clock_now() - journal->start;
	if (copy.at < journal->last)
		copy.at = journal->last + 1;
	bool was_empty = journal->filling.size == 0;
	int r = record_encode(&journal->filling, &copy);
	if (r < 0)
		return r;
	journal->last = copy.at;
	journal->count++;
	if (was_empty) {
		static const struct itimerspec soon = {.it_value.tv_nsec = WAKE_DELAY_NS};
		(void)timerfd_settime(journal->wake, 0, &soon, NULL);
	}
	return 0;
}

void journal_set_source(struct journal *journal, journal_source source, void *arg)
{
	pthread_mutex_lock(&journal->fetching);
	journal->source_arg = arg;
	atomic_store(&journal->source, source);
	pthread_mutex_unlock(&journal->fetching);
}

/* Whoever is here already fetches for us too: the source itself, whose events have their time. */
void journal_fetch(struct journal *journal)
{
	journal_source source;

	if (!atomic_load_explicit(&journal->source, memory_order_relaxed) ||
	    pthread_mutex_trylock(&journal->fetching))
		return;
	source = atomic_load(&journal->source);
	if (source)
		source(journal->source_arg);
	pthread_mutex_unlock(&journal->fetching);
}

int journal_append(struct journal *journal, const struct event *event)
{
	if (!event->at)
		journal_fetch(journal);
	pthread_mutex_lock(&journal->lock);
	while (journal->filling.size > FILLING_MAX && !pthread_equal(journal->drainer, pthread_self()))
		pthread_cond_wait(&journal->room, &journal->lock);
	int r = journal->failure ? journal->failure : append_locked(journal, event);
	pthread_mutex_unlock(&journal->lock);
	return r;
}

static int append_text(struct journal *journal, struct event *event, const char *text, int size)
{
	if (size < 0)
		return -EINVAL;
	event->data = text;
	event->size = (uint32_t)size + 1;
	return journal_append(journal, event);
}

int journal_mark(struct journal *journal, enum mark mark, const char *format, ...)
{
	struct event event = event_make(EV_MARK, mark);
	char text[512];
	va_list args;

	va_start(args, format);
	int size = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return append_text(journal, &event, text, size < (int)sizeof text ? size : (int)sizeof text - 1);
}

int journal_meta(struct journal *journal, const char *key, const char *format, ...)
{
	struct event event = event_make(EV_META, 0);
	char value[1024], text[1200];
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof value, format, args);
	va_end(args);
	int size = snprintf(text, sizeof text, "%s=%s", key, value);
	return append_text(journal, &event, text, size < (int)sizeof text ? size : (int)sizeof text - 1);
}

int journal_fd(const struct journal *journal)
{
	return journal->wake;
}

static void swap_buffers(struct journal *journal)
{
	uint64_t ticks;

	pthread_mutex_lock(&journal->lock);
	journal->drainer = pthread_self();
	struct buf taken = journal->filling;
	journal->filling = journal->draining;
	journal->draining = taken;
	(void)!read(journal->wake, &ticks, sizeof ticks);
	pthread_cond_broadcast(&journal->room);
	pthread_mutex_unlock(&journal->lock);
}

static int hand_over(const struct buf *records, journal_sink sink, void *arg)
{
	for (size_t at = 0; at < records->size;) {
		struct event event;
		const char *why;
		int64_t n = record_decode(records->data + at, records->size - at, &event, &why);
		if (n <= 0)
			return -EBADMSG; /* our own bytes: cannot be */
		int r = sink ? sink(arg, &event) : 0;
		if (r < 0)
			return r;
		at += (size_t)n;
	}
	return 0;
}

static int flush(struct journal *journal)
{
	if (journal->file < 0)
		return 0;
	int r = write_all(journal->file, journal->draining.data, journal->draining.size);
	if (r < 0) {
		pthread_mutex_lock(&journal->lock);
		journal->failure = r;
		pthread_mutex_unlock(&journal->lock);
	}
	return r;
}

int journal_drain(struct journal *journal, journal_sink sink, void *arg)
{
	/* The sink may append; a few rounds follow it without letting a busy target keep us here for ever. */
	for (int round = 0; round < DRAIN_ROUNDS; round++) {
		swap_buffers(journal);
		if (!journal->draining.size)
			return 0;
		int r = flush(journal);
		int s = hand_over(&journal->draining, sink, arg);
		buf_clear(&journal->draining);
		if (r < 0 || s < 0)
			return r < 0 ? r : s;
	}
	return 0;
}

uint64_t journal_count(const struct journal *journal)
{
	struct journal *writable = (struct journal *)journal;

	pthread_mutex_lock(&writable->lock);
	uint64_t count = journal->count;
	pthread_mutex_unlock(&writable->lock);
	return count;
}

void journal_free(struct journal *journal)
{
	if (!journal)
		return;
	(void)journal_drain(journal, NULL, NULL);
	if (journal->file >= 0)
		close(journal->file);
	if (journal->wake >= 0)
		close(journal->wake);
	buf_free(&journal->filling);
	buf_free(&journal->draining);
	pthread_cond_destroy(&journal->room);
	pthread_mutex_destroy(&journal->lock);
	pthread_mutex_destroy(&journal->fetching);
	free(journal);
}
