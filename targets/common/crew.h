/* SPDX-License-Identifier: MIT */
/* Several loops (common/loop.h) on one listener: the harder twins of targets/faulty. */
#ifndef TARGETS_CREW_H
#define TARGETS_CREW_H

#include "common/loop.h"

/* loop_main with a loop in each of several threads, or in each of several processes. */
int crew_main_threads(int argc, char **argv, const struct loop_hooks *hooks);
int crew_main_forked(int argc, char **argv, const struct loop_hooks *hooks);

#endif
