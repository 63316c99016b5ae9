/* SPDX-License-Identifier: MIT */
/* The engine as a process beside us: libFuzzer, a program of its own, or, where that was not built, the plain
 * one. */
#ifndef WRINGER_HUNT_ENGINE_H
#define WRINGER_HUNT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "hunt/line.h"

struct engine;

struct engine_options {
	const char *program; /* NULL: the plain engine */
	const char
	    *corpus; /* a folder: read at the start, what is worth keeping is written there. NULL: none */
	uint64_t seed;
};

/* Where libFuzzer's program is: $WRINGER_FUZZ_ENGINE, beside this one, or installed. False when it is
 * nowhere. */
bool engine_find(char *out, size_t size);

/* 0 or a negative errno with error. */
int engine_start(const struct engine_options *options, struct engine **ret_engine, struct error *error);
struct line *engine_line(const struct engine *engine);
int engine_socket(const struct engine *engine);
/* The last line it printed, for when it ended by itself. Returns out. */
char *engine_words(const struct engine *engine, char *out, size_t size);
/* Ends it. NULL is fine. */
void engine_end(struct engine *engine);

/*
 * The plain engine's whole life, in a process of its own: inputs are changed and joined at random, those that
 * show counters, or amounts of them, that none showed before are kept. Returns when the socket is closed.
 */
void plain_engine(struct line *line, int socket, const char *corpus, uint64_t seed);

#endif
