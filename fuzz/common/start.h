/* SPDX-License-Identifier: MIT */
/* The command line of a fuzz binary: what libFuzzer would stumble over later is said first, in one line. */
#ifndef FUZZ_COMMON_START_H
#define FUZZ_COMMON_START_H

#include "base/error.h"
#include "fuzz/common/target.h"

/* The environment variable that names the folder of findings, for targets that write more than the engine. */
#define FUZZ_FOUND "FUZZ_FOUND"

/*
 * Checks the words (folders and inputs exist, findings and new inputs can be written, nothing is overwritten)
 * sets FUZZ_FOUND, and makes the line libFuzzer gets: the target's own defaults, then what the user said. The
 * array is malloc'd, its words are the caller's or static. 0, or a negative errno with error.
 */
int fuzz_start(const struct fuzz_target *target, int argc, char **argv, char ***ret_argv, int *ret_argc,
	       struct error *error);

#endif
