/* SPDX-License-Identifier: MIT */
/*
 * The program in the kernel, from outside: loading it, marking whom it looks at, taking what it tells. The
 * one place that knows libbpf (lens.c); where wringer is built without, lens_absent.c says so.
 */
#ifndef WRINGER_WATCH_LENS_H
#define WRINGER_WATCH_LENS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "watch/row.h"
#include "watch/sight.h"

struct lens;

/* Whether it can be used here at all, without loading it. 0; -EOPNOTSUPP, -EPERM with the reason in a line.
 */
int lens_check(struct error *error);
/* Loads and attaches it; nobody is marked yet. 0, or what lens_check says, or the kernel's refusal. */
int lens_open(const struct row_index *rows, struct lens **ret_lens, struct error *error);
void lens_close(struct lens *lens);

/* From here on the process (of one thread) is seen, and all that it forks. 0 or a negative errno. */
int lens_mark(struct lens *lens, pid_t pid);
/* The same for every thread of a process that runs, and of those below it; each is told as SIGHT_THERE. */
int lens_mark_family(struct lens *lens, pid_t root);

/* Whether this kernel tells of requests of io_uring. */
bool lens_sees_urings(const struct lens *lens);
/* The rings of the family, and what waits in them: SIGHT_URING_THERE, SIGHT_WAITING. */
int lens_find_urings(struct lens *lens, pid_t root);

/* One record and what is behind it. Below 0: no more now. */
typedef int (*lens_sink)(void *arg, const struct sight *sight, const char *pieces);
/* Hands over what there is, in order. How many. One thread at a time. */
uint64_t lens_take(struct lens *lens, lens_sink sink, void *arg, uint64_t most);
/* Records that found no room, and of which none that came later has told. */
uint64_t lens_lost(const struct lens *lens);

/* Polls readable when a record comes after lens_doze. The lens's. */
int lens_fd(const struct lens *lens);
void lens_doze(struct lens *lens);

#endif
