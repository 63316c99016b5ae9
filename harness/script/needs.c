/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include "peer/protocol.h"
#include "script/scenario_file.h"

static const struct need_row {
	const char *word;
	uint32_t offers, needs;
} need_rows[] = {
    {"protocol", PROTOCOL_REQUEST, 0},
    {"partial", PROTOCOL_REQUEST | PROTOCOL_PARTIAL, 0},
    {"big", PROTOCOL_REQUEST | PROTOCOL_BIG, 0},
    {"keepalive", PROTOCOL_REQUEST | PROTOCOL_KEEPALIVE, 0},
    {"pipeline", PROTOCOL_REQUEST | PROTOCOL_PIPELINE, 0},
    {"token", PROTOCOL_REQUEST | PROTOCOL_TOKEN, 0},
    {"body", PROTOCOL_REQUEST | PROTOCOL_BODY, 0},
    {"greets", PROTOCOL_GREETS, 0},
    {"half-close", PROTOCOL_REQUEST | PROTOCOL_HALF_CLOSE, 0},
    {"sandbox", 0, NEED_SANDBOX},
    {"watch", 0, NEED_WATCH},
    {"inject", 0, NEED_WATCH | NEED_INJECT},
};
#define NEED_ROWS (sizeof(need_rows) / sizeof(*need_rows))

int need_parse(const char *word, uint32_t *ret_offers, uint32_t *ret_needs)
{
	for (size_t i = 0; i < NEED_ROWS; i++) {
		if (strcmp(need_rows[i].word, word) != 0)
			continue;
		*ret_offers |= need_rows[i].offers;
		*ret_needs |= need_rows[i].needs;
		return 0;
	}
	return -EINVAL;
}

const char *need_next_offer(size_t *at, uint32_t *ret_offer)
{
	if (*at >= NEED_ROWS || !need_rows[*at].offers)
		return NULL;
	const struct need_row *row = &need_rows[(*at)++];
	/* The row's own bit: "partial" implies requests, but the word stands for the partial ones. */
	*ret_offer = row->offers == PROTOCOL_REQUEST ? PROTOCOL_REQUEST : row->offers & ~PROTOCOL_REQUEST;
	return row->word;
}
