/* SPDX-License-Identifier: MIT */
#include "fuzz/server/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "fuzz/server/pattern.h"

#define COMPARED_MOST 262144u /* of a body: what is more is counted only */

void http_manners_begin(struct http_manners *manners)
{
	manners->known = manners->ours = manners->strained = false;
	for (unsigned i = 0; i < HTTP_PAGES; i++) {
		manners->pages[i].status = 0;
		manners->pages[i].whole = false;
		manners->pages[i].size = 0;
	}
}

void http_manners_release(struct http_manners *manners)
{
	for (unsigned i = 0; i < HTTP_PAGES; i++)
		free(manners->pages[i].body);
	*manners = (struct http_manners){0};
}

void http_begin(struct http_answer *answer)
{
	answer->part = HTTP_IN_HEAD;
	answer->head_size = 0;
	answer->status = 0;
	answer->goodbye = answer->compared = answer->extended = false;
	answer->at = answer->size = answer->left = 0;
	answer->line = 0;
	answer->wrong[0] = '\0';
}

static size_t wrong(struct http_answer *answer, const char *expected)
{
	(void)snprintf(answer->wrong, sizeof answer->wrong, "%s", expected);
	return 0;
}

/* The value of a header, up to its line's end; NULL: it is not there. */
static const char *header(const struct http_answer *answer, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = answer->head; (line = strchr(line, '\n'));) {
		line++;
		if ((*line | 0x20) == (*name | 0x20) && strncasecmp(line, name, length) == 0 &&
		    line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " \t");
	}
	return NULL;
}

static bool says(const char *value, const char *word)
{
	size_t length = strlen(word), line = value ? strcspn(value, "\r\n") : 0;

	for (size_t i = 0; i + length <= line; i++)
		if (strncasecmp(value + i, word, length) == 0)
			return true;
	return false;
}

static struct http_page *page_of(struct http_manners *manners, uint32_t asked)
{
	for (unsigned i = 0; i < HTTP_PAGES; i++) {
		struct http_page *page = &manners->pages[i];
		if (page->status == 0)
			page->asked = asked;
		if (page->asked == asked)
			return page;
	}
	return NULL;
}

/* A server in trouble may say so. */
static bool in_trouble(const struct http_answer *answer, const struct http_manners *manners)
{
	return manners->strained && answer->status >= 400;
}

/* What a healthy server says to a stranger's GET; the same every time, but for its troubles. */
static bool right_status(const struct http_answer *answer, const struct http_manners *manners,
			 const struct http_page *page)
{
	if (in_trouble(answer, manners))
		return true;
	if (page && page->status)
		return answer->status == page->status;
	return (answer->status >= 200 && answer->status < 400) || answer->status == 401 ||
	       answer->status == 403 || answer->status == 404;
}

static bool begin_body(struct http_answer *answer)
{
	const char *length = header(answer, "Content-Length");
	char *end;

	answer->part = HTTP_IN_BODY;
	answer->size = UINT64_MAX;
	answer->goodbye = says(header(answer, "Connection"), "close");
	if (answer->status == 204 || answer->status == 304) {
		answer->size = 0;
	} else if (says(header(answer, "Transfer-Encoding"), "chunked")) {
		answer->part = HTTP_IN_SIZE;
	} else if (length) {
		answer->size = strtoull(length, &end, 10);
		if (end == length || *end != '\r')
			return wrong(answer, "a Content-Length");
	} else {
		answer->goodbye = true;
	}
	return true;
}

/* The first one shows whose server it is. */
static bool check_manners(struct http_answer *answer, struct http_manners *manners,
			  const struct http_ask *ask)
{
	const char *token = header(answer, "X-Wringer");
	bool named = token && strncmp(token, ask->token, strlen(ask->token)) == 0;

	if (!manners->known)
		manners->ours = named;
	manners->known = true;
	if (named || (!token && !manners->ours))
		return true;
	return wrong(answer, ask->token);
}

/* Where the bodies are known beforehand, so are their sizes. */
static bool check_size(struct http_answer *answer, const struct http_manners *manners,
		       const struct http_ask *ask)
{
	size_t size = ask->bytes ? ask->bytes : strlen("hello \n") + strlen(ask->token);

	if (!manners->ours || answer->size == size)
		return true;
	return wrong(answer, "another length");
}

/* The head is whole. */
static bool read_head(struct http_answer *answer, struct http_manners *manners, const struct http_ask *ask)
{
	const char *head = answer->head;

	if (strncmp(head, "HTTP/1.", 7) != 0 || strspn(head + 9, "0123456789") != 3)
		return wrong(answer, "an HTTP/1.x status line");
	answer->status = atoi(head + 9);
	if (answer->status >= 100 && answer->status < 200) { /* another head follows */
		answer->head_size = 0;
		return true;
	}
	struct http_page *page = page_of(manners, ask->bytes);
	if (!right_status(answer, manners, page))
		return wrong(answer, "the answer of a healthy server, the same each time");
	if (!check_manners(answer, manners, ask))
		return false;
	if (page && !page->status && !in_trouble(answer, manners))
		page->status = answer->status;
	/* A server in trouble says something else, and any text. */
	answer->compared = page && page->status == answer->status;
	return begin_body(answer) && check_size(answer, manners, ask);
}

/* Up to the blank line, as far as it has come. */
static size_t take_head(struct http_answer *answer, struct http_manners *manners, const struct http_ask *ask,
			const char *bytes, size_t size)
{
	size_t room = sizeof answer->head - 1 - answer->head_size, before = answer->head_size;
	size_t from = before > 3 ? before - 3 : 0;

	size = size < room ? size : room;
	memcpy(answer->head + before, bytes, size);
	const char *end = memmem(answer->head + from, before + size - from, "\r\n\r\n", 4);
	answer->head_size = end ? (size_t)(end - answer->head) + 4 : before + size;
	answer->head[answer->head_size] = '\0';
	if (!end)
		return size < room ? size : wrong(answer, "the end of a head");
	size_t used = answer->head_size - before;
	return read_head(answer, manners, ask) ? used : 0;
}

/* Body bytes of targets/: made again. */
static bool right_of_ours(const struct http_answer *answer, const struct http_ask *ask, const char *bytes,
			  size_t size)
{
	char small[64];

	if (ask->bytes)
		return pattern_same(bytes, pattern_letters(PATTERN_BODY) + answer->at % PATTERN_BODY, size) ==
		       size;
	(void)snprintf(small, sizeof small, "hello %s\n", ask->token);
	return pattern_same(bytes, small + answer->at, size) == size;
}

static bool append(struct http_page *page, const char *bytes, size_t size)
{
	if (page->size + size > page->room) {
		size_t room = (page->size + size) * 2;
		char *body = realloc(page->body, room);
		if (!body)
			return false;
		page->body = body;
		page->room = room;
	}
	memcpy(page->body + page->size, bytes, size);
	page->size += size;
	return true;
}

/* What was seen before must be the same; what was not is remembered. */
static bool right_of_strangers(const struct http_answer *answer, struct http_page *page, const char *bytes,
			       size_t size)
{
	size_t known = answer->at < page->size ? page->size - (size_t)answer->at : 0;
	size_t again = size < known ? size : known;

	if (pattern_same(bytes, page->body + answer->at, again) != again)
		return false;
	if (again == size || page->size >= COMPARED_MOST)
		return true;
	return !page->whole && append(page, bytes + again, size - again);
}

/* Of the body, at most so many bytes. */
static size_t take_body(struct http_answer *answer, struct http_manners *manners, const struct http_ask *ask,
			const char *bytes, size_t size)
{
	struct http_page *page = answer->compared ? page_of(manners, ask->bytes) : NULL;

	if (size && manners->ours && !right_of_ours(answer, ask, bytes, size))
		return wrong(answer, ask->token);
	if (size && !manners->ours && page && !right_of_strangers(answer, page, bytes, size))
		return wrong(answer, "the body of the first answer");
	answer->at += size;
	return size;
}

/* Nothing more belongs to it. */
static bool finish(struct http_answer *answer, struct http_manners *manners, const struct http_ask *ask)
{
	struct http_page *page = answer->compared ? page_of(manners, ask->bytes) : NULL;

	answer->part = HTTP_WHOLE;
	if (!page || manners->ours || answer->at >= COMPARED_MOST)
		return true;
	if (page->size != answer->at)
		return wrong(answer, "as many bytes as in the first answer");
	page->whole = true;
	return true;
}

/* One byte of what stands around chunks; false: something was wrong. */
static bool take_mark(struct http_answer *answer, char byte)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit = memchr(digits, byte | 0x20, sizeof digits - 1);

	answer->line++;
	if (answer->part == HTTP_IN_SIZE && byte != '\n') {
		/* Digits, then perhaps an extension. */
		answer->extended |= !digit;
		if (answer->line > 8 && !answer->extended)
			return wrong(answer, "the size of a chunk");
		if (answer->line == 1 && !digit)
			return wrong(answer, "the size of a chunk");
		if (!answer->extended)
			answer->left = answer->left * 16 + (uint64_t)(digit - digits);
	} else if (answer->part == HTTP_IN_SIZE) {
		answer->part = answer->left ? HTTP_IN_CHUNK : HTTP_IN_TRAILER;
		answer->extended = false;
		answer->line = 0;
	} else if (byte == '\n') {
		/* An empty line ends the trailers. */
		if (answer->part == HTTP_IN_TRAILER && answer->line == 2)
			answer->part = HTTP_WHOLE;
		else if (answer->part == HTTP_BEHIND_CHUNK)
			answer->part = HTTP_IN_SIZE;
		answer->line = 0;
		answer->left = 0;
	} else if (answer->part == HTTP_BEHIND_CHUNK && (byte != '\r' || answer->line > 1)) {
		return wrong(answer, "the end of a chunk");
	}
	return true;
}

/* As much as is of one part. */
static size_t take_part(struct http_answer *answer, struct http_manners *manners, const struct http_ask *ask,
			const char *bytes, size_t size)
{
	size_t used = 1;

	if (answer->part == HTTP_IN_HEAD) {
		used = take_head(answer, manners, ask, bytes, size);
	} else if (answer->part == HTTP_IN_BODY) {
		uint64_t left = answer->size - answer->at;
		used = take_body(answer, manners, ask, bytes, size < left ? size : (size_t)left);
	} else if (answer->part == HTTP_IN_CHUNK) {
		used =
		    take_body(answer, manners, ask, bytes, size < answer->left ? size : (size_t)answer->left);
		answer->left -= used;
		if (!answer->left) {
			answer->part = HTTP_BEHIND_CHUNK;
			answer->line = 0;
		}
	} else if (!take_mark(answer, bytes[0])) {
		return 0;
	}
	bool over =
	    answer->part == HTTP_WHOLE || (answer->part == HTTP_IN_BODY && answer->at == answer->size);
	return over && !answer->wrong[0] && !finish(answer, manners, ask) ? 0 : used;
}

size_t http_take(struct http_answer *answer, struct http_manners *manners, const struct http_ask *ask,
		 const char *bytes, size_t size)
{
	size_t done = 0;

	while (done < size && answer->part != HTTP_WHOLE) {
		size_t used = take_part(answer, manners, ask, bytes + done, size - done);
		if (!used)
			return 0;
		done += used;
	}
	return done;
}

bool http_ended(struct http_answer *answer, struct http_manners *manners, const struct http_ask *ask)
{
	if (answer->part != HTTP_IN_BODY || answer->size != UINT64_MAX)
		return false;
	return finish(answer, manners, ask);
}
