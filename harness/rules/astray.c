/* SPDX-License-Identifier: MIT */
/* Bytes of one connection that arrive on another. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/clock.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

#define TOKEN_SIZE  32
#define TOKEN_LEAST 6 /* shorter ones may occur by chance */

static const struct rule rules[] = {
    {
	.id = "cross-talk",
	.severity = SEVERITY_ERROR,
	.doc = "bytes that belong to one connection arrive on another",
	.why = "One client reads what was meant for somebody else: a wrong page at best, a session or a "
	       "password at "
	       "worst. It comes from state that is found by a number which has changed hands, and from "
	       "buffers that "
	       "are used again without being emptied; it takes two clients and the right moment, so it shows "
	       "under "
	       "load, in production, and cannot be undone.",
	.how = "Every request carries a token of its own, the canary's too, and every answer is checked byte "
	       "by byte. "
	       "The rule is broken when a wrong answer, or bytes nobody had asked for, contain the token of "
	       "a request "
	       "that another peer had sent before. Greetings and other text a server says by itself contain "
	       "no token "
	       "and do not count, nor does an answer to an earlier request of the same peer. Protocols that "
	       "do not "
	       "give the token back cannot show it.",
	.mend = "Keep output with the connection it is for, behind a pointer or a number with a generation, "
		"and throw it "
		"away when that one ends. Clear buffers when they are taken from a free list, not when they "
		"are put "
		"there.",
	.seen = "redis-py #2624; Tomcat CVE-2021-25122",
    },
};

struct token {
	char text[TOKEN_SIZE];
	char name[PEER_NAME]; /* its peer's, who may be long gone */
	int32_t peer;
	uint64_t at;
};

struct astray {
	struct token *tokens; /* the last LIMIT_TOKENS; after that the oldest are overwritten */
	size_t count, capacity, next;
	unsigned judged; /* wrong answers looked through */
};

static int remember(struct astray *astray, const struct world *world, const struct event *event)
{
	const struct peer_view *peer = world_touch(world)->peer;
	const char *text = event->data;
	struct token *tokens = astray->tokens, *token;

	if (event->size <= TOKEN_LEAST || event->size > TOKEN_SIZE || text[event->size - 1])
		return 0;
	if (astray->count < LIMIT_TOKENS) {
		tokens = array_grow(tokens, astray->count, &astray->capacity, sizeof(*tokens));
		if (!tokens)
			return -ENOMEM;
		astray->tokens = tokens;
		token = &tokens[astray->count++];
	} else {
		token = &tokens[astray->next++ % LIMIT_TOKENS];
	}
	*token = (struct token){.peer = event->peer, .at = event->at};
	memcpy(token->text, text, event->size);
	if (peer)
		memcpy(token->name, peer->name, sizeof(token->name));
	return 0;
}

/* A token of somebody else in there, and none of its own; NULL when there is none. */
static const struct token *stray(const struct astray *astray, const struct event *event)
{
	const struct token *found = NULL;

	for (size_t i = 0; i < astray->count; i++) {
		const struct token *token = &astray->tokens[i];

		if (token->peer != event->peer && (!found || token->at > found->at) &&
		    memmem(event->data, event->size, token->text, strlen(token->text)))
			found = token;
	}
	for (size_t i = 0; found && i < astray->count; i++)
		if (astray->tokens[i].peer == event->peer && strcmp(astray->tokens[i].text, found->text) == 0)
			return NULL;
	return found;
}

static int judge_wrong(struct judge *judge, struct astray *astray, const struct event *event)
{
	const struct world *world = judge_world(judge);
	const struct peer_view *peer = world_touch(world)->peer;
	const struct token *token;
	struct finding finding;
	char who[FACTS_WHO];

	if (!peer || !event->data || astray->judged++ >= LIMIT_WRONG_ANSWERS)
		return 0;
	token = stray(astray, event);
	if (!token)
		return 0;
	finding = finding_make(judge, &rules[0]);
	if (peer->conn)
		finding_about(&finding, judge, peer->conn);
	finding_of_peer(&finding, peer);
	finding.from = token->at;
	(void)snprintf(finding.message, sizeof(finding.message),
		       "%s received the token %s, which %s had sent %.3f s before on another connection",
		       facts_who(&finding, who, sizeof(who)), token->text,
		       token->name[0] ? token->name : "another peer", clock_seconds(event->at - token->at));
	return judge_report(judge, &finding);
}

static int astray_event(struct judge *judge, void *state, const struct event *event)
{
	struct astray *astray = state;

	if (event->kind != EV_PEER)
		return 0;
	if (event->what == PEER_REQUEST)
		return remember(astray, judge_world(judge), event);
	return event->what == PEER_WRONG ? judge_wrong(judge, astray, event) : 0;
}

static void astray_release(void *state)
{
	free(((struct astray *)state)->tokens);
}

static bool astray_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return !contents->wrong;
}

const struct rule_family astray_family = {
    .name = "astray",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct astray),
    .silent = astray_silent,
    .kinds = KIND(EV_PEER),
    .event = astray_event,
    .release = astray_release,
};
