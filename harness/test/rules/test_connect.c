/* SPDX-License-Identifier: MIT */
/*
 * connect-unchecked: a target that connects out, as lines of a script told to the judge.
 *
 *     socket = 11 ── connect = EINPROGRESS ── what the row does ── 2.5 s ── QUIET
 */
#include <netinet/tcp.h>
#include <signal.h>
#include "story.h"

enum step {
	END,
	FAILS,	 /* OUT|ERR|HUP is reported */
	WORKS,	 /* OUT is reported */
	ASK,	 /* getsockopt(SO_ERROR) */
	AGAIN,	 /* connect once more: ECONNREFUSED */
	REFUSED, /* a write is told ECONNREFUSED */
	READ,	 /* a read is told ECONNREFUSED */
	DRAIN,	 /* a read gives 0 */
	EARLY,	 /* a write gives EAGAIN */
	WRITE,	 /* a write works */
	PIPE,	 /* a write gives EPIPE */
	INJECT,	 /* a write is made to fail with ECONNREFUSED */
	CLOSE,
	STOP, /* SIGTERM */
};

struct attempt {
	const char *name;
	bool broken;
	enum step steps[6];
};

static const struct attempt attempts[] = {
    {"written to after it was told", true, {FAILS, REFUSED, PIPE}},
    {"the same without waiting", true, {REFUSED, PIPE}},
    {"a read was told", true, {FAILS, READ, PIPE}},
    {"kept", true, {FAILS}},
    {"told and kept", true, {FAILS, REFUSED}},
    {"asked, then closed", false, {FAILS, ASK, CLOSE}},
    {"asked, and kept: another's matter", false, {FAILS, ASK}},
    {"connect again is asking", false, {FAILS, AGAIN, CLOSE}},
    {"told, then closed", false, {FAILS, REFUSED, CLOSE}},
    {"told, drained, closed", false, {FAILS, REFUSED, DRAIN, CLOSE}},
    {"closed on ERR", false, {FAILS, CLOSE}},
    {"it worked, unasked", false, {WORKS, WRITE, WRITE}},
    {"it worked, and broke later", false, {WORKS, WRITE, PIPE, PIPE}},
    {"too early, then it worked", false, {EARLY, WORKS, WRITE}},
    {"we made it fail", false, {WORKS, INJECT, WRITE}},
    {"told to stop", false, {STOP, FAILS, REFUSED, PIPE}},
};

static void ask(struct story *s)
{
	struct event event = story_event(s, EV_CALL, CALL_getsockopt, 11, 0);

	event.arg[0] = SOL_SOCKET;
	event.arg[1] = SO_ERROR;
	story_tell(s, event);
}

static void take(struct story *s, enum step step)
{
	switch (step) {
	case END:
		break;
	case FAILS:
		story_wait(s, 11, EPOLLOUT | EPOLLERR | EPOLLHUP);
		break;
	case WORKS:
		story_wait(s, 11, EPOLLOUT);
		break;
	case ASK:
		ask(s);
		break;
	case AGAIN:
		story_call(s, CALL_connect, 11, -ECONNREFUSED);
		break;
	case REFUSED:
		story_write(s, 11, -ECONNREFUSED, 10);
		break;
	case READ:
		story_read(s, 11, -ECONNREFUSED);
		break;
	case DRAIN:
		story_read(s, 11, 0);
		break;
	case EARLY:
		story_write(s, 11, -EAGAIN, 10);
		break;
	case WRITE:
		story_write(s, 11, 10, 10);
		break;
	case PIPE:
		story_write(s, 11, -EPIPE, 10);
		break;
	case INJECT:
		story_injected(s, CALL_write, 11, -ECONNREFUSED);
		break;
	case CLOSE:
		story_close(s, 11);
		break;
	case STOP:
		story_signal(s, SIGTERM);
		break;
	}
}

static void connect_out(struct story *s)
{
	struct sockaddr_in address = story_address(9);
	struct event event = story_event(s, EV_CALL, CALL_socket, -1, 11);

	event.arg[0] = AF_INET;
	event.arg[1] = SOCK_STREAM | SOCK_NONBLOCK;
	story_tell(s, event);
	event = story_event(s, EV_CALL, CALL_connect, 11, -EINPROGRESS);
	event.data = &address;
	event.size = sizeof(address);
	story_tell(s, event);
	story_add(s, 11, EPOLLOUT);
}

static void test_attempts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		const struct attempt *attempt = &attempts[i];
		struct story s = story_new("connect-unchecked");

		print_message("  %s\n", attempt->name);
		story_mark(&s, MARK_FAULT);
		connect_out(&s);
		for (size_t k = 0; k < 6 && attempt->steps[k]; k++)
			take(&s, attempt->steps[k]);
		story_sleep(&s, STORY_FOREVER);
		story_later(&s, 2500000);
		story_mark(&s, MARK_QUIET);
		story_probe(&s, PROBE_THREAD, -1, 'S', CALL_epoll_wait, 0, 0);
		story_mark(&s, MARK_RECOVERY);
		if (attempt->broken)
			assert_int_equal(assert_broken(&s, "connect-unchecked")->fd, 11);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_attempts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
