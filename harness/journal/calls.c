/* SPDX-License-Identifier: MIT */
#include "journal/calls.h"

#include <string.h>

static const struct {
	const char *name;
	enum call_class class;
} calls[CALL_COUNT] = {
#define X(name, class) [CALL_##name] = {#name, CLASS_##class},
    WRINGER_CALLS(X)
#undef X
};

const char *call_name(enum call call)
{
	return (unsigned)call < CALL_COUNT ? calls[call].name : calls[CALL_unknown].name;
}

enum call_class call_class(enum call call)
{
	return (unsigned)call < CALL_COUNT ? calls[call].class : CLASS_OTHER;
}

enum call call_parse(const char *name)
{
	for (unsigned call = 1; call < CALL_COUNT; call++)
		if (strcmp(calls[call].name, name) == 0)
			return (enum call)call;
	return CALL_unknown;
}
