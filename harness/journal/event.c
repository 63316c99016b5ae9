/* SPDX-License-Identifier: MIT */
#include "journal/event.h"

#include <string.h>

const struct ready *event_ready(const struct event *event, uint32_t *ret_count)
{
	*ret_count = event->data ? event->size / (uint32_t)sizeof(struct ready) : 0;
	return event->data;
}

const char *event_meta(const struct event *event, const char *key)
{
	size_t length = strlen(key);
	const char *text = event->data;

	if (event->kind != EV_META || event->size <= length + 1 || text[event->size - 1] != 0)
		return NULL;
	return strncmp(text, key, length) == 0 && text[length] == '=' ? text + length + 1 : NULL;
}
