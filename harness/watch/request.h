/* SPDX-License-Identifier: MIT */
/* From a submission queue entry, and the memory it points at, to what the journal says of it. */
#ifndef WRINGER_WATCH_REQUEST_H
#define WRINGER_WATCH_REQUEST_H

#include "watch/decode.h"
#include "watch/flight.h"
#include "watch/ring_abi.h"

/* A request as it is submitted, in a process of the target's. */
struct request {
	pid_t pid;
	const struct seen *seen; /* NULL: the memory it points at is read */
	const struct abi_sqe *sqe;
	struct flight flight; /* filled; the ring's number and the request's are the caller's */
	bool makes;	      /* a descriptor; entry.index is then where it goes */
	bool unreadable;      /* memory it points at could not be read */
	uint32_t rest_size;
	_Alignas(8) char rest[128]; /* what stands behind the entry */
	struct scratch *scratch;
};

void request_decode(struct request *request);

#endif
