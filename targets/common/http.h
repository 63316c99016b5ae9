/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.0 and 1.1 requests, parsed line by line as they arrive. Pure: no system call, no allocation, so it
 * can be fuzzed whole. Bodies are not its business: it says how long they are.
 */
#ifndef TARGETS_HTTP_H
#define TARGETS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX  8192u		   /* request line and headers together; more is answered with 431 */
#define HTTP_BODY_MAX  (1024u * 1024u)	   /* more is answered with 413 */
#define HTTP_BYTES_MAX ((uint64_t)1 << 40) /* largest N of /bytes/N */
#define HTTP_TOKEN_MAX 128u

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OTHER };
enum http_route { HTTP_ROOT, HTTP_BYTES, HTTP_NOWHERE };

struct http_request {
	enum http_method method;
	enum http_route route;
	uint64_t bytes;		    /* N of /bytes/N */
	uint64_t body;		    /* Content-Length, 0 without */
	bool old;		    /* HTTP/1.0 */
	bool close, keep;	    /* what Connection: said */
	bool host, length;	    /* these headers were there */
	bool expects;		    /* Expect: 100-continue */
	char token[HTTP_TOKEN_MAX]; /* the value of X-Wringer, "" without; an over-long one is ignored */
};

struct http_parser {
	struct http_request request;
	bool begun;	/* the request line is behind us */
	size_t head;	/* bytes of the head consumed so far */
	size_t scanned; /* bytes of the next line known to hold no line end: a dripped line is not scanned
			   anew */
};

enum http_result {
	HTTP_MORE = 0,	 /* everything whole was consumed; the head is not over */
	HTTP_DONE = 200, /* parser->request is whole */
			 /* any other value is the status to refuse with: 400, 413, 431, 501, 505 */
};

void http_parser_reset(struct http_parser *parser);
/* Nothing of a request has been seen yet. */
bool http_parser_idle(const struct http_parser *parser);
/* Consumes lines of data; *ret_used says how many bytes. Call again with the rest and what came after it. */
int http_parse(struct http_parser *parser, const char *data, size_t size, size_t *ret_used);

/* Whether the connection may carry another request after this one. */
bool http_keeps(const struct http_request *request);
/* "Not Found" */
const char *http_reason(int status);

#endif
