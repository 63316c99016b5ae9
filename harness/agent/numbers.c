/* SPDX-License-Identifier: MIT */
/*
 * Which fd numbers were accepted here, and from whom: what a fault aimed at connections asks. A fork copies
 * it with all other memory. What comes or goes in other ways (a raw call, dup, exec) is not known here, and
 * the tracer is asked by taking the slow way.
 */
#include "agent/agent.h"

#define NUMBERS	 65536
#define ACCEPTED 0x10000u

/* 0: not known, else ACCEPTED and the peer's port. Of pages never written to there is no memory. */
static _Atomic uint32_t numbers[NUMBERS];

bool agent_whose(int fd, struct fault_call *call)
{
	uint32_t number = fd >= 0 && fd < NUMBERS ? atomic_load(&numbers[fd]) : 0;

	call->accepted = number != 0;
	call->peer = (uint16_t)number;
	return number || fd < 0;
}

void agent_remember(int fd, uint16_t port)
{
	if (fd >= 0 && fd < NUMBERS)
		atomic_store(&numbers[fd], ACCEPTED | port);
}

void agent_forget(int fd)
{
	if (fd >= 0 && fd < NUMBERS && atomic_load_explicit(&numbers[fd], memory_order_relaxed))
		atomic_store(&numbers[fd], 0);
}
