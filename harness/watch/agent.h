/* SPDX-License-Identifier: MIT */
/*
 * The watcher's side of the agent (agent/share.h): the shared file, who owns which slot, and what came
 * through the rings. All but agent_new and agent_free are called under the tracer's lock.
 */
#ifndef WRINGER_WATCH_AGENT_H
#define WRINGER_WATCH_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

struct agent;
struct event;
struct fault_set;
struct tracee;
struct tracer;
struct watch_target;

/* Whether there is an agent, and room for what is shared with it: 0, -ENOENT, -EACCES or -ENOSPC with error.
 */
int agent_available(struct error *error);
/* Makes the shared file and finds the agent's own. The set keeps its faults there, and gets them back.
 * 0, -ENOENT (no agent is installed), or the errno of the file. */
int agent_new(struct fault_set *faults, struct agent **ret_agent, struct error *error);
void agent_free(struct agent *agent);

/* The environment of the target with the agent preloaded; the agent's. NULL: out of memory. */
char *const *agent_environment(struct agent *agent, char *const *envp);

/* What the target's threads have told until now goes to the journal, in order of time, up to so many records.
 * How many it was. A long record counts as several (RECORD_WORTH). */
uint64_t agent_collect(struct tracer *tracer, uint64_t most);
/* Sleeps until there is something to collect, or agent_wake is called, a tenth of a second at most. Not under
 * the lock. */
void agent_sleep(struct agent *agent);
/* The target is gone: agent_over is true from here on, and nobody sleeps. */
void agent_wake(struct agent *agent);
bool agent_over(const struct agent *agent);

/* Whether the call a tracee is entering is its asking for a slot; then gives it one and skips the call. */
bool agent_claimed(struct tracer *tracer, struct tracee *tracee);
/* A call that a tracee made the slow way is through, and what it did to numbers is not followed yet. */
void agent_watch_numbers(struct agent *agent, const struct tracee *tracee, const struct event *event);
/* From now on the agent does not rely on what it knows of numbers. */
void agent_doubt(struct agent *agent);
/* A tracee is over, or passed exec: what it told has been collected. */
void agent_release(struct agent *agent, struct tracee *tracee);
/* A tracee has passed exec, and its program has not begun: one that would not run with the agent is spared
 * it. */
void agent_exec(struct tracer *tracer, const struct tracee *tracee);
/* A process is there, before its first instruction runs. */
void agent_born(struct agent *agent);
/* Threads without thread-local memory of their own: while there are any, all go the slow way. */
void agent_mute(struct agent *agent, int more);
/* A tracee is about to forbid itself calls, and knows nothing of those that the agent adds: from now on all
 * go the slow way, which is no other call than the target's. */
void agent_sandboxed(struct tracer *tracer, const struct tracee *tracee);
/* A signal stop: a call on the fast way that it interrupts is journalled here, before the signal is. */
void agent_interrupted(struct tracer *tracer, struct tracee *tracee, int signo);
/* How often a thread of the target waited for room, and how many slots were given. */
uint64_t agent_waits(const struct agent *agent);
uint64_t agent_claims(const struct agent *agent);
/* Whether what was collected lately is a long row of calls that achieved nothing. */
bool agent_spins(const struct agent *agent);

#endif
