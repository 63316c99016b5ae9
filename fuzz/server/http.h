/* SPDX-License-Identifier: MIT */
/*
 * The answer to an HTTP request, as its bytes come in: where it ends, and whether it is right.
 *
 * A server that names the token in its first answer is one of targets/, and every byte is known. Of any other
 * the first answer of a run to a request is what all later ones are compared with: its status and its body.
 */
#ifndef FUZZ_SERVER_HTTP_H
#define FUZZ_SERVER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD  2048u
#define HTTP_PAGES 8u
#define HTTP_WRONG 160u

/* What is asked for: bytes of a body, 0 the small page; the request's token. */
struct http_ask {
	uint32_t bytes;
	const char *token;
};

/* What was answered to one kind of request. */
struct http_page {
	uint32_t asked;
	int status; /* 0: nothing yet */
	bool whole; /* then size is that of its body; else as far as it came */
	char *body;
	size_t size, room;
};

/* What right answers look like in this run. */
struct http_manners {
	bool known, ours; /* ours: one of targets/ */
	bool strained;	  /* faults were put under the server: it may say so (4xx, 5xx) */
	bool one_by_one;  /* for all runs: nobody asks before his last answer has come */
	struct http_page pages[HTTP_PAGES];
};

enum http_part {
	HTTP_IN_HEAD,
	HTTP_IN_BODY, /* of an announced size, or until the connection ends */
	HTTP_IN_SIZE, /* chunks: the line before one */
	HTTP_IN_CHUNK,
	HTTP_BEHIND_CHUNK,
	HTTP_IN_TRAILER,
	HTTP_WHOLE,
};

struct http_answer {
	enum http_part part;
	char head[HTTP_HEAD];
	size_t head_size;
	int status;
	bool goodbye, compared, extended; /* extended: behind the digits of a chunk's size */
	uint64_t at,
	    size;      /* of the body: so much has come, so much was announced; UINT64_MAX: until the end */
	uint64_t left; /* of the chunk */
	unsigned line; /* bytes of the line that stands around chunks */
	char wrong[HTTP_WRONG]; /* what was expected instead */
};

void http_manners_begin(struct http_manners *manners);
void http_manners_release(struct http_manners *manners);

void http_begin(struct http_answer *answer);
/* How many of the bytes belong to the answer (part says whether it is whole); 0: something was wrong. */
size_t http_take(struct http_answer *answer, struct http_manners *manners, const struct http_ask *ask,
		 const char *bytes, size_t size);
/* The connection ended: whether that was the end of the answer. */
bool http_ended(struct http_answer *answer, struct http_manners *manners, const struct http_ask *ask);

#endif
