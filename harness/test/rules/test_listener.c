/* SPDX-License-Identifier: MIT */
/* listener-spin: the signs, and what ends or excuses them. listener-gone: what a fresh client finds after the
 * fault. */
#include <netinet/tcp.h>
#include <signal.h>
#include "story.h"

#define SPIN "listener-spin,hup-spin,futile-spin,writable-spin"

struct spin {
	const char *name;
	bool broken;
	unsigned hups, invals;
	bool accepts, again, told, injected, connection, stopped;
};

static const struct spin spins[] = {
    {.name = "HUP reported, nothing done", .broken = true, .hups = 250},
    {.name = "HUP, then accept gives EINVAL", .broken = true, .hups = 250, .invals = 1},
    {.name = "accept alone gives EINVAL", .broken = true, .invals = 250},
    {.name = "too few", .hups = 150, .invals = 1},
    {.name = "an accept succeeds between", .hups = 250, .accepts = true},
    {.name = "it listens again between", .hups = 250, .again = true},
    {.name = "told to stop", .hups = 250, .told = true},
    {.name = "after STOP", .hups = 250, .stopped = true},
    {.name = "injected", .invals = 250, .injected = true},
};

static void turn(struct story *s, const struct spin *spin, unsigned i)
{
	if (i < spin->hups)
		story_wait(s, STORY_LISTENER, EPOLLOUT | EPOLLHUP);
	if (spin->invals && (spin->invals > 1 || spin->hups)) {
		if (spin->injected)
			story_injected(s, CALL_accept4, STORY_LISTENER, -EINVAL);
		else
			story_accept(s, STORY_LISTENER, -EINVAL, 0);
	}
	if (spin->accepts && i == 125) {
		story_accept(s, STORY_LISTENER, 9, 0);
		story_close(s, 9);
	}
	if (spin->again && i == 125)
		story_call(s, CALL_listen, STORY_LISTENER, 0);
	story_later(s, 1000);
}

static void test_spins(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(spins) / sizeof(*spins); k++) {
		const struct spin *spin = &spins[k];
		struct story s = story_new(SPIN);

		print_message("  %s\n", spin->name);
		story_mark(&s, spin->stopped ? MARK_STOP : MARK_FAULT);
		if (spin->told)
			story_signal(&s, SIGTERM);
		for (unsigned i = 0; i < spin->hups || i < spin->invals; i++)
			turn(&s, spin, i);
		if (spin->broken)
			assert_int_equal(assert_broken(&s, "listener-spin")->fd, STORY_LISTENER);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

struct gone {
	const char *name;
	bool broken;
	bool closed, removed, masked, shut; /* what became of the listener */
	uint64_t waiting;
	bool accepted;	/* the fresh client is let in */
	bool second;	/* another listener on the port is in its epoll */
	bool accepting; /* a thread is found in accept */
	bool full, told, early;
	bool short_of, left; /* its last accept gave EMFILE with a connection open; which closed since */
	bool timer;	     /* it sleeps with a long time-out */
};

static const struct gone gones[] = {
    {.name = "closed", .broken = true, .closed = true},
    {.name = "taken out of the set", .broken = true, .removed = true, .waiting = 1},
    {.name = "its mask is empty", .broken = true, .masked = true, .waiting = 1},
    {.name = "shut down", .broken = true, .shut = true},
    {.name = "shut down, it may come back", .shut = true, .timer = true},
    {.name = "it is in service", .waiting = 1},
    {.name = "back in time", .removed = true, .accepted = true},
    {.name = "nobody waits", .removed = true},
    {.name = "a second listener serves", .closed = true, .second = true},
    {.name = "a thread sits in accept", .removed = true, .waiting = 1, .accepting = true},
    {.name = "EMFILE, none of its connections left", .removed = true, .waiting = 1, .short_of = true},
    {.name = "EMFILE, one left",
     .broken = true,
     .removed = true,
     .waiting = 1,
     .short_of = true,
     .left = true},
    {.name = "no fds", .removed = true, .waiting = 1, .full = true},
    {.name = "asked to stop", .closed = true, .told = true},
    {.name = "closed before the fault", .closed = true, .early = true},
};

static void lose(struct story *s, const struct gone *gone)
{
	if (gone->second)
		story_listen(s, 8, STORY_PORT, 128);
	if (gone->second)
		story_add(s, 8, EPOLLIN);
	if (gone->short_of) {
		story_accept(s, STORY_LISTENER, 20, 0);
		story_accept(s, STORY_LISTENER, -EMFILE, 0);
	}
	if (gone->closed)
		story_close(s, STORY_LISTENER);
	if (gone->removed)
		story_del(s, STORY_LISTENER);
	if (gone->left)
		story_close(s, 20);
	if (gone->masked)
		story_mod(s, STORY_LISTENER, 0);
	if (gone->shut)
		story_shutdown(s, STORY_LISTENER, SHUT_RD);
}

static void probe(struct story *s, const struct gone *gone)
{
	if (gone->shut)
		story_probe(s, PROBE_SOCKET, STORY_LISTENER, 0, 0, EPOLLOUT | EPOLLHUP, TCP_CLOSE);
	else if (!gone->closed)
		story_probe(s, PROBE_LISTENER, STORY_LISTENER, gone->waiting, 128, EPOLLIN, 0);
	if (gone->second)
		story_probe(s, PROBE_LISTENER, 8, 0, 128, 0, 0);
	story_probe(s, PROBE_THREAD, -1, 'S', gone->accepting ? CALL_accept4 : CALL_epoll_wait, 0, 0);
	story_probe(s, PROBE_PROCESS, -1, gone->full ? 64 : 9, 0, 0, 64);
}

static void test_gones(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(gones) / sizeof(*gones); i++) {
		const struct gone *gone = &gones[i];
		struct story s = story_new("listener-gone");

		print_message("  %s\n", gone->name);
		if (gone->early)
			lose(&s, gone);
		story_mark(&s, MARK_FAULT);
		if (!gone->early)
			lose(&s, gone);
		if (gone->told)
			story_fault(&s, FAULT_SIGNAL, 0, SIGTERM, NULL);
		story_sleep(&s, gone->timer ? 60 * NS_PER_S : STORY_FOREVER);
		story_mark(&s, MARK_QUIET);
		story_mark(&s, MARK_RECOVERY);
		story_canary(&s, 50, PEER_CONNECT, 0, 0);
		if (gone->accepted)
			story_accept(&s, STORY_LISTENER, 12, story_port(50));
		story_later(&s, 2000000);
		probe(&s, gone);
		story_mark(&s, MARK_STOP);
		if (gone->broken)
			assert_int_equal(assert_broken(&s, "listener-gone")->fd, STORY_LISTENER);
		else
			assert_clean(&s);
		story_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_spins),
	    cmocka_unit_test(test_gones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
