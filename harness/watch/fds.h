/* SPDX-License-Identifier: MIT */
/* Which fd numbers of a table were accepted, and from whom: shared by the threads (and processes) that share
 * the table. */
#ifndef WRINGER_WATCH_FDS_H
#define WRINGER_WATCH_FDS_H

#include <stdbool.h>
#include <stdint.h>
#include "journal/event.h"

struct fds;

struct fds *fds_new(void); /* NULL: out of memory; one reference */
/* A child's table: the same with one more reference, or a copy. NULL: out of memory. */
struct fds *fds_inherit(struct fds *fds, bool share);
void fds_free(struct fds *fds); /* drops a reference */

bool fds_accepted(const struct fds *fds, int32_t fd);
/* The port of its peer; 0: it was not accepted, or that is not known. */
uint16_t fds_peer(const struct fds *fds, int32_t fd);
/*
 * Whether a fault that says "no number is free" (EMFILE, ENFILE) may strike now: always for the first time,
 * but not once the process has given back more numbers than it took since then. Closing a reserve to accept
 * and drop works at the real limit, so it must work at an injected one.
 */
bool fds_exhausted(struct fds *fds, uint32_t fault);
/* What a finished call did to numbers. */
void fds_follow(struct fds *fds, const struct event *event);

#endif
