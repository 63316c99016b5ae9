/* SPDX-License-Identifier: MIT */
/* Which fd numbers of a table were accepted: one bit each, shared by the threads (and processes) that share
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
/* What a finished call did to numbers. */
void fds_follow(struct fds *fds, const struct event *event);

#endif
