/* SPDX-License-Identifier: MIT */
/* Tables of answers shown to a protocol, one after the other, and what it must make of each. */
#ifndef WRINGER_TEST_SCRIPT_ANSWERS_H
#define WRINGER_TEST_SCRIPT_ANSWERS_H

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "script/script.h"

#define FOLDER "scenarios"

/* Every proper prefix of a right answer asks for more, where `prefixes` says so. */
struct answer_row {
	enum request_kind kind;
	const char *token;
	const char *data;
	bool closed;
	int64_t result; /* -1: the whole of data */
	const char *why;
	bool prefixes;
};

static inline struct protocol *load(const char *name, const struct run_setting *settings, size_t count)
{
	struct protocol *protocol = NULL;
	struct error error = {0};

	if (protocol_load(name, FOLDER, settings, count, &protocol, &error) < 0)
		fail_msg("%s", error.text);
	return protocol;
}

static inline void check_prefixes(const struct protocol *protocol, const struct answer_row *row, size_t size)
{
	for (size_t part = 0; part < size; part++) {
		struct buf why = {0};
		char *exact = malloc(part ? part : 1);
		memcpy(exact, row->data, part);
		int64_t result =
		    protocol->answer(protocol, row->kind, row->token, 0, exact, part, false, NULL, &why);
		if (result != 0)
			fail_msg("%zu bytes of \"%s\": %" PRId64 " %s", part, row->data, result,
				 why.data ? why.data : "");
		free(exact);
		buf_free(&why);
	}
}

static inline void check_rows(const struct protocol *protocol, const struct answer_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct answer_row *row = &rows[i];
		struct buf why = {0};
		size_t size = strlen(row->data);
		int64_t wanted = row->result == -1 ? (int64_t)size : row->result;
		int64_t result = protocol->answer(protocol, row->kind, row->token, 0, row->data, size,
						  row->closed, NULL, &why);

		if (result != wanted || (row->why && (!why.data || !strstr(why.data, row->why))))
			fail_msg("row %zu: %" PRId64 ", wanted %" PRId64 ": \"%s\"", i, result, wanted,
				 why.data ? why.data : "");
		if (row->prefixes)
			check_prefixes(protocol, row, (size_t)wanted);
		buf_free(&why);
	}
}

#endif
