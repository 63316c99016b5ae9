/* SPDX-License-Identifier: MIT */
/*
 * The HTTP parser of the targets, twice over the same bytes: whole, and in pieces as a network would bring
 * them. Both must come to the same, and neither may look beyond what it was given.
 */
#include <string.h>
#include "common/http.h"
#include "fuzz/common/guard.h"
#include "fuzz/common/target.h"

#define PIECES_MOST 64u

struct outcome {
	struct http_parser parser;
	int result;
	size_t used;
};

static void parse_whole(struct guard *guard, const uint8_t *data, size_t size, struct outcome *outcome)
{
	http_parser_reset(&outcome->parser);
	outcome->result = http_parse(&outcome->parser, guard_put(guard, data, size), size, &outcome->used);
	fuzz_claim(outcome->used <= size);
}

static void parse_pieces(struct guard *guard, const uint8_t *data, size_t size, size_t step,
			 struct outcome *outcome)
{
	size_t there = 0;

	http_parser_reset(&outcome->parser);
	outcome->used = 0;
	outcome->result = HTTP_MORE;
	while (outcome->result == HTTP_MORE && there < size) {
		size_t used;
		there = size - there < step ? size : there + step;
		outcome->result = http_parse(&outcome->parser,
					     guard_put(guard, data + outcome->used, there - outcome->used),
					     there - outcome->used, &used);
		outcome->used += used;
		fuzz_claim(outcome->used <= there);
	}
}

static void compare(const struct outcome *whole, const struct outcome *pieces)
{
	const struct http_request *a = &whole->parser.request, *b = &pieces->parser.request;

	/* A line that is both wrong from its first byte and too long is refused for whichever shows first. */
	bool refused = whole->result > HTTP_DONE && pieces->result > HTTP_DONE;
	fuzz_claim(whole->result == pieces->result || (refused && whole->result == 431));
	if (refused)
		return;
	fuzz_claim(whole->used == pieces->used);
	fuzz_claim(a->method == b->method && a->route == b->route && a->bytes == b->bytes &&
		   a->body == b->body);
	fuzz_claim(a->old == b->old && a->close == b->close && a->keep == b->keep && a->host == b->host);
	fuzz_claim(strcmp(a->token, b->token) == 0);
	fuzz_claim(whole->result != HTTP_DONE || a->body <= HTTP_BODY_MAX);
}

static void run(const uint8_t *data, size_t size)
{
	struct guard guard;
	struct outcome whole, pieces;

	if (size == 0)
		return;
	size_t step = 1u + data[0], least = (size + PIECES_MOST - 1) / PIECES_MOST;
	guard_open(&guard, size);
	parse_whole(&guard, data + 1, size - 1, &whole);
	parse_pieces(&guard, data + 1, size - 1, step < least ? least : step, &pieces);
	compare(&whole, &pieces);
	guard_close(&guard);
}

const struct fuzz_target fuzz_http = {
    .name = "http",
    .doc = "the targets' HTTP parser, whole and in pieces",
    .limit = 12288,
    .run = run,
};
