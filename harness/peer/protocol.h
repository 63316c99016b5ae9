/* SPDX-License-Identifier: MIT */
/* What the peers must know of a protocol. Implemented by Lua files (script/protocol.c); plain structs for tests. */
#ifndef WRINGER_PEER_PROTOCOL_H
#define WRINGER_PEER_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

enum request_kind {
	REQUEST_WHOLE,   /* a small request, answered; the connection stays usable if the protocol can do that */
	REQUEST_LAST,    /* the same, and asks the target to close afterwards (http: Connection: close); else as WHOLE */
	REQUEST_BIG,     /* one whose answer is big (option "bytes" in `bytes`); protocols without such return -ENOTSUP */
	REQUEST_BODY,    /* one that carries `bytes` bytes itself, as its last part; protocols without such return -ENOTSUP */
};

/* What a protocol offers: scenarios say what they need. */
#define PROTOCOL_REQUEST   0x01u /* it has requests and answers at all (tcp: not) */
#define PROTOCOL_PARTIAL   0x02u /* a proper prefix of a request gets no answer: mid-request exists */
#define PROTOCOL_BIG       0x04u /* answers of a wanted size exist: mid-response exists */
#define PROTOCOL_KEEPALIVE 0x08u /* a second request on the same connection */
#define PROTOCOL_PIPELINE  0x10u /* several requests without waiting */
#define PROTOCOL_TOKEN     0x20u /* the answer carries the request's token */
#define PROTOCOL_GREETS    0x40u /* the target speaks first */
#define PROTOCOL_HALF_CLOSE 0x80u /* a client may shut down writing after its request and still gets the answer */
#define PROTOCOL_BODY      0x100u /* requests that carry bytes of a wanted number: uploads */

struct protocol {
	const char *name, *doc;
	uint32_t offers;
	void *state;
	/* Appends a request to out. token: what the answer must carry, if the protocol can. 0 or negative errno. */
	int (*request)(const struct protocol *protocol, enum request_kind kind, const char *token, uint64_t bytes,
		       struct buf *out);
	/*
	 * Looks at received bytes for the answer to a request of that kind and token. Returns its length when it is whole and
	 * right; 0 when more is needed; -EBADMSG when it is wrong (why filled: "expected …, received …"). *ret_announced (may be NULL) is
	 * the whole answer's length as soon as known, else 0. closed: nothing more will come (an answer that ends by close is whole).
	 */
	int64_t (*answer)(const struct protocol *protocol, enum request_kind kind, const char *token, uint64_t bytes,
			  const char *data, size_t size, bool closed, uint64_t *ret_announced, struct buf *why);
	/*
	 * Whether that answer, whole and right, says that the target ends the connection behind it: asking there again would be the
	 * client's mistake. NULL: no answer says so.
	 */
	bool (*closes)(const struct protocol *protocol, const char *data, size_t size);
	/* Length of the greeting at the start of data, 0: more is needed, -EBADMSG with why as above. Only with PROTOCOL_GREETS. */
	int64_t (*greeting)(const struct protocol *protocol, const char *data, size_t size, struct buf *why);
};

#endif
