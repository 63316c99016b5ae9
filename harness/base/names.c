/* SPDX-License-Identifier: MIT */
#include "base/names.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

/* In the order a person reads them: what came, how it ended, what was armed. */
static const struct {
	uint32_t bit;
	const char *name;
} mask_names[] = {
    {EPOLLIN, "EPOLLIN"},	    {EPOLLPRI, "EPOLLPRI"},
    {EPOLLOUT, "EPOLLOUT"},	    {EPOLLRDNORM, "EPOLLRDNORM"},
    {EPOLLRDBAND, "EPOLLRDBAND"},   {EPOLLWRNORM, "EPOLLWRNORM"},
    {EPOLLWRBAND, "EPOLLWRBAND"},   {EPOLLMSG, "EPOLLMSG"},
    {EPOLLRDHUP, "EPOLLRDHUP"},	    {EPOLLERR, "EPOLLERR"},
    {EPOLLHUP, "EPOLLHUP"},	    {EPOLLET, "EPOLLET"},
    {EPOLLONESHOT, "EPOLLONESHOT"}, {EPOLLEXCLUSIVE, "EPOLLEXCLUSIVE"},
    {EPOLLWAKEUP, "EPOLLWAKEUP"},
};
#define MASK_NAMES (sizeof mask_names / sizeof mask_names[0])
#define PREFIX	   (sizeof "EPOLL" - 1)

static char *spell(uint32_t mask, size_t skip, char *out, size_t size)
{
	size_t used = 0;

	snprintf(out, size, "0");
	for (size_t i = 0; i < MASK_NAMES && used < size; i++) {
		if (!(mask & mask_names[i].bit))
			continue;
		used += (size_t)snprintf(out + used, size - used, "%s%s", used ? "|" : "",
					 mask_names[i].name + skip);
		mask &= ~mask_names[i].bit;
	}
	if (mask && used < size)
		snprintf(out + used, size - used, "%s0x%x", used ? "|" : "", mask);
	return out;
}

char *mask_name(uint32_t mask, char *out, size_t size)
{
	return spell(mask, 0, out, size);
}

char *mask_short(uint32_t mask, char *out, size_t size)
{
	return spell(mask, PREFIX, out, size);
}

static int one_name(const char *name, size_t length, uint32_t *ret_bit)
{
	for (size_t i = 0; i < MASK_NAMES; i++) {
		const char *full = mask_names[i].name;
		for (size_t skip = 0; skip <= PREFIX; skip += PREFIX) {
			if (strlen(full + skip) == length && strncasecmp(full + skip, name, length) == 0) {
				*ret_bit = mask_names[i].bit;
				return 0;
			}
		}
	}
	char *end;
	if (length < 3 || name[0] != '0' || name[1] != 'x')
		return -EINVAL;
	unsigned long bits = strtoul(name, &end, 16);
	if (end != name + length || bits > UINT32_MAX)
		return -EINVAL;
	*ret_bit = (uint32_t)bits;
	return 0;
}

int mask_parse(const char *text, uint32_t *ret_mask)
{
	uint32_t mask = 0;

	for (const char *at = text; *at;) {
		size_t length = strcspn(at, "|, \t");
		uint32_t bit = 0;
		if (length == 1 && *at == '0') {
			at++;
			continue;
		}
		if (length && one_name(at, length, &bit) < 0)
			return -EINVAL;
		mask |= bit;
		at += length ? length : 1;
	}
	*ret_mask = mask;
	return 0;
}

const char *errno_name(int code)
{
	return strerrorname_np(code < 0 ? -code : code);
}

int errno_parse(const char *name)
{
	for (int code = 1; code < 134; code++) {
		const char *known = strerrorname_np(code);
		if (known && strcmp(known, name) == 0)
			return code;
	}
	return strcmp(name, "EWOULDBLOCK") == 0 ? EAGAIN : -EINVAL;
}

char *signal_name(int signo, char *out, size_t size)
{
	const char *name = sigabbrev_np(signo);

	if (name)
		snprintf(out, size, "SIG%s", name);
	else
		snprintf(out, size, "SIG%d", signo);
	return out;
}

int signal_parse(const char *name)
{
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (int signo = 1; signo < NSIG; signo++) {
		const char *known = sigabbrev_np(signo);
		if (known && strcmp(known, name) == 0)
			return signo;
	}
	return -EINVAL;
}
