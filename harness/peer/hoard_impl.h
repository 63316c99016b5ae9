/* SPDX-License-Identifier: MIT */
/* What a hoard and its workers share. Only hoard*.c include this. */
#ifndef WRINGER_PEER_HOARD_IMPL_H
#define WRINGER_PEER_HOARD_IMPL_H

#include "peer/hoard.h"

/* One worker's page of the shared memory: it writes, and reads only drop. */
struct hoard_page {
	_Atomic uint32_t open, made, ended, refused;
	_Atomic uint64_t bytes, memory;
	_Atomic int error, broken;
	_Atomic bool drop;
};

struct hoard_share {
	const struct hoard_options *options;
	uint32_t index, peers, workers;
	double rate;
	struct hoard_page *page;
};

/* The whole life of a worker process, forked already. Does not return. */
_Noreturn void hoard_work(const struct hoard_share *share);

#endif
