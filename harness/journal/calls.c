/* SPDX-License-Identifier: MIT */
#include "journal/calls.h"

#include <string.h>

static const char *const names[CALL_COUNT] = {
#define X(name, class) [CALL_##name] = #name,
    WRINGER_CALLS(X)
#undef X
};

const unsigned char call_classes[CALL_COUNT] = {
#define X(name, class) [CALL_##name] = CLASS_##class,
    WRINGER_CALLS(X)
#undef X
};

const char *call_name(enum call call)
{
	return (unsigned)call < CALL_COUNT ? names[call] : names[CALL_unknown];
}

enum call call_parse(const char *name)
{
	for (unsigned call = 1; call < CALL_COUNT; call++)
		if (strcmp(names[call], name) == 0)
			return (enum call)call;
	return CALL_unknown;
}
