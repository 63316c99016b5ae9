/* SPDX-License-Identifier: MIT */
#include "common/http.h"

#include <string.h>
#include <strings.h>

/* A piece of a line; not terminated. */
struct span {
	const char *at;
	size_t size;
};

void http_parser_reset(struct http_parser *parser)
{
	*parser = (struct http_parser){.begun = false};
}

bool http_parser_idle(const struct http_parser *parser)
{
	return !parser->begun && parser->scanned == 0;
}

bool http_keeps(const struct http_request *request)
{
	return !request->close && (!request->old || request->keep);
}

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
	    {200, "OK"},
	    {400, "Bad Request"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {413, "Content Too Large"},
	    {431, "Request Header Fields Too Large"},
	    {501, "Not Implemented"},
	    {505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

static bool span_is(struct span span, const char *text)
{
	return span.size == strlen(text) && memcmp(span.at, text, span.size) == 0;
}

static bool span_is_nocase(struct span span, const char *text)
{
	return span.size == strlen(text) && strncasecmp(span.at, text, span.size) == 0;
}

static bool token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct span span)
{
	for (size_t i = 0; i < span.size; i++)
		if (!token_char(span.at[i]))
			return false;
	return span.size > 0;
}

/* Splits off everything before the first c; what follows it stays in *rest. Without c: all of it, and *rest
 * is empty. */
static struct span split(struct span *rest, char c)
{
	const char *found = memchr(rest->at, c, rest->size);
	struct span first = {rest->at, found ? (size_t)(found - rest->at) : rest->size};
	size_t gone = found ? first.size + 1 : first.size;

	rest->at += gone;
	rest->size -= gone;
	return first;
}

static struct span trim(struct span span)
{
	while (span.size > 0 && (span.at[0] == ' ' || span.at[0] == '\t')) {
		span.at++;
		span.size--;
	}
	while (span.size > 0 && (span.at[span.size - 1] == ' ' || span.at[span.size - 1] == '\t'))
		span.size--;
	return span;
}

static bool parse_number(struct span span, uint64_t most, uint64_t *ret_number)
{
	uint64_t number = 0;

	for (size_t i = 0; i < span.size; i++) {
		uint64_t digit = (uint64_t)(span.at[i] - '0');

		if (span.at[i] < '0' || span.at[i] > '9' || number > (most - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*ret_number = number;
	return span.size > 0;
}

static enum http_method parse_method(struct span span)
{
	if (span_is(span, "GET"))
		return HTTP_GET;
	if (span_is(span, "HEAD"))
		return HTTP_HEAD;
	if (span_is(span, "POST"))
		return HTTP_POST;
	return HTTP_OTHER;
}

static int parse_target(struct http_request *request, struct span target)
{
	static const char scheme[] = "http://", bytes[] = "/bytes/";
	struct span path;

	if (target.size >= sizeof scheme - 1 && strncasecmp(target.at, scheme, sizeof scheme - 1) == 0) {
		target.at += sizeof scheme - 1;
		target.size -= sizeof scheme - 1;
		split(&target, '/');
		target.at--; /* the slash, or the byte before an empty path, which is refused below */
		target.size++;
	}
	path = split(&target, '?');
	if (path.size == 0 || path.at[0] != '/')
		return 400;
	request->route = HTTP_NOWHERE;
	if (path.size == 1)
		request->route = HTTP_ROOT;
	else if (path.size >= sizeof bytes - 1 && memcmp(path.at, bytes, sizeof bytes - 1) == 0 &&
		 parse_number((struct span){path.at + sizeof bytes - 1, path.size - (sizeof bytes - 1)},
			      HTTP_BYTES_MAX, &request->bytes))
		request->route = HTTP_BYTES;
	return HTTP_MORE;
}

static int parse_request_line(struct http_request *request, struct span line)
{
	struct span method = split(&line, ' '), target = split(&line, ' '), version = line;

	if (!is_token(method) || version.size != 8 || memcmp(version.at, "HTTP/", 5) != 0)
		return 400;
	if (version.at[5] != '1')
		return 505;
	if (version.at[6] != '.' || version.at[7] < '0' || version.at[7] > '9')
		return 400;
	request->old = version.at[7] == '0';
	request->method = parse_method(method);
	return parse_target(request, target);
}

static int header_connection(struct http_request *request, struct span value)
{
	while (value.size > 0) {
		struct span option = trim(split(&value, ','));

		request->close |= span_is_nocase(option, "close");
		request->keep |= span_is_nocase(option, "keep-alive");
	}
	return HTTP_MORE;
}

static int header_content_length(struct http_request *request, struct span value)
{
	uint64_t body;

	if (!parse_number(value, UINT64_MAX, &body) || (request->length && body != request->body))
		return 400;
	request->length = true;
	request->body = body;
	return HTTP_MORE;
}

static int header_expect(struct http_request *request, struct span value)
{
	request->expects = span_is_nocase(value, "100-continue");
	return HTTP_MORE;
}

static int header_host(struct http_request *request, struct span value)
{
	(void)value;
	if (request->host)
		return 400;
	request->host = true;
	return HTTP_MORE;
}

static int header_transfer_encoding(struct http_request *request, struct span value)
{
	(void)request;
	(void)value;
	return 501; /* guessing where such a body ends is how requests are smuggled */
}

static int header_token(struct http_request *request, struct span value)
{
	if (value.size >= sizeof request->token)
		return HTTP_MORE;
	memcpy(request->token, value.at, value.size);
	request->token[value.size] = '\0';
	return HTTP_MORE;
}

static int parse_header(struct http_request *request, struct span line)
{
	static const struct {
		const char *name;
		int (*parse)(struct http_request *request, struct span value);
	} headers[] = {
	    {"connection", header_connection}, {"content-length", header_content_length},
	    {"expect", header_expect},	       {"host", header_host},
	    {"x-wringer", header_token},       {"transfer-encoding", header_transfer_encoding},
	};
	struct span rest = line, name = split(&rest, ':'), value = trim(rest);

	if (name.size == line.size || !is_token(name))
		return 400;
	for (size_t i = 0; i < value.size; i++)
		if (((unsigned char)value.at[i] < ' ' && value.at[i] != '\t') || value.at[i] == 0x7f)
			return 400;
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
		if (span_is_nocase(name, headers[i].name))
			return headers[i].parse(request, value);
	return HTTP_MORE;
}

/* The empty line has come: is what we have a request? */
static int finish_head(const struct http_request *request)
{
	if (!request->host && !request->old)
		return 400;
	if (request->body > HTTP_BODY_MAX)
		return 413;
	return HTTP_DONE;
}

static int parse_line(struct http_parser *parser, struct span line)
{
	if (line.size > 0 && line.at[line.size - 1] == '\r')
		line.size--;
	if (parser->begun)
		return line.size > 0 ? parse_header(&parser->request, line) : finish_head(&parser->request);
	if (line.size == 0)
		return HTTP_MORE; /* an empty line before the request line is to be skipped: RFC 9112, 2.2 */
	parser->begun = true;
	return parse_request_line(&parser->request, line);
}

/* A line that is not whole yet: may it still become something? */
static int unfinished(struct http_parser *parser, struct span line)
{
	parser->scanned = line.size;
	if (parser->head + line.size > HTTP_HEAD_MAX)
		return 431;
	if (!parser->begun && line.size > 0 && line.at[0] != '\r' && !token_char(line.at[0]))
		return 400;
	return HTTP_MORE;
}

int http_parse(struct http_parser *parser, const char *data, size_t size, size_t *ret_used)
{
	struct span rest = {data, size};
	int result = HTTP_MORE;

	while (result == HTTP_MORE) {
		const char *end = memchr(rest.at + parser->scanned, '\n', rest.size - parser->scanned);

		if (!end) {
			result = unfinished(parser, rest);
			break;
		}
		parser->scanned = 0;
		parser->head += (size_t)(end - rest.at) + 1;
		if (parser->head > HTTP_HEAD_MAX)
			result = 431;
		else
			result = parse_line(parser, split(&rest, '\n'));
	}
	*ret_used = (size_t)(rest.at - data);
	return result;
}
