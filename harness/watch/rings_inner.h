/* SPDX-License-Identifier: MIT */
/* What rings.c and rings_told.c share. */
#ifndef WRINGER_WATCH_RINGS_INNER_H
#define WRINGER_WATCH_RINGS_INNER_H

#include <pthread.h>
#include <stdatomic.h>
#include "watch/ring.h"
#include "watch/rings.h"
#include "watch/tracer.h"

struct rings {
	pthread_mutex_t lock;
	atomic_size_t count;
	struct ring *first;
	uint32_t ids;
	const char *blindfold; /* why none is looked into; NULL: they are */
	bool told;	       /* the kernel tells, and no memory is looked into */
	struct ring_reading reading;
	struct scratch scratch;
};

/* What is read and journalled until rings_unlock is of the tracer's present moment. */
void rings_lock(struct rings *rings, const struct tracer *tracer);
void rings_unlock(struct rings *rings);
/* A negative errno ends the watching. */
void rings_check(struct tracer *tracer, int ret);

/* A new one, of that thread's process. NULL: out of memory. */
struct ring *rings_add(struct rings *rings, const struct tracee *tracee, int32_t fd);
/* pid 0: of any process. */
struct ring *rings_find_by_key(const struct rings *rings, int32_t pid, uint64_t key);
/* The ring that the kernel says the present call made or named; 0: none. */
uint64_t rings_key_told(const struct rings *rings);

#endif
