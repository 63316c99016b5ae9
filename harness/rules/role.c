/* SPDX-License-Identifier: MIT */
#include "rules/role.h"

#include <netinet/in.h>
#include <string.h>

unsigned role_of(const struct roles *roles, int32_t pid)
{
	return (unsigned)(uintptr_t)map_get(&roles->of_pid, (uint32_t)pid);
}

static uint64_t port_key(int32_t pid, uint16_t port)
{
	return (uint64_t)(uint32_t)pid << 16 | port;
}

static int note_port(struct roles *roles, const struct world *world, const struct event *event)
{
	struct file *file = world_touch(world)->file;

	if (event->ret < 0 || !file || !file->port)
		return 0;
	return map_put(&roles->ports, port_key(event->pid, file->port), file);
}

/* A connect to a port that this process listens on. */
static bool asks_itself(const struct roles *roles, const struct event *event)
{
	struct sockaddr_in address; /* the port stands at the same place in sockaddr_in6 */

	if (event->size < sizeof(address))
		return false;
	memcpy(&address, event->data, sizeof(address));
	return (address.sin_family == AF_INET || address.sin_family == AF_INET6) &&
	       map_get(&roles->ports, port_key(event->pid, ntohs(address.sin_port)));
}

static unsigned role_by(const struct roles *roles, const struct event *event, enum call_class class)
{
	switch (class) {
	case CLASS_ACCEPT:
	case CLASS_LISTEN:
		return ROLE_SEEN | ROLE_ACCEPTS;
	case CLASS_WAIT:
	case CLASS_RING:
		return ROLE_SEEN | ROLE_WAITS;
	case CLASS_CONNECT:
		return ROLE_SEEN | (asks_itself(roles, event) ? ROLE_ASKS : 0);
	default:
		return ROLE_SEEN;
	}
}

static int follow_call(struct roles *roles, const struct world *world, const struct event *event)
{
	enum call_class class = call_class((enum call)event->what);
	const struct process *process = world_touch(world)->process;
	unsigned was = role_of(roles, event->pid), role = was | role_by(roles, event, class);
	int r = 0;

	if (class == CLASS_LISTEN && event->kind == EV_CALL)
		r = note_port(roles, world, event);
	if (class == CLASS_ACCEPT || class == CLASS_LISTEN)
		roles->child_accepts |= process && !process->first;
	return r || role == was ? r : map_put(&roles->of_pid, (uint32_t)event->pid, (void *)(uintptr_t)role);
}

int roles_follow(struct roles *roles, const struct world *world, const struct event *event)
{
	if (event->kind == EV_CALL || event->kind == EV_ENTER)
		return follow_call(roles, world, event);
	/* The number belongs to another program from here on. */
	if (event->kind == EV_PROC &&
	    (event->what == PROC_EXEC || (event->what == PROC_EXIT && event->arg[0])))
		(void)map_remove(&roles->of_pid, (uint32_t)event->pid);
	return 0;
}

void roles_release(struct roles *roles)
{
	map_free(&roles->of_pid);
	map_free(&roles->ports);
}
