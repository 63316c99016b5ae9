/* SPDX-License-Identifier: MIT */
/* The inside of event_text, for text*.c only: a line in the making and what several kinds of events say
 * alike. */
#ifndef WRINGER_JOURNAL_TEXT_H
#define WRINGER_JOURNAL_TEXT_H

#include <stddef.h>
#include "journal/event.h"

struct text {
	char *out;
	size_t size, used;
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text that came in an event: up to its NUL or its end, control characters as '.'. */
void text_data(struct text *text, const struct event *event);
void text_mask(struct text *text, uint32_t mask);
/* " = 12", " = ECONNRESET". */
void text_number(struct text *text, int64_t ret);
/* " [IN, OUT]", the first of them; nothing for none. */
void text_ready(struct text *text, const struct ready *ready, uint32_t count);
/* ", 127.0.0.1:80" for the families of IP, else nothing. */
void text_address(struct text *text, const void *address, uint32_t size);

/* text_found.c: EV_FOUND */
void text_found(struct text *text, const struct event *event);
/* text_ring.c: EV_RING */
void text_ring(struct text *text, const struct event *event);

#endif
