/* SPDX-License-Identifier: MIT */
/* The five spins, the most specific first: a wakeup counts for one of them only. */
#ifndef WRINGER_RULES_SPIN_H
#define WRINGER_RULES_SPIN_H

#include <stdbool.h>
#include "rules/rule.h"

enum spin_kind { SPIN_HUP, SPIN_EOF, SPIN_URGENT, SPIN_READABLE, SPIN_WRITABLE, SPIN_KINDS };

extern const struct rule spin_rules[SPIN_KINDS];

/* Whether a wakeup with this mask is put down to an end of stream that was read already. */
bool spin_is_eof(const struct file *file, uint32_t mask);

/*
 * Whether an edge-triggered registration can be blamed for its reports: only when the target armed it again
 * in between (MOD reports the present state anew). Without that each report is a new event, a dripping peer's
 * bytes for one. The same goes for polls of a ring (event is the report): armed again, by a new request, they
 * report the present state.
 */
bool spin_can_repeat(const struct event *event, const struct reg *reg, uint32_t deeds);

/* Whether reports of this registration may belong to another one: epoll_wait tells them apart by their data
 * alone. */
bool spin_is_ambiguous(const struct reg *reg);

/* The key of a report's track: its registration, or for poll and select, which have none, the process that
 * asked. */
uint64_t spin_key(const struct report *report, const struct event *event);

/* "fd 9 (peer c3)" for messages; returns out. */
char *spin_subject(const struct finding *finding, char *out, size_t size);

/*
 * Whether what this call reported is held against the target: not when we made the result, and not once it
 * was told to stop: what it does on its way out is another rule's matter.
 */
bool spin_counts(const struct world *world, const struct event *event);

#endif
