/* SPDX-License-Identifier: MIT */
#include "common/session.h"

#include <stdio.h>
#include <string.h>

/* The head of an answer and a small body fit in this. */
#define ANSWER_MAX 1024u
/* Input that is read and dropped after the end, so that closing does not reset. */
#define DROPPED_MAX ((uint64_t)16 << 20)

static void run(struct session *session);

void session_start(struct session *session, enum speaks speaks)
{
	/* Not one assignment: the buffers need no zeroes, and their pages stay untouched until used. */
	session->speaks = speaks;
	session->state = SESSION_HEAD;
	session->eof = session->last = false;
	session->requests = session->body_left = session->dropped = 0;
	session->answer_at = session->answer_size = 0;
	http_parser_reset(&session->parser);
	fifo_clear(&session->in);
	fifo_clear(&session->out);
}

bool session_wants(const struct session *session)
{
	if (session->eof)
		return false;
	if (session->state == SESSION_END)
		return session->dropped < DROPPED_MAX;
	if (session->speaks == SPEAKS_ECHO)
		return fifo_used(&session->out) <= FIFO_SIZE / 2;
	return fifo_free(&session->in) > 0;
}

static struct fifo *inlet(struct session *session)
{
	bool direct = session->speaks == SPEAKS_ECHO && session->state != SESSION_END;

	return direct ? &session->out : &session->in;
}

char *session_space(struct session *session, size_t *ret_size)
{
	*ret_size = fifo_free(inlet(session));
	return fifo_space(inlet(session));
}

void session_fed(struct session *session, size_t size)
{
	fifo_added(inlet(session), size);
	run(session);
}

void session_eof(struct session *session)
{
	session->eof = true;
	run(session);
}

const char *session_output(const struct session *session, size_t *ret_size)
{
	*ret_size = fifo_used(&session->out);
	return fifo_bytes(&session->out);
}

bool session_speaks(const struct session *session)
{
	return fifo_used(&session->out) > 0;
}

void session_sent(struct session *session, size_t size)
{
	fifo_take(&session->out, size);
	run(session);
}

bool session_finished(const struct session *session)
{
	return session->state == SESSION_END && !session_speaks(session);
}

enum session_phase session_phase(const struct session *session)
{
	if (session_speaks(session) || session->state == SESSION_ANSWER)
		return PHASE_ANSWER;
	if (session->state == SESSION_END)
		return PHASE_LINGER;
	if (session->state == SESSION_BODY)
		return PHASE_BODY;
	return http_parser_idle(&session->parser) ? PHASE_IDLE : PHASE_HEAD;
}

/* Appends an answer's head, and its body when that is given. size is what Content-Length says. */
static void put_answer(struct session *session, int status, uint64_t size, const char *body)
{
	const struct http_request *request = &session->parser.request;
	bool named = request->token[0] != '\0';
	char text[ANSWER_MAX];
	int length;

	length =
	    snprintf(text, sizeof text,
		     "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %llu\r\n%s%s%s%s%s\r\n%s",
		     status, http_reason(status), (unsigned long long)size, named ? "X-Wringer: " : "",
		     request->token, named ? "\r\n" : "", status == 405 ? "Allow: GET, HEAD, POST\r\n" : "",
		     session->last  ? "Connection: close\r\n"
		     : request->old ? "Connection: keep-alive\r\n"
				    : "",
		     body);
	fifo_put(&session->out, text, (size_t)length);
}

/* Answers with a small body, whole at once. */
static void put_small(struct session *session, int status)
{
	const struct http_request *request = &session->parser.request;
	char body[HTTP_TOKEN_MAX + 64];
	int length;

	length = snprintf(body, sizeof body, "%s%s%s\n", status == 200 ? "hello" : http_reason(status),
			  request->token[0] ? " " : "", request->token);
	put_answer(session, status, (uint64_t)length, request->method == HTTP_HEAD ? "" : body);
	session->answer_at = session->answer_size = 0;
}

static void refuse(struct session *session, int status)
{
	session->last = true;
	put_small(session, status);
	session->state = SESSION_END;
}

static void answer(struct session *session)
{
	const struct http_request *request = &session->parser.request;

	session->last |= !http_keeps(request);
	session->state = SESSION_ANSWER;
	if (request->method == HTTP_OTHER) {
		put_small(session, 405);
	} else if (request->route == HTTP_BYTES) {
		put_answer(session, 200, request->bytes, "");
		session->answer_at = 0;
		session->answer_size = request->method == HTTP_HEAD ? 0 : request->bytes;
	} else {
		put_small(session, request->route == HTTP_ROOT ? 200 : 404);
	}
}

static bool step_head(struct session *session)
{
	size_t used;
	int result;

	if (fifo_free(&session->out) < ANSWER_MAX)
		return false; /* its answer would not fit: the peer must read first */
	result = http_parse(&session->parser, fifo_bytes(&session->in), fifo_used(&session->in), &used);
	fifo_take(&session->in, used);
	if (result == HTTP_MORE) {
		if (session->eof)
			session->state = SESSION_END;
		return false;
	}
	session->requests++;
	if (result != HTTP_DONE) {
		refuse(session, result);
		return true;
	}
	session->body_left = session->parser.request.body;
	session->state = SESSION_BODY;
	if (session->parser.request.expects && session->body_left > 0 && fifo_used(&session->in) == 0)
		fifo_put(&session->out, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	return true;
}

static bool step_body(struct session *session)
{
	size_t size = fifo_used(&session->in);

	if (size > session->body_left)
		size = (size_t)session->body_left;
	fifo_take(&session->in, size);
	session->body_left -= size;
	if (session->body_left > 0) {
		if (session->eof)
			session->state = SESSION_END;
		return false;
	}
	if (fifo_free(&session->out) < ANSWER_MAX)
		return false;
	answer(session);
	return true;
}

/* The pattern of /bytes/N: a to z, over and over. */
static void make_bytes(struct session *session)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
	uint64_t left = session->answer_size - session->answer_at;
	size_t size = fifo_free(&session->out), made;
	char *space = fifo_space(&session->out);

	if (size > left)
		size = (size_t)left;
	/* once around the alphabet, then twice as much of the same each time */
	made = size < 26 ? size : 26;
	memcpy(space, letters + session->answer_at % 26, made);
	for (size_t more; made < size; made += more) {
		more = size - made < made ? size - made : made;
		memcpy(space + made, space, more);
	}
	fifo_added(&session->out, size);
	session->answer_at += size;
}

static bool step_answer(struct session *session)
{
	if (fifo_free(&session->out) >= FIFO_SIZE / 2)
		make_bytes(session);
	if (session->answer_at < session->answer_size)
		return false;
	session->state = session->last ? SESSION_END : SESSION_HEAD;
	if (!session->last)
		http_parser_reset(&session->parser);
	return true;
}

static bool step_end(struct session *session)
{
	session->dropped += fifo_used(&session->in);
	fifo_clear(&session->in);
	return false;
}

static void run_echo(struct session *session)
{
	if (session->eof && !session_speaks(session))
		session->state = SESSION_END;
	if (session->state == SESSION_END)
		step_end(session);
}

static void run(struct session *session)
{
	static bool (*const steps[])(struct session *) = {
	    [SESSION_HEAD] = step_head,
	    [SESSION_BODY] = step_body,
	    [SESSION_ANSWER] = step_answer,
	    [SESSION_END] = step_end,
	};

	if (session->speaks == SPEAKS_ECHO)
		run_echo(session);
	else
		while (steps[session->state](session))
			;
}

void session_timed_out(struct session *session)
{
	if (session->state == SESSION_HEAD && fifo_free(&session->out) >= ANSWER_MAX)
		refuse(session, 408);
	else
		session->state = SESSION_END;
	step_end(session);
}

void session_stop(struct session *session)
{
	session->last = true;
	if (session->speaks == SPEAKS_ECHO || session->state == SESSION_HEAD)
		session->state = SESSION_END;
	run(session);
}
