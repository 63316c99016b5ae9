/* SPDX-License-Identifier: MIT */
/* What came of a case: the report's "cases" entry. Travels from the case's process to the front as JSON. */
#ifndef WRINGER_RUN_RESULT_H
#define WRINGER_RUN_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "rules/judge.h"

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_BROKEN, VERDICT_SKIP };

const char *verdict_name(enum verdict verdict);
/* 0, or -1 for a word that is no verdict. */
int verdict_parse(const char *name, enum verdict *ret_verdict);

struct result_finding {
	struct finding finding; /* its rule points into the rule list */
	char peer[16];		/* name, "" none */
	struct evidence_list evidence;
};

struct result_mask {
	uint64_t at;
	int32_t fd;
	char peer[16];
	uint32_t events;
};

/* What came of one peer's fault (run/reactions.h). */
struct result_reaction {
	char peer[16], fault[16];
	uint64_t at;	      /* of the fault */
	int64_t closed_after; /* ns from the peer's last act to the close of the fd; -1 never closed */
	uint32_t calls;	      /* on that fd from the fault on, the close included */
	char told[200];	      /* masks and completions from the fault on, each once, joined by ", " */
	char saw[64];	      /* by the peer: "answer, FIN"; "" nothing */
};

/* Findings that a known deviation covers, those of one rule together: they are no findings any more. */
struct result_ignored {
	const struct rule *rule;
	uint32_t count;
	char message[256]; /* of the first */
};

struct result_measures {
	double canary_p50_ms, canary_p99_ms, base_p99_ms;
	int64_t fds_before, fds_after; /* -1 unknown */
	double cpu_seconds;
	uint64_t epoll_waits, calls, faults_delivered;
};

struct result {
	char scenario[64], target[64];
	enum verdict verdict;
	char reason[512]; /* "" none */
	bool unready;	  /* broken, for the target never came to listen, or to answer as the protocol says */
	double seconds;
	uint32_t round;	   /* of --repeat, 1 … */
	char journal[256]; /* path when kept, "" else */
	char output[1024]; /* the target's last lines when the case did not pass */
	struct result_finding *findings;
	size_t finding_count;
	struct result_ignored *ignored;
	size_t ignored_count;
	struct result_reaction *reactions; /* at most 32 */
	size_t reaction_count;
	struct result_mask *masks; /* distinct masks reported for peers that misbehaved, at most 64 */
	size_t mask_count;
	struct result_measures measures;
};

/* An empty result: broken, with nothing known. Texts may be NULL. */
void result_init(struct result *result, const char *scenario, const char *target);
/* Copies text into out, cut to size-1 bytes; NULL gives "". */
void result_text(char *out, size_t size, const char *text);

/* Whether a finding of severity error is among them. */
bool result_convicts(const struct result *result);

struct cJSON;
/* NULL: out of memory. Exactly CONTRACT.md's case object. */
struct cJSON *result_to_json(const struct result *result);
/* Members that are missing or null mean "none". 0; -EBADMSG (a wrong type, a rule nobody knows) or -ENOMEM
 * with error. */
int result_from_json(const struct cJSON *json, struct result *ret_result, struct error *error);
void result_free(struct result *result); /* its parts, not itself */

#endif
