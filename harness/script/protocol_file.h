/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * A protocol file:
 *
 *   return protocol {
 *     "http", doc = "…", offers = { "protocol", "partial", … },
 *     request  = function(kind, token, bytes, settings)
 *                  kind: "whole", "last", "big" or "body". Returns the bytes, or nil when there is no such request
 *     answer   = function(kind, token, bytes, data, closed)
 *                  data: a view (view.h). Returns its length when whole and right; 0, announced when more is needed;
 *                  nil, "expected …, received …" when it is wrong
 *     closes   = function(data)
 *                  whether that answer, whole and right, says that the target closes the connection behind it; need not be there
 *     greeting = function(data)
 *                  its length; 0; or nil, "expected …, received …"; with "greets" only
 *   }
 *
 * `settings` is also a global while the file is loaded; `quote(text)` makes bytes fit for a message; `use` is use.h's. The file keeps
 * what it learns in its own locals: one state a protocol, for as long as the process lives.
 */
/* clang-format on */
#ifndef WRINGER_SCRIPT_PROTOCOL_FILE_H
#define WRINGER_SCRIPT_PROTOCOL_FILE_H

#include "peer/protocol.h"
#include "run/case.h"
#include "script/lua_box.h"

struct protocol_file {
	struct protocol protocol;
	struct lua_box box;
	struct buf source;
	char *name, *doc, *file;
	struct view *view;		    /* the one every answer is looked at through */
	const char *folder;		    /* while it is loaded: where `use` finds what is not beside it */
	const struct run_setting *settings; /* the same */
	size_t setting_count;
};

/* The protocol's functions, on top of its state. */
int protocol_file_request(const struct protocol *protocol, enum request_kind kind, const char *token,
			  uint64_t bytes, struct buf *out);
int64_t protocol_file_answer(const struct protocol *protocol, enum request_kind kind, const char *token,
			     uint64_t bytes, const char *data, size_t size, bool closed,
			     uint64_t *ret_announced, struct buf *why);
/* A function that fails is taken for a no: the answer was right all the same. */
bool protocol_file_closes(const struct protocol *protocol, const char *data, size_t size);
int64_t protocol_file_greeting(const struct protocol *protocol, const char *data, size_t size,
			       struct buf *why);

/* Names in the registry. */
#define PROTOCOL_TABLE	  "wringer.protocol"
#define PROTOCOL_VIEW	  "wringer.protocol.view"
#define PROTOCOL_SETTINGS "wringer.protocol.settings"

#endif
