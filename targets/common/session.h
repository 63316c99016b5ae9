/* SPDX-License-Identifier: MIT */
/*
 * What a connection says, without the connection: bytes in, bytes out. Pure (no system call, no clock, no
 * allocation), so that it serves readiness loops and completion loops alike, and can be fuzzed.
 *
 *     recv ──> session_space, session_fed ──> [in] ── request
 *                                                        │
 *     send <── session_output, session_sent <── [out] ── answer
 *
 * echo: what comes in goes out; reading stops while `out` is half full (back-pressure).
 * http: GET, HEAD and POST of / (a line with the token of X-Wringer) and /bytes/N (a pattern, made as it is
 * sent).
 */
#ifndef TARGETS_SESSION_H
#define TARGETS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/fifo.h"
#include "common/http.h"

enum speaks { SPEAKS_ECHO, SPEAKS_HTTP };

enum session_state {
	SESSION_HEAD,	/* reading a request's head */
	SESSION_BODY,	/* dropping its body */
	SESSION_ANSWER, /* making its answer */
	SESSION_END,	/* nothing more will be understood; what is in `out` is still to be sent */
};

/* What the session waits for, for whoever sets timeouts. */
enum session_phase {
	PHASE_IDLE,   /* nothing under way */
	PHASE_HEAD,   /* part of a head has come */
	PHASE_BODY,   /* part of a body is missing */
	PHASE_ANSWER, /* the peer must read */
	PHASE_LINGER, /* all is said; the peer should close */
	PHASES
};

struct session {
	enum speaks speaks;
	enum session_state state;
	bool eof;	   /* the peer sends no more */
	bool last;	   /* no request is taken after the present one */
	uint64_t requests; /* heads read */
	uint64_t body_left;
	uint64_t answer_at, answer_size;
	uint64_t dropped; /* input after the end */
	struct http_parser parser;
	struct fifo in, out; /* echo uses `out` alone */
};

void session_start(struct session *session, enum speaks speaks);

/* Whether input is wanted now. False is back-pressure (it will be after session_sent), the peer's EOF, or
 * enough is enough. */
bool session_wants(const struct session *session);
/* Where input goes: *ret_size bytes, at least 1 when session_wants(). */
char *session_space(struct session *session, size_t *ret_size);
/* That much was written to session_space(). */
void session_fed(struct session *session, size_t size);
/* The peer's FIN was read: whole requests are still answered, an unfinished one is dropped. */
void session_eof(struct session *session);

/* What is to be sent now; *ret_size 0: nothing. */
const char *session_output(const struct session *session, size_t *ret_size);
bool session_speaks(const struct session *session); /* there is output */
void session_sent(struct session *session, size_t size);

/* All has been said: the connection should be closed, after reading what the peer still sends (session_wants
 * tells). */
bool session_finished(const struct session *session);
enum session_phase session_phase(const struct session *session);

/* A head took too long: says so, and ends. */
void session_timed_out(struct session *session);
/* The server is to stop: finishes the answer under way, takes nothing new. */
void session_stop(struct session *session);

#endif
