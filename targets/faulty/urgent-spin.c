/* SPDX-License-Identifier: MIT */
/*
 * PRI is armed because the list of events in the manual has it. It is reported while an urgent byte waits,
 * and only recv(MSG_OOB), or a plain read, takes that away. This handler does neither: one byte from anybody
 * makes it spin.
 *
 * mistake: EPOLLPRI is armed, and nobody takes the urgent byte
 * seen: Varnish 8822c846c
 * shown by: oob-idle, oob-keepalive
 * also: none
 */
#include "common/loop.h"

/* THE MISTAKE: asked for, and then not looked at by loop_event. */
static uint32_t interest(const struct conn *conn)
{
	return loop_interest(conn) | EPOLLPRI;
}

int main(int argc, char **argv)
{
	static const struct loop_hooks hooks = {.interest = interest};

	return loop_main(argc, argv, &hooks);
}
