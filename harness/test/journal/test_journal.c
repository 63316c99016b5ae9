/* SPDX-License-Identifier: MIT */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/rng.h"
#include "journal/journal.h"

struct seen {
	uint64_t count, last_at;
	uint64_t next[4]; /* per appending thread: the number it should show next */
	struct event last;
	char text[256];
};

static int see(void *arg, const struct event *event)
{
	struct seen *seen = arg;

	assert_true(event->at >= seen->last_at);
	seen->last_at = event->at;
	seen->count++;
	seen->last = *event;
	event_text(event, seen->text, sizeof seen->text);
	if (event->kind == EV_CALL && event->tid < 4)
		assert_int_equal(event->arg[0], seen->next[event->tid]++);
	return 0;
}

static char *temporary(char *path)
{
	strcpy(path, "/tmp/wringer-test-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	return path;
}

static struct event wait_event(void)
{
	static const struct ready ready[] = {{.data = 7, .events = EPOLLIN | EPOLLHUP, .fd = -1}};
	struct event event = event_make(EV_CALL, CALL_epoll_wait);

	event.pid = event.tid = 100;
	event.fd = 5;
	event.ret = 1;
	event.arg[0] = 64;
	event.arg[1] = UINT64_MAX;
	event.data = ready;
	event.size = sizeof ready;
	return event;
}

static void write_story(const char *path)
{
	struct journal *journal;
	struct event event = wait_event();

	assert_int_equal(journal_create(path, &journal, NULL), 0);
	assert_int_equal(journal_meta(journal, "protocol", "%s", "echo"), 0);
	assert_int_equal(journal_append(journal, &event), 0);
	assert_int_equal(journal_mark(journal, MARK_END, "%s", ""), 0);
	assert_int_equal(journal_count(journal), 3);
	journal_free(journal);
}

static void test_what_is_written_is_read(void **state)
{
	char path[64];
	struct seen seen = {0};
	struct error error = {0};
	bool whole = false;

	(void)state;
	write_story(temporary(path));
	assert_int_equal(journal_read(path, see, &seen, &whole, &error), 0);
	assert_int_equal(seen.count, 3);
	assert_true(whole);
	unlink(path);
}

static int keep_wait(void *arg, const struct event *event)
{
	struct seen *seen = arg;

	if (event->kind != EV_CALL)
		return 0;
	uint32_t count;
	const struct ready *ready = event_ready(event, &count);
	assert_int_equal(count, 1);
	assert_int_equal(ready[0].events, EPOLLIN | EPOLLHUP);
	assert_int_equal(ready[0].data, 7);
	return see(seen, event);
}

static void test_fields_and_text(void **state)
{
	char path[64];
	struct seen seen = {0};

	(void)state;
	write_story(temporary(path));
	assert_int_equal(journal_read(path, keep_wait, &seen, NULL, NULL), 0);
	assert_int_equal(seen.last.arg[1], UINT64_MAX);
	assert_int_equal(seen.last.pid, 100);
	assert_string_equal(seen.text, "epoll_wait(5, -1) = 1 [IN|HUP]");
	unlink(path);
}

/* Every prefix of a journal is refused or whole records; never a crash, never a wrong record. */
static void test_truncated(void **state)
{
	char path[64], bytes[4096];
	struct error error;

	(void)state;
	write_story(temporary(path));
	int fd = open(path, O_RDONLY);
	ssize_t size = read(fd, bytes, sizeof bytes);
	close(fd);
	size_t whole_prefixes = 0;
	for (ssize_t cut = 0; cut < size; cut++) {
		struct seen seen = {0};
		bool whole = true;
		int r = journal_parse(bytes, (size_t)cut, see, &seen, &whole, &error);
		assert_true(r == 0 || r == -EBADMSG);
		if (r == 0) {
			whole_prefixes++;
			assert_false(whole);
		} else {
			assert_true(strstr(error.text, "truncated") ||
				    strstr(error.text, "not a wringer journal"));
		}
	}
	assert_int_equal(whole_prefixes, 3); /* behind the header, the first and the second record */
	unlink(path);
}

static void test_corrupt_and_foreign(void **state)
{
	char path[64], bytes[4096];
	struct error error;
	struct rng rng;

	(void)state;
	write_story(temporary(path));
	int fd = open(path, O_RDONLY);
	size_t size = (size_t)read(fd, bytes, sizeof bytes);
	close(fd);
	for (size_t at = 0; at < size; at++) {
		struct seen seen = {0};
		bytes[at] ^= 0x20;
		int r = journal_parse(bytes, size, see, &seen, NULL, &error);
		/* The header's time and reserved words and a record's padding may change; nothing else. */
		assert_true(r == -EBADMSG || r == 0);
		if (r == 0)
			assert_int_equal(seen.count, 3);
		bytes[at] ^= 0x20;
	}
	rng_init(&rng, 1, "noise");
	for (int round = 0; round < 200; round++) {
		struct seen seen = {0};
		for (size_t at = 0; at < sizeof bytes; at++)
			bytes[at] = (char)rng_next(&rng);
		assert_int_equal(journal_parse(bytes, sizeof bytes, see, &seen, NULL, &error), -EBADMSG);
		assert_int_equal(seen.count, 0);
	}
	assert_int_equal(journal_read("/nonexistent/j", see, NULL, NULL, &error), -ENOENT);
	assert_int_equal(journal_read("/tmp", see, NULL, NULL, &error), -EISDIR);
	assert_int_equal(journal_create("/nonexistent/j", &(struct journal *){NULL}, &error), -ENOENT);
	unlink(path);
}

static void test_data_is_cut_at_the_bound(void **state)
{
	static char big[EVENT_DATA_MAX + 100];
	struct journal *journal;
	struct event event = event_make(EV_CALL, CALL_read);
	struct seen seen = {0};

	(void)state;
	assert_int_equal(journal_create(NULL, &journal, NULL), 0);
	event.tid = 100;
	event.data = big;
	event.size = sizeof big;
	assert_int_equal(journal_append(journal, &event), 0);
	assert_int_equal(journal_drain(journal, see, &seen), 0);
	assert_int_equal(seen.last.size, EVENT_DATA_MAX);
	assert_true(seen.last.flags & EVF_TRUNCATED);
	journal_free(journal);
}

/*
 *   three threads ──append──▶ filling ──swap──▶ draining ──▶ one sink
 * Far more is appended than the buffer holds, so appenders wait; nothing is lost, each thread's order is
 * kept.
 */
enum { THREADS = 3, EVENTS = 60000 };

struct appender {
	struct journal *journal;
	int number;
};

static void *append_many(void *arg)
{
	const struct appender *appender = arg;
	struct event event = event_make(EV_CALL, CALL_read);

	event.pid = 100;
	event.tid = appender->number;
	for (int i = 0; i < EVENTS; i++) {
		event.arg[0] = (uint64_t)i;
		if (journal_append(appender->journal, &event) < 0)
			return arg;
	}
	return NULL;
}

static void test_threads_lose_nothing(void **state)
{
	struct journal *journal;
	pthread_t threads[THREADS];
	struct appender appenders[THREADS];
	struct seen seen = {0};

	(void)state;
	assert_int_equal(journal_create(NULL, &journal, NULL), 0);
	for (int i = 0; i < THREADS; i++) {
		appenders[i] = (struct appender){.journal = journal, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, append_many, &appenders[i]), 0);
	}
	while (seen.count < THREADS * EVENTS) {
		struct pollfd wake = {.fd = journal_fd(journal), .events = POLLIN};
		assert_int_equal(poll(&wake, 1, 20000), 1);
		assert_int_equal(journal_drain(journal, see, &seen), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		assert_null(failed);
		assert_int_equal(seen.next[i], EVENTS);
	}
	journal_free(journal);
}

static void test_every_call_has_a_name(void **state)
{
	(void)state;
	for (unsigned call = 1; call < CALL_COUNT; call++)
		assert_int_equal(call_parse(call_name((enum call)call)), call);
	assert_int_equal(call_parse("fork_bomb"), CALL_unknown);
	assert_string_equal(call_name((enum call)9999), "unknown");
}

/* Whatever stands in a record, its text is a line: kinds, whats and results beyond the tables included. */
static void test_text_of_nonsense(void **state)
{
	char text[64];
	struct rng rng;

	(void)state;
	rng_init(&rng, 3, "text");
	for (int i = 0; i < 20000; i++) {
		struct event event = event_make((enum event_kind)rng_below(&rng, EV_KINDS + 2), 0);
		event.what = (uint32_t)rng_below(&rng, CALL_COUNT + 4);
		event.ret = (int64_t)rng_below(&rng, 400) - 200;
		for (int a = 0; a < 4; a++)
			event.arg[a] = rng_next(&rng) >> rng_below(&rng, 64);
		event.fd = (int32_t)rng_below(&rng, 12) - 1;
		event_text(&event, text, sizeof text);
		assert_true(strlen(text) < sizeof text);
		assert_null(strchr(text, '\n'));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_written_is_read),
	    cmocka_unit_test(test_fields_and_text),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_corrupt_and_foreign),
	    cmocka_unit_test(test_data_is_cut_at_the_bound),
	    cmocka_unit_test(test_threads_lose_nothing),
	    cmocka_unit_test(test_every_call_has_a_name),
	    cmocka_unit_test(test_text_of_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
