/* SPDX-License-Identifier: MIT */
#include "run/starts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct start_record *find(const struct starts *starts, const char *target)
{
	for (size_t i = 0; i < starts->count; i++) {
		if (strcmp(starts->records[i].target, target) == 0)
			return &starts->records[i];
	}
	return NULL;
}

int starts_note(struct starts *starts, const char *target, const struct result *result)
{
	struct start_record *record = find(starts, target), *grown;

	if (result->verdict == VERDICT_SKIP)
		return 0;
	if (!record) {
		grown = array_grow(starts->records, starts->count, &starts->capacity, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		starts->records = grown;
		record = &grown[starts->count++];
		*record = (struct start_record){.target = target};
	}
	if (result->unready)
		record->unready++;
	else
		record->ready++;
	return 0;
}

bool starts_leave_out(struct starts *starts, const char *target)
{
	struct start_record *record = find(starts, target);

	if (!record || record->ready > 0 || record->unready < STARTS_ENOUGH)
		return false;
	record->left_out++;
	return true;
}

void starts_free(struct starts *starts)
{
	free(starts->records);
	*starts = (struct starts){0};
}
