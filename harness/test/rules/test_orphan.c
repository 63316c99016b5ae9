/* SPDX-License-Identifier: MIT */
/*
 * ctl-error-orphan and deaf-connection: connections that no event can reach, in variants.
 *
 *     accept = 9 ── epoll_ctl(ADD, 9) = ENOSPC ── epoll_wait ……… QUIET
 *     accept = 9 ── ADD ── IN ── read ── epoll_ctl(DEL, 9) ── epoll_wait ……… QUIET
 */
#include "story.h"

struct orphan {
	const char *name;
	const char *broken; /* the rule, NULL none */
	int code;	    /* of the ADD, 0: it works */
	bool ended;	    /* the peer closed, and that was read */
	bool hung_up;	    /* a reset, and that was only reported */
	bool removed;	    /* DEL after the work */
	bool closes, retries, reads, fdinfo, polls, upstream, ring, masked;
	enum call worker; /* a second thread sleeps in it; CALL_COUNT: there is none */
	uint64_t timeout; /* of the sleep, 0: for ever */
	uint64_t slept;	  /* ms, 0: 400 */
	int64_t wrote;	  /* result of a write of 1000 bytes, 0: none */
};

#define CTL    "ctl-error-orphan"
#define DEAF   "deaf-connection"
#define NOBODY CALL_COUNT

static const struct orphan orphans[] = {
    {.name = "ENOSPC", .broken = CTL, .code = ENOSPC, .worker = NOBODY},
    {.name = "ENOMEM", .broken = CTL, .code = ENOMEM, .worker = NOBODY},
    {.name = "EEXIST, and nothing is there", .broken = CTL, .code = EEXIST, .worker = NOBODY},
    {.name = "EINVAL is another mistake", .code = EINVAL, .worker = NOBODY},
    {.name = "it is closed", .code = ENOSPC, .closes = true, .worker = NOBODY},
    {.name = "a second try works", .code = ENOSPC, .retries = true, .worker = NOBODY},
    {.name = "it is read all the same", .code = ENOSPC, .reads = true, .worker = NOBODY},
    {.name = "the kernel knows better", .code = ENOSPC, .fdinfo = true, .worker = NOBODY},
    {.name = "a timer may try again",
     .code = ENOSPC,
     .timeout = 60 * NS_PER_S,
     .slept = 1500,
     .worker = NOBODY},
    {.name = "no timer did",
     .broken = CTL,
     .code = ENOSPC,
     .timeout = 60 * NS_PER_S,
     .slept = 2100,
     .worker = NOBODY},
    {.name = "a thread reads it instead", .code = ENOSPC, .slept = 4000, .worker = CALL_recvfrom},
    {.name = "too early", .code = ENOSPC, .slept = 100, .worker = NOBODY},
    {.name = "taken out for good", .broken = DEAF, .removed = true, .worker = NOBODY},
    {.name = "taken out, a timer may come",
     .removed = true,
     .timeout = 60 * NS_PER_S,
     .slept = 2000,
     .worker = NOBODY},
    {.name = "taken out, none came",
     .broken = DEAF,
     .removed = true,
     .timeout = NS_PER_S,
     .slept = 3100,
     .worker = NOBODY},
    {.name = "an empty mask", .masked = true, .worker = NOBODY},
    {.name = "registered", .worker = NOBODY},
    {.name = "a thread in poll", .removed = true, .polls = true, .worker = NOBODY},
    {.name = "a worker has it", .removed = true, .slept = 4000, .worker = CALL_clock_nanosleep},
    {.name = "it waits for an upstream", .removed = true, .upstream = true, .worker = NOBODY},
    {.name = "it has an io_uring", .removed = true, .ring = true, .worker = NOBODY},
    {.name = "output pending", .removed = true, .wrote = 400, .worker = NOBODY},
    {.name = "its end was read", .removed = true, .ended = true, .worker = NOBODY},
    {.name = "its end was reported", .removed = true, .hung_up = true, .worker = NOBODY},
};

static void connect_out(struct story *s)
{
	struct event event = story_event(s, EV_CALL, CALL_socket, -1, 11);

	event.arg[0] = AF_INET;
	event.arg[1] = SOCK_STREAM;
	story_tell(s, event);
	story_call(s, CALL_connect, 11, -EINPROGRESS);
}

static void work(struct story *s, const struct orphan *orphan)
{
	if (orphan->code && !orphan->retries)
		return;
	story_wait(s, 9, EPOLLIN);
	story_read(s, 9, 100);
	if (orphan->wrote)
		story_write(s, 9, orphan->wrote, 1000);
	if (orphan->ended)
		story_read(s, 9, 0);
	if (orphan->hung_up)
		story_wait(s, 9, EPOLLIN | EPOLLERR | EPOLLHUP);
	if (orphan->removed)
		story_del(s, 9);
	if (orphan->masked)
		story_mod(s, 9, 0);
}

static void act(struct story *s, const struct orphan *orphan)
{
	if (orphan->worker != NOBODY)
		story_fork(s, STORY_PID + 1, 0x00010f00 /* a thread */);
	if (orphan->ring)
		story_call(s, CALL_io_uring_setup, -1, 12);
	if (orphan->upstream)
		connect_out(s);
	story_conn(s, 3, 9, 0);
	story_ctl(s, EPOLL_CTL_ADD, 9, EPOLLIN, -orphan->code);
	if (orphan->closes)
		story_close(s, 9);
	if (orphan->retries)
		story_add(s, 9, EPOLLIN);
	if (orphan->reads)
		story_read(s, 9, 100);
	work(s, orphan);
	if (orphan->polls) {
		struct event event = story_event(s, EV_ENTER, CALL_poll, -1, 0);

		event.arg[1] = STORY_FOREVER;
		story_tell(s, event);
	} else {
		story_sleep(s, orphan->timeout ? orphan->timeout : STORY_FOREVER);
	}
}

static void probe(struct story *s, const struct orphan *orphan)
{
	const struct ready ready = {.fd = 9, .events = EPOLLIN};
	struct event epoll = story_event(s, EV_PROBE, PROBE_EPOLL, STORY_EPOLL, 0);

	if (!orphan->closes)
		story_probe(s, PROBE_SOCKET, 9, 0, 0, EPOLLOUT, 1);
	epoll.data = &ready;
	epoll.size = sizeof(ready);
	if (orphan->fdinfo)
		story_tell(s, epoll);
	story_probe(s, PROBE_THREAD, -1, 'S', CALL_epoll_wait, 0, 0);
	if (orphan->worker == NOBODY)
		return;
	s->tid = STORY_PID + 1;
	story_probe(s, PROBE_THREAD, -1, 'S', orphan->worker, 0, 0);
	s->tid = STORY_PID;
}

static void test_orphans(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(orphans) / sizeof(*orphans); i++) {
		const struct orphan *orphan = &orphans[i];
		struct story s = story_new(CTL "," DEAF);

		print_message("  %s\n", orphan->name);
		story_mark(&s, MARK_FAULT);
		act(&s, orphan);
		story_mark(&s, MARK_SETTLE);
		story_later(&s, (orphan->slept ? orphan->slept : 400) * 1000);
		story_mark(&s, MARK_QUIET);
		probe(&s, orphan);
		story_mark(&s, MARK_RECOVERY);
		if (orphan->broken)
			assert_int_equal(assert_broken(&s, orphan->broken)->fd, 9);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

/* The process ends right after the failure; or after something else came between. */
static void ends(bool read_fails_later, const char *broken)
{
	struct story s = story_new(NULL);

	story_mark(&s, MARK_FAULT);
	story_conn(&s, 3, 9, 0);
	story_injected(&s, CALL_epoll_ctl, 9, -ENOSPC);
	if (read_fails_later) {
		story_conn(&s, 4, 10, EPOLLIN);
		story_read(&s, 10, -ECONNRESET);
	}
	story_exit(&s, 1 << 8);
	(void)assert_broken(&s, broken);
	story_free(&s);
}

static void test_death(void **state)
{
	(void)state;
	ends(false, CTL);
	ends(true, "peer-kills-server");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_orphans),
	    cmocka_unit_test(test_death),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
