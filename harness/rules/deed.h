/* SPDX-License-Identifier: MIT */
/* What a call of the target did for a file: the seam between "it was touched" and "something moved". */
#ifndef WRINGER_RULES_DEED_H
#define WRINGER_RULES_DEED_H

#include <stddef.h>
#include <stdint.h>
#include "journal/event.h"
#include "model/world.h"

#define DEED_CALL  0x01u /* any call on it but those below: an epoll_ctl that worked, a question */
#define DEED_READ  0x02u /* tried to take something out: read, accept, an inner epoll_wait; not a peek */
#define DEED_WRITE 0x04u /* tried to put something in */
#define DEED_IN	   0x08u /* took something out */
#define DEED_OUT   0x10u /* put something in */
#define DEED_TURN  0x20u /* its state turned: shut down, connected, a number closed */
#define DEED_REARM 0x40u /* epoll_ctl MOD, or a poll submitted to a ring */
#define DEED_FAKE                                                                                            \
	0x80u /* the result was made or shortened by wringer: the target is not to blame for what it led to  \
	       */
#define DEED_ASK  0x100u /* asked or set something that moves nothing: getsockopt, fcntl, ioctl … */
#define DEED_FAIL 0x200u /* a call on it failed */
#define DEED_RING 0x400u /* by a request of a ring that is complete */

#define DEED_MOVES (DEED_IN | DEED_OUT | DEED_TURN)

struct deed {
	struct file *file;
	uint32_t flags;
};

/* The deeds of the event just applied: none, one, or two (splice and sendfile move between two files). */
size_t deeds_of(const struct world *world, const struct event *event, struct deed ret_deeds[2]);

/* Bytes, connections, or errno: whether the call moved something (a peek does not). */
int deed_moves(const struct event *event);

#endif
