/* SPDX-License-Identifier: MIT */
#include "run/observe_fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE 128

static int tell(struct journal *journal, enum fault_what what, uint32_t id, uint64_t delivered,
		const char *text)
{
	struct event event = event_make(EV_FAULT, what);

	event.arg[0] = id;
	event.arg[1] = delivered;
	event.data = text;
	event.size = (uint32_t)strlen(text);
	return journal_append(journal, &event);
}

int observe_arm(struct observe_faults *faults, struct fault_set *set, struct journal *journal)
{
	char text[TEXT_SIZE];
	int rc = 0;

	if (!faults->count)
		return 0;
	faults->ids = calloc(faults->count, sizeof *faults->ids);
	if (!faults->ids)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < faults->count; i++) {
		rc = fault_set_arm(set, &faults->items[i], &faults->ids[i]);
		rc = rc ? rc
			: tell(journal, FAULT_ARMED, faults->ids[i], 0,
			       fault_text(&faults->items[i], text, sizeof text));
	}
	return rc;
}

void observe_lift(struct observe_faults *faults, struct fault_set *set, struct journal *journal,
		  char *ret_reason, size_t size)
{
	char text[TEXT_SIZE];

	ret_reason[0] = '\0';
	for (size_t i = 0; i < faults->count; i++) {
		uint64_t delivered = 0;

		(void)fault_text(&faults->items[i], text, sizeof text);
		if (faults->ids && fault_set_lift(set, faults->ids[i], &delivered) == 0)
			(void)tell(journal, FAULT_LIFTED, faults->ids[i], delivered, text);
		if (!delivered && !ret_reason[0])
			(void)snprintf(ret_reason, size, "the fault %s was never delivered", text);
	}
	free(faults->ids);
	faults->ids = NULL;
}
