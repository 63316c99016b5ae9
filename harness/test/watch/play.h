/* SPDX-License-Identifier: MIT */
/*
 * A watched target for tests: this same program, started again with the name of a part to play.
 *
 *     test ── play_start ──► watcher ──► /proc/self/exe --play NAME
 *       ▲                       │                 │ result: what the target says about itself, in a file
 *       └── play_drain ── journal                 ▼
 */
#ifndef WRINGER_TEST_PLAY_H
#define WRINGER_TEST_PLAY_H

#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "watch/watch.h"

#define PLAY_PATIENCE_MS 20000
#define PLAY_RESULT	 60 /* the fd of its result, in the target as in the test */

/* A sanitizer's own threads and handlers would be in the target too: tests that count those skip then. */
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
#define PLAY_SANITIZED true
#elif defined __has_feature
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define PLAY_SANITIZED true
#endif
#endif
#ifndef PLAY_SANITIZED
#define PLAY_SANITIZED false
#endif

struct play {
	const struct watch_ops *ops;
	struct watch_target target;
	const char *argv[8];
	struct journal *journal;
	struct fault_set *faults;
	struct watcher *watcher;
	pid_t pid;
	int result; /* memfd at PLAY_RESULT, inherited */
	struct event *events;
	size_t count, capacity;
};

static inline int play_sink(void *arg, const struct event *event)
{
	struct play *play = arg;
	struct event *copy;
	char *data = malloc(event->size + 1);

	if (play->count == play->capacity) {
		play->capacity = play->capacity ? play->capacity * 2 : 256;
		play->events = realloc(play->events, play->capacity * sizeof *play->events);
	}
	assert_non_null(data);
	assert_non_null(play->events);
	copy = &play->events[play->count++];
	*copy = *event;
	if (event->size)
		memcpy(data, event->data, event->size);
	copy->data = data;
	return 0;
}

/* Ready to start: fields of play->target may still be changed. */
static inline void play_init(struct play *play, const char *part)
{
	struct error error;
	int file;

	*play = (struct play){.ops = watch_find("ptrace"), .argv = {"/proc/self/exe", "--play", part}};
	play->target =
	    (struct watch_target){.argv = (char *const *)play->argv, .in = -1, .out = -1, .err = -1};
	play->faults = fault_set_new();
	assert_non_null(play->faults);
	assert_int_equal(journal_create(NULL, &play->journal, &error), 0);
	file = memfd_create("result", MFD_CLOEXEC);
	assert_true(file >= 0);
	play->result = dup2(file, PLAY_RESULT);
	assert_int_equal(play->result, PLAY_RESULT);
	/* Several processes write; a memfd without this lets them overwrite each other. */
	assert_int_equal(fcntl(file, F_SETFL, O_APPEND), 0);
	close(file);
}

static inline int play_try(struct play *play, struct error *error)
{
	return watcher_start(play->ops, &play->target, play->journal, play->faults, &play->watcher,
			     &play->pid, error);
}

static inline void play_start(struct play *play)
{
	struct error error = {0};

	if (play_try(play, &error) < 0)
		fail_msg("start: %s", error.text);
	assert_true(play->pid > 0);
}

/* Follows the journal until the wanted event has come (its index), or the target is gone (NULL wanted, -1
 * then). */
static inline ssize_t play_drain(struct play *play, bool (*wanted)(const struct event *, const void *),
				 const void *arg)
{
	size_t looked = 0;

	for (;;) {
		struct pollfd fds[2] = {{journal_fd(play->journal), POLLIN, 0},
					{watcher_done_fd(play->watcher), POLLIN, 0}};

		int ready = poll(fds, 2, PLAY_PATIENCE_MS);
		assert_true(ready > 0);
		assert_int_equal(journal_drain(play->journal, play_sink, play), 0);
		for (; wanted && looked < play->count; looked++)
			if (wanted(&play->events[looked], arg))
				return (ssize_t)looked;
		if (fds[1].revents)
			break;
	}
	assert_int_equal(journal_drain(play->journal, play_sink, play), 0);
	for (; wanted && looked < play->count; looked++)
		if (wanted(&play->events[looked], arg))
			return (ssize_t)looked;
	return -1;
}

/* Runs to its end; the wait status. */
static inline int play_finish(struct play *play)
{
	struct error error = {0};
	int status = -1;

	(void)play_drain(play, NULL, NULL);
	if (watcher_failure(play->watcher, &error) < 0)
		fail_msg("watcher: %s", error.text);
	assert_int_equal(watcher_status(play->watcher, &status), 0);
	assert_int_equal(watcher_alive(play->watcher), 0);
	return status;
}

static inline void play_free(struct play *play)
{
	watcher_free(play->watcher);
	for (size_t i = 0; i < play->count; i++)
		free((void *)play->events[i].data);
	free(play->events);
	journal_free(play->journal);
	fault_set_free(play->faults);
	close(play->result);
}

/* From start to end with no fault; status must be 0. */
static inline void play_through(struct play *play, const char *part)
{
	play_init(play, part);
	play_start(play);
	assert_int_equal(play_finish(play), 0);
}

static inline uint32_t play_arm(struct play *play, const char *text)
{
	struct fault fault;
	struct error error;
	uint32_t id;

	if (fault_parse(text, &fault, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(fault_set_arm(play->faults, &fault, &id), 0);
	return id;
}

/* The n-th event of that kind (0 first) from index on, -1 when there is none. */
static inline ssize_t play_find(const struct play *play, size_t from, enum event_kind kind, uint32_t what)
{
	for (size_t i = from; i < play->count; i++)
		if (play->events[i].kind == kind && play->events[i].what == what)
			return (ssize_t)i;
	return -1;
}

static inline size_t play_count(const struct play *play, enum event_kind kind, uint32_t what)
{
	size_t count = 0;

	for (size_t i = 0; i < play->count; i++)
		count += play->events[i].kind == kind && play->events[i].what == what;
	return count;
}

static inline const struct event *play_event(const struct play *play, size_t from, enum event_kind kind,
					     uint32_t what)
{
	ssize_t at = play_find(play, from, kind, what);

	if (at < 0)
		fail_msg("no event %d/%u", (int)kind, what);
	return &play->events[at];
}

static inline bool play_is(const struct event *event, const void *arg)
{
	const struct event *wanted = arg;

	return event->kind == wanted->kind && event->what == wanted->what;
}

/* Until such an event comes. */
static inline void play_await(struct play *play, enum event_kind kind, uint32_t what)
{
	struct event wanted = event_make(kind, what);

	if (play_drain(play, play_is, &wanted) < 0)
		fail_msg("the target ended before event %d/%u", (int)kind, what);
}

/* The first bytes of a file of /proc/PID, "" when it is gone. */
static inline const char *play_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	FILE *file;
	size_t got;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	file = fopen(path, "re");
	got = file ? fread(text, 1, size - 1, file) : 0;
	text[got] = '\0';
	if (file)
		fclose(file);
	return text;
}

/* The state letter of a process, 'X' when it is gone. */
static inline char play_state(pid_t pid)
{
	char text[512];
	const char *at = strrchr(play_proc(pid, "stat", text, sizeof text), ')');

	return at ? at[2] : 'X';
}

/* Whether a process stands in that call, in that state. */
static inline bool play_stands_in(pid_t pid, long number, char state)
{
	char text[256];

	play_proc(pid, "syscall", text, sizeof text);
	return text[0] >= '0' && text[0] <= '9' && strtol(text, NULL, 10) == number &&
	       play_state(pid) == state;
}

/* The target's side: a mark that its journal shows, so that a test finds what follows it. */
#define PLAY_MARK 0x7777

static inline void play_mark(long number)
{
	syscall(SYS_fcntl, -1, PLAY_MARK, number);
}

/* Index behind that mark. */
static inline size_t play_behind(const struct play *play, uint64_t number)
{
	for (size_t i = 0; i < play->count; i++) {
		const struct event *event = &play->events[i];

		if (event->kind == EV_CALL && event->what == CALL_fcntl && event->arg[0] == PLAY_MARK &&
		    event->arg[1] == number)
			return i + 1;
	}
	fail_msg("no mark %d", (int)number);
	return 0;
}

/* A result or the negative errno, as the kernel gives it. */
#define RAW(...)                                                                                             \
	({                                                                                                   \
		long raw_ = syscall(__VA_ARGS__);                                                            \
		raw_ < 0 ? -errno : raw_;                                                                    \
	})

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "target: line %d: %s (errno %d)\n", __LINE__, #condition, errno);    \
			_exit(1);                                                                            \
		}                                                                                            \
	} while (0)

struct play_part {
	const char *name;
	int (*play)(void);
};

/* For main: plays the part that was asked for and does not return; returns when none was. */
static inline void play_main(int argc, char **argv, const struct play_part *parts, size_t count)
{
	if (argc < 3 || strcmp(argv[1], "--play"))
		return;
	for (size_t i = 0; i < count; i++)
		if (!strcmp(parts[i].name, argv[2]))
			_exit(parts[i].play());
	_exit(99);
}

#endif
