/* SPDX-License-Identifier: MIT */
#include "rules/ignore.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "rules/rule.h"

#define BLANKS ", \t\n"

static int copy_part(char *out, size_t size, const char *from, size_t length, const char *what,
		     struct error *error)
{
	if (length >= size)
		return error_set(error, -EINVAL, "%s has %zu characters, %zu are possible: '%.*s…'", what,
				 length, size - 1, 20, from);
	memcpy(out, from, length);
	out[length] = '\0';
	return 0;
}

static int check_rule(const char *glob, struct error *error)
{
	const struct rule *rule;
	size_t at = 0;

	while ((rule = rule_next(&at)))
		if (fnmatch(glob, rule->id, 0) == 0)
			return 0;
	return error_set(error, -EINVAL, "no rule is called '%s'", glob);
}

/* One item of the text, `length` characters without its reason. */
static int parse(const char *item, size_t length, const char *reason, struct ignore *out, struct error *error)
{
	const char *at = memchr(item, '@', length);
	size_t name = at ? (size_t)(at - item) : length;
	int r = copy_part(out->rule, sizeof(out->rule), item, name, "a rule's name", error);

	if (r == 0 && at)
		r = copy_part(out->scenario, sizeof(out->scenario), at + 1, length - name - 1,
			      "a scenario's name", error);
	if (r == 0)
		r = copy_part(out->reason, sizeof(out->reason), reason, strlen(reason), "a reason", error);
	return r < 0 ? r : check_rule(out->rule, error);
}

static int keep(struct ignore_list *list, const struct ignore *ignore, struct error *error)
{
	struct ignore *grown;

	if (list->count == IGNORE_MOST)
		return error_set(error, -EINVAL, "more than %d rules are to be ignored", IGNORE_MOST);
	grown = array_grow(list->items, list->count, &list->capacity, sizeof(*grown));
	if (!grown)
		return error_set(error, -ENOMEM, "out of memory");
	list->items = grown;
	list->items[list->count++] = *ignore;
	return 0;
}

int ignore_add(struct ignore_list *list, const char *text, struct error *error)
{
	const char *at = text + strspn(text, BLANKS);
	int r = *at ? 0 : error_set(error, -EINVAL, "the list of rules to ignore is empty");

	while (r == 0 && *at) {
		size_t length = strcspn(at, BLANKS "=");
		bool reasoned = at[length] == '=';
		const char *reason = reasoned ? at + length + 1 : "";
		struct ignore ignore = {0};

		r = parse(at, length, reason + strspn(reason, " \t"), &ignore, error);
		if (r == 0)
			r = keep(list, &ignore, error);
		at += reasoned ? strlen(at) : length;
		at += strspn(at, BLANKS);
	}
	return r;
}

const struct ignore *ignore_find(const struct ignore_list *list, const char *scenario, const char *rule)
{
	for (size_t i = 0; list && i < list->count; i++) {
		const struct ignore *ignore = &list->items[i];

		if (fnmatch(ignore->rule, rule, 0) == 0 &&
		    (!ignore->scenario[0] || fnmatch(ignore->scenario, scenario, 0) == 0))
			return ignore;
	}
	return NULL;
}

void ignore_free(struct ignore_list *list)
{
	free(list->items);
	*list = (struct ignore_list){0};
}
