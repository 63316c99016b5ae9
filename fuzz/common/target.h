/* SPDX-License-Identifier: MIT */
/* A fuzz target: what one input is tried on. Each is one file fuzz/fuzz_NAME.c and one line of FUZZ_TARGETS.
 */
#ifndef FUZZ_COMMON_TARGET_H
#define FUZZ_COMMON_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* The engine's own mutation: changes data in place, at most room bytes; returns the new size. */
typedef size_t fuzz_mutator(uint8_t *data, size_t size, size_t room);

struct fuzz_target {
	const char *name, *doc;
	size_t limit; /* bytes of an input; what is more is cut */
	/* One input. Returns when all is well; fuzz_claim ends the process otherwise. Keeps nothing. */
	void (*run)(const uint8_t *data, size_t size);
	/* A change of its own, for inputs that are no heap of bytes; NULL: plain alone. Returns the new size.
	 */
	size_t (*mutate)(uint8_t *data, size_t size, size_t room, unsigned seed, fuzz_mutator *plain);
	/* Joins two inputs into out (room bytes) and returns the size; NULL: the engine's own way. */
	size_t (*cross)(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
			uint8_t *out, size_t room, unsigned seed);
};

#define FUZZ_TARGETS(X)                                                                                      \
	X(http)                                                                                              \
	X(session)                                                                                           \
	X(units)                                                                                             \
	X(options)                                                                                           \
	X(config)                                                                                            \
	X(scenario)                                                                                          \
	X(journal)                                                                                           \
	X(judge)                                                                                             \
	X(report)                                                                                            \
	X(model)

#define FUZZ_DECLARE(name) extern const struct fuzz_target fuzz_##name;
FUZZ_TARGETS(FUZZ_DECLARE)
#undef FUZZ_DECLARE
extern const struct fuzz_target fuzz_server; /* server/: one binary for each server */

/* What must hold: says what did not, and aborts, for the engine to keep the input. */
#define fuzz_claim(truth)                                                                                    \
	do {                                                                                                 \
		if (!(truth))                                                                                \
			fuzz_broken(__FILE__, __LINE__, #truth);                                             \
	} while (0)
void fuzz_broken(const char *file, int line, const char *claim) __attribute__((noreturn));

#endif
