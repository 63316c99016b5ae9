/* SPDX-License-Identifier: MIT */
/* One peer and the target's end of its connection, as a cmocka fixture. */
#ifndef WRINGER_TEST_PEER_FIXTURE_H
#define WRINGER_TEST_PEER_FIXTURE_H

#include "test/peer/bench.h"

#include <stdlib.h>

struct fixture {
	struct bench bench;
	struct peer *peer;
	int target; /* its end of the connection */
	uint64_t turns;
	bool free_on_change;
};

static inline void on_change(void *arg)
{
	struct fixture *f = arg;

	f->turns++;
	if (f->free_on_change) {
		peer_free(f->peer);
		f->peer = NULL;
	}
}

static inline struct peer_options plain(struct fixture *f)
{
	return (struct peer_options){.name = "c1", .id = 7, .reading = true, .changed = on_change, .arg = f};
}

static inline void make_peer(struct fixture *f, const struct peer_options *options)
{
	struct error error = {0};

	assert_int_equal(peer_new(f->bench.loop, f->bench.journal, (struct sockaddr *)&f->bench.address,
				  sizeof f->bench.address, options, &f->peer, &error),
			 0);
}

static inline bool connected(void *arg)
{
	return peer_state(arg) != PEER_CONNECTING;
}

static inline void join(struct fixture *f, const struct peer_options *options)
{
	make_peer(f, options);
	bench_until(&f->bench, connected, f->peer);
	assert_int_equal(peer_state(f->peer), PEER_OPEN);
	f->target = bench_accept(&f->bench);
	assert_true(f->target >= 0);
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	bench_open(&f->bench);
	f->target = -1;
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	peer_free(f->peer);
	if (f->target >= 0)
		close(f->target);
	bench_drain(&f->bench);
	assert_true(f->bench.acts[PEER_GONE] == f->bench.acts[PEER_CONNECT]);
	bench_close(&f->bench);
	free(f);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
