/* SPDX-License-Identifier: MIT */
/*
 * Whether an answer is whole and right. The protocol's file says so once; what equals that byte for byte
 * needs no second opinion, and what does not (another date in it, another cookie) is handed to the protocol
 * again and becomes what the next ones are compared with.
 */
#include <errno.h>
#include <string.h>
#include "peer/load_impl.h"

static int64_t recognise(const struct buf *known, const char *data, size_t size)
{
	size_t common = size < known->size ? size : known->size;

	if (!known->size || memcmp(known->data, data, common) != 0)
		return -ENOENT;
	return common == known->size ? (int64_t)common : 0;
}

/* An answer that only the end of the connection ends is none that others could be recognised by: the
 * beginning of a longer one may equal it. */
static int64_t learned(struct load *load, struct buf *known, const char *data, int64_t length, bool closed)
{
	if (length < 0) {
		load->figures->wrong++;
		load_complain(load, "%s", load->why.size ? load->why.data : "a wrong answer");
	}
	if (length <= 0)
		return length;
	load->figures->judged++;
	buf_clear(known);
	if (!closed && buf_append(known, data, (size_t)length) < 0)
		return load_broke(load, -ENOMEM, "no memory for an answer");
	return length;
}

int64_t load_answer(struct load *load, const char *data, size_t size, bool closed)
{
	const struct protocol *protocol = load->options->protocol;
	enum request_kind kind = load->options->once ? REQUEST_LAST : REQUEST_WHOLE;
	int64_t length = recognise(&load->known, data, size);

	if (length > 0 || (length == 0 && !closed))
		return length;
	buf_clear(&load->why);
	length = protocol->answer(protocol, kind, LOAD_TOKEN, 0, data, size, closed, NULL, &load->why);
	return learned(load, &load->known, data, length, closed);
}

int64_t load_greeting(struct load *load, const char *data, size_t size)
{
	const struct protocol *protocol = load->options->protocol;
	int64_t length = recognise(&load->greeting, data, size);

	if (length >= 0)
		return length;
	buf_clear(&load->why);
	length = protocol->greeting(protocol, data, size, &load->why);
	return learned(load, &load->greeting, data, length, false);
}
